"""A small server that speaks enough RESP for mcrelay's handshake, and then misbehaves as told.

`answer(words)` of a test gives the bytes for a data command: None for the honest answer, b"" for
silence, or a Drop: bytes to send before the connection is closed. Threads, one per connection.
"""

import hashlib
import socket
import threading
import time

from support.servers import LOOPBACK, Port

OK = b"+OK\r\n"
HANDSHAKE = {b"AUTH", b"SELECT", b"CLIENT", b"SCRIPT", b"HELLO", b"PING", b"INFO", b"READONLY", b"CONFIG",
             b"COMMAND", b"ROLE", b"ECHO", b"DBSIZE"}


class Drop:
    """Send these bytes, then close."""

    def __init__(self, data=b""):
        self.data = data


class FakeRedis:
    def __init__(self, answer=None, drop_at_once=False):
        self.answer = answer or (lambda words: None)
        self.drop_at_once = drop_at_once
        self.items = {}
        self.commands = []
        self.connect_times = []
        self.connections = set()
        self.lock = threading.Lock()
        self.port_lock = Port()
        self.port = self.port_lock.number
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((LOOPBACK, self.port))
        self.listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def location(self):
        return f"{LOOPBACK}:{self.port}:0"

    def close(self):
        self.listener.close()
        with self.lock:
            for connection in self.connections:
                hang_up(connection)
        self.port_lock.release()

    def push(self, data):
        """Sends bytes nobody asked for over every connection."""
        with self.lock:
            for connection in self.connections:
                try:
                    connection.sendall(data)
                except OSError:
                    pass

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connect_times.append(time.monotonic())
            if self.drop_at_once:
                connection.close()
                continue
            with self.lock:
                self.connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            stream = connection.makefile("rb")
            while words := read_command(stream):
                self.commands.append(words[0].upper())
                data = self._reply(words)
                if isinstance(data, Drop):
                    connection.sendall(data.data)
                    hang_up(connection)
                    return
                connection.sendall(data)
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.connections.discard(connection)
            connection.close()

    def _reply(self, words):
        name = words[0].upper()
        if name in HANDSHAKE:
            return handshake_reply(name, words)
        told = self.answer(words)
        return self._honest(name, words) if told is None else told

    def _honest(self, name, words):
        """A memory of strings; of the scripts only the removal of a stale item, sent by EVAL."""
        if name == b"GET":
            return bulk(self.items.get(words[1]))
        if name == b"MGET":
            return b"*%d\r\n" % (len(words) - 1) + b"".join(bulk(self.items.get(k)) for k in words[1:])
        if name == b"SET":
            self.items[words[1]] = words[2]
            return OK
        if name in (b"UNLINK", b"DEL"):
            return b":%d\r\n" % sum(self.items.pop(key, None) is not None for key in words[1:])
        if name == b"EVAL" and len(words) == 5:
            return self._remove_if_older(words[3], words[4])
        if name == b"EXISTS":
            return b":%d\r\n" % (words[1] in self.items)
        return b"-ERR fake server does not know this command\r\n"


    def _remove_if_older(self, key, cas):
        item = self.items.get(key)
        if item is None or item.startswith(b"\xc1\x8d") and item[8:16] >= cas:
            return b":0\r\n"
        del self.items[key]
        return b":1\r\n"


def hang_up(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    connection.close()


def bulk(data):
    return b"$-1\r\n" if data is None else b"$%d\r\n%s\r\n" % (len(data), data)


def handshake_reply(name, words):
    what = words[1].upper() if len(words) > 1 else b""
    if name == b"SCRIPT" and what == b"LOAD":
        return bulk(hashlib.sha1(words[2]).hexdigest().encode())
    if name == b"CLIENT" and what == b"ID":
        return b":7\r\n"
    if name == b"CLIENT" and what == b"INFO":
        return bulk(b"id=7 addr=127.0.0.1:1 laddr=127.0.0.1:2 fd=8 name= db=0")
    if name == b"CLIENT" and what == b"KILL":
        return b":0\r\n"
    if name == b"HELLO":
        return b"-ERR unknown command 'HELLO'\r\n"
    if name == b"PING":
        return b"+PONG\r\n"
    if name in (b"INFO", b"ECHO"):
        return bulk(b"# Server\r\nredis_version:7.0.15\r\n")
    if name == b"DBSIZE":
        return b":0\r\n"
    return OK


def read_command(stream):
    """One array of bulk strings; empty at the end of the stream."""
    line = stream.readline()
    if not line:
        return []
    if not line.startswith(b"*"):
        raise ValueError(line)
    words = []
    for _ in range(int(line[1:])):
        size = int(stream.readline()[1:])
        words.append(stream.read(size + 2)[:-2])
    return words
