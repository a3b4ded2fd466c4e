"""The base of the system tests: owns a fleet of servers and judges the daemons at the end."""

import unittest

from support.servers import Fleet


class FleetTestCase(unittest.TestCase):
    """Each test has self.fleet. At its end every mcrelay of it must be alive (unless the test ended
    it), must have given back its descriptors, must end with status 0 on SIGTERM and must not have
    logged a sanitizer report or a failed assertion."""

    maxDiff = 4000

    def setUp(self):
        self.fleet = Fleet()
        self.addCleanup(self._close_fleet)

    def _close_fleet(self):
        problems = self.fleet.close()
        if problems:
            self.fail("\n".join(problems))

    def one_shard(self, *arguments, unix=False, **options):
        """(redis, mcrelay) with one server behind."""
        redis = self.fleet.redis()
        daemon = self.fleet.mcrelay(*arguments, backends=[redis.location(unix)], **options)
        return redis, daemon

    def open(self, daemon, **options):
        """A client that the test need not close; it is closed before the daemon is judged."""
        client = daemon.client(**options)
        self.fleet.closers.callback(client.close)
        return client


class SharedFleetTestCase(unittest.TestCase):
    """As FleetTestCase, with one fleet for all tests of the class: build it in prepare()."""

    maxDiff = 4000

    @classmethod
    def prepare(cls):
        raise NotImplementedError

    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.addClassCleanup(cls._close_fleet)
        cls.prepare()

    @classmethod
    def _close_fleet(cls):
        problems = cls.fleet.close()
        if problems:
            raise AssertionError("\n".join(problems))

    def open(self, daemon, **options):
        client = daemon.client(**options)
        self.addCleanup(client.close)
        return client
