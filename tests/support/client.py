"""Clients that see bytes: one for memcached's text protocol, one for Redis.

Client reads *units*: one answer line with its end, or a VALUE/VA line together with its data block.
The grammar is all it knows, so that comparisons are byte exact, and everything has a deadline, so
that a hang is a failure at once.
"""

import select
import time

from support.servers import connect, patience

ANSWER_LIMIT_S = 5.0


class HangError(AssertionError):
    """Nothing came within the limit."""


class ClosedError(AssertionError):
    """The server closed the connection where an answer was due."""


class Client:
    """One connection. Sending also reads, so no pipeline is too long for the socket buffers."""

    def __init__(self, address, limit_s=ANSWER_LIMIT_S):
        self.limit_s = limit_s
        self.sock = connect(address, patience(limit_s))
        self.sock.setblocking(False)
        self.received = bytearray()
        self.ended = False
        self.sent_tail = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    # Bytes.

    def _receive(self):
        try:
            data = self.sock.recv(1 << 18)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            self.ended = True
        self.received += data

    def _wait(self, deadline, what, writing=False):
        """Waits for bytes (or room to write); true when the socket can be written."""
        left = deadline - time.monotonic()
        readers = [] if self.ended else [self.sock]
        readable, writable, _ = select.select(readers, [self.sock] if writing else [], [],
                                              max(left, 0))
        if readable:
            self._receive()
        if not readable and not writable:
            raise HangError(f"{what}: nothing for {patience(self.limit_s):g} s; after sending "
                            f"...{self.sent_tail!r}, got {bytes(self.received[-400:])!r}")
        return bool(writable)

    def send(self, data, limit_s=None):
        """Sends all of it, taking in what the server answers meanwhile."""
        view = memoryview(data)
        self.sent_tail = bytes(view[-160:])
        while view:
            deadline = time.monotonic() + patience(limit_s or self.limit_s)
            if self._wait(deadline, "cannot send", writing=True):
                try:
                    view = view[self.sock.send(view):]
                except BlockingIOError:
                    pass
                except (BrokenPipeError, ConnectionResetError):
                    raise ClosedError(f"closed while sending ...{self.sent_tail!r}") from None

    def _fill(self, deadline, what):
        if self.ended:
            raise ClosedError(f"{what}: connection closed; after sending ...{self.sent_tail!r}, "
                              f"left over {bytes(self.received[-400:])!r}")
        self._wait(deadline, what)

    def unit(self, limit_s=None):
        """The next unit. A key cannot hold LF but may hold CR, so LF ends a line."""
        deadline = time.monotonic() + patience(limit_s or self.limit_s)
        scanned = 0
        while True:
            end = self.received.find(b"\n", scanned)
            if end >= 0:
                break
            scanned = len(self.received)
            self._fill(deadline, "waiting for an answer line")
        size = end + 1 + self._block_bytes(bytes(self.received[:end + 1]))
        while len(self.received) < size:
            self._fill(deadline, "waiting for a data block")
        unit = bytes(self.received[:size])
        del self.received[:size]
        return unit

    @staticmethod
    def _block_bytes(line):
        words = line.rstrip(b"\r\n").split(b" ")
        if words[0] == b"VALUE" and len(words) >= 4 and words[3].isdigit():
            return int(words[3]) + 2
        if words[0] == b"VA" and len(words) >= 2 and words[1].isdigit():
            return int(words[1]) + 2
        return 0

    # Units.

    def units(self, count, limit_s=None):
        return [self.unit(limit_s) for _ in range(count)]

    def until(self, start, limit_s=None):
        """All units up to and without the first that starts with `start`."""
        units = []
        while True:
            unit = self.unit(limit_s)
            if unit.startswith(start):
                return units
            units.append(unit)

    def call(self, data, count=1, limit_s=None):
        """Sends, and joins the next `count` units."""
        self.send(data)
        return b"".join(self.units(count, limit_s))

    def values(self, data, limit_s=None):
        """Sends a retrieval; its answer up to END or an error line, all bytes."""
        self.send(data)
        units = []
        while True:
            units.append(self.unit(limit_s))
            if not units[-1].startswith(b"VALUE "):
                return b"".join(units)

    def get(self, key, limit_s=None):
        """The value of one key; None for a miss; an error line raises."""
        answer = self.values(b"get " + key + b"\r\n", limit_s)
        if answer == b"END\r\n":
            return None
        line, _, rest = answer.partition(b"\r\n")
        if not line.startswith(b"VALUE " + key + b" ") or not rest.endswith(b"\r\nEND\r\n"):
            raise AssertionError(f"get {key!r} answered {answer[:300]!r}")
        return rest[:-7]

    def gets_cas(self, key):
        """The CAS unique of a present key."""
        line = self.values(b"gets " + key + b"\r\n").partition(b"\r\n")[0]
        return int(line.split(b" ")[4])

    def set(self, key, value, flags=0, exptime=0, verb=b"set", limit_s=None):
        head = b"%s %s %d %d %d\r\n" % (verb, key, flags, exptime, len(value))
        return self.call(head + value + b"\r\n", limit_s=limit_s)

    def expect_closed(self, limit_s=None):
        """Waits for the server's end of stream; whatever came before it is returned."""
        deadline = time.monotonic() + patience(limit_s or self.limit_s)
        while not self.ended:
            self._wait(deadline, "waiting for the connection to be closed")
        data = bytes(self.received)
        self.received.clear()
        return data

    def expect_quiet(self, seconds=0.05):
        """Nothing (more) may come for a short while."""
        deadline = time.monotonic() + seconds
        while not self.received and not self.ended:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            readable, _, _ = select.select([self.sock], [], [], left)
            if readable:
                self._receive()
        raise AssertionError(f"silence was due, got {bytes(self.received[:300])!r}"
                             f"{' and a close' if self.ended else ''}")


class RedisReplyError(Exception):
    """An error reply of Redis."""


class RedisClient:
    """Just enough of RESP2 to look at what mcrelay stored, and to prepare servers."""

    def __init__(self, address, password=None, db=0):
        self.sock = connect(address, patience(5))
        self.file = self.sock.makefile("rb")
        if password:
            self.call("AUTH", password)
        if db:
            self.call("SELECT", db)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.sock.close()

    @staticmethod
    def encode(words):
        encoded = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in encoded)

    def call(self, *words):
        self.sock.sendall(self.encode(words))
        return self.reply()

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b"-":
            raise RedisReplyError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            if int(rest) < 0:
                return None
            return self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if int(rest) < 0 else [self.reply() for _ in range(int(rest))]
        raise ConnectionError(f"not RESP: {line!r}")
