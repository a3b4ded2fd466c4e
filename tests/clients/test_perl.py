"""Perl's Cache::Memcached::Fast against mcrelay, through client.pl."""

import os
import unittest

from scenario import ClientTestCase

CHECKS = ["set", "get", "set_multi", "get_multi", "add", "replace", "append", "cas", "cas refused",
          "incr", "incr_multi", "touch", "gat", "delete", "large value", "types", "unix socket",
          "version", "nowait", "flush_all"]


class Perl(ClientTestCase):
    def test_client(self):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "client.pl")
        self.run_script(["perl", script, f"127.0.0.1:{self.daemon.port}", self.daemon.socket_path],
                        "libcache-memcached-fast-perl", CHECKS)


if __name__ == "__main__":
    unittest.main()
