"""A TCP wire between mcrelay and a server: can be cut, or held, without touching either end."""

import select
import socket
import threading

from support.servers import LOOPBACK, Port, connect


class Wire:
    """Forwards to `target`. hold() keeps all bytes (nothing is lost), release() lets them go on;
    cut() ends all connections and refuses new ones until mend(). leave() ends them for mcrelay only:
    what is on its way, as after hold(), reaches the server at arrive(), as through a slow proxy."""

    def __init__(self, target):
        self.target = target
        self.port_lock = Port()
        self.port = self.port_lock.number
        self.held = threading.Event()
        self.left, self.arrived = [], threading.Event()
        self.closed = False
        self.pairs = []
        self.listener = None
        self.mend()

    def location(self, db=0):
        return f"{LOOPBACK}:{self.port}:{db}"

    def hold(self):
        self.held.set()

    def release(self):
        self.held.clear()

    def mend(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, self.port))
        listener.listen(64)
        self.listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self):
        # shutdown() wakes the thread in accept(), which otherwise keeps the port listening.
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.drop_connections()

    def drop_connections(self):
        """Ends the connections there are; new ones are taken."""
        pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for sock in pair:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def holds_bytes(self):
        """Of mcrelay's, while held."""
        return any(select.select([client], [], [], 0)[0] for client, _ in self.pairs)

    def leave(self):
        self.left, self.pairs = self.pairs, []
        for client, _ in self.left:
            client.shutdown(socket.SHUT_WR)

    def arrive(self):
        self.arrived.set()

    def close(self):
        self.closed = True
        self.arrived.set()
        self.held.clear()
        self.cut()
        self.port_lock.release()

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = connect(self.target, 5)
            except OSError:
                client.close()
                continue
            pair = (client, server)
            self.pairs.append(pair)
            threading.Thread(target=self._forward, args=(pair,), daemon=True).start()

    def _forward(self, pair):
        other = {pair[0]: pair[1], pair[1]: pair[0]}
        try:
            while not self.closed:
                readable, _, _ = select.select(pair, [], [], 0.05)
                for sock in readable:
                    if self.held.is_set():
                        select.select([], [], [], 0.01)
                        continue
                    if pair in self.left:
                        self.arrived.wait()
                    data = sock.recv(1 << 16)
                    if not data:
                        return
                    other[sock].sendall(data)
        except OSError:
            pass
        finally:
            for sock in pair:
                sock.close()
