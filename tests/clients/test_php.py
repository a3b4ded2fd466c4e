"""php-memcached against mcrelay, through client.php."""

import os
import unittest

from scenario import ClientTestCase

CHECKS = ["set", "get", "types", "miss", "setMulti", "getMulti", "getMulti order", "add", "replace",
          "append", "cas", "cas refused", "increment", "increment missing", "touch", "expiry",
          "absolute expiry", "delete", "deleteMulti", "large value", "version", "flush"]


class Php(ClientTestCase):
    def test_client(self):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "client.php")
        self.run_script(["php", script, "127.0.0.1", str(self.daemon.port)],
                        "php-cli php-memcached", CHECKS)


if __name__ == "__main__":
    unittest.main()
