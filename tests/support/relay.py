"""A relay to a server that can hold its answers back: a server that is far away."""

import socket
import threading
import time

from support.servers import LOOPBACK, connect


class Relay:
    """Listens on `port` of loopback. `delay_s` may be changed at any time."""

    def __init__(self, port, target):
        self.delay_s = 0.0
        self.target = target
        self.sockets = []
        self.listener = socket.create_server((LOOPBACK, port.number))
        self.port = port
        self.accepts = threading.Thread(target=self._accept, daemon=True)
        self.accepts.start()

    @property
    def location(self):
        return f"{LOOPBACK}:{self.port.number}"

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = connect(self.target, None)
            except OSError:
                near.close()
                continue
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sockets += [near, far]
            threading.Thread(target=self._copy, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._copy, args=(far, near, True), daemon=True).start()

    def _copy(self, source, sink, answers):
        try:
            while data := source.recv(65536):
                if answers:
                    time.sleep(self.delay_s)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # ends a thread's accept(), as closing would not
        self.accepts.join()
        for one in [self.listener, *self.sockets]:
            one.close()
        self.port.release()
