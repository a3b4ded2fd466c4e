"""Redis's own distributed engines for the system tests: a cluster, a replicated set, Sentinels.

Built from servers.Redis; every process is in the test's fleet, on loopback ports of its own (a
cluster's bus port too, so it need not be the port + 10000).
"""

import os
import re
import subprocess
import time

from support.servers import (LOOPBACK, Process, Redis, ServerError, answers_with, find_program,
                             patience, wait_until)

SLOTS = 16384
EXAMPLES = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
                        "docs", "examples", "topologies")


def example(name, ports):
    """The documented configuration with a test's ports instead of its own."""
    with open(os.path.join(EXAMPLES, name)) as file:
        text = file.read()
    found = {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", text)}
    if not set(ports) <= found:
        raise AssertionError(f"{name} does not name the ports {sorted(set(ports) - found)}")
    # A server that a test does not have is left out.
    text = re.sub(r"127\.0\.0\.1:(\d+)(, )?", lambda match: "" if int(match[1]) not in ports else
                  f"127.0.0.1:{ports[int(match[1])]}" + (match[2] or ""), text)
    return text.replace(", ]", "]")


def redis_cli(*words, limit_s=60, stdin=None):
    done = subprocess.run([find_program("redis-cli"), *map(str, words)], capture_output=True,
                          text=True, timeout=patience(limit_s), input=stdin)
    if done.returncode != 0:
        raise ServerError(f"redis-cli {' '.join(map(str, words))} ended with {done.returncode}:\n"
                          f"{done.stdout[-3000:]}\n{done.stderr[-1000:]}")
    return done.stdout


def calls(server, command):
    """How often a server ran a command."""
    with server.client() as redis:
        stats = redis.call("INFO", "commandstats").decode()
    for line in stats.splitlines():
        if line.startswith(f"cmdstat_{command}:"):
            return int(line.partition("calls=")[2].partition(",")[0])
    return 0


class ClusterNode(Redis):
    """One node of a Redis Cluster."""

    def __init__(self, folder, arguments=(), password=None):
        super().__init__(folder, arguments, password)
        self.bus_port = self.new_port()
        self.arguments += ["--cluster-enabled", "yes", "--cluster-port", str(self.bus_port),
                           "--cluster-node-timeout", "2000", "--cluster-config-file", "nodes.conf",
                           "--repl-diskless-sync-delay", "0",
                           "--cluster-require-full-coverage", "no",
                           # A test's cluster fails over with the majority it has.
                           "--cluster-replica-validity-factor", "0"]

    @property
    def endpoint(self):
        return f"{LOOPBACK}:{self.port}"

    def node_id(self):
        with self.client() as redis:
            return redis.call("CLUSTER", "MYID").decode()


class Cluster:
    """Primaries with one replica each (or none), joined and covering every slot."""

    def __init__(self, fleet, primaries=3, replicas=True, password=None):
        self.fleet = fleet
        self.password = password
        self.auth = ["-a", password, "--no-auth-warning"] if password else []
        count = primaries * (2 if replicas else 1)
        self.nodes = [self.new_node() for _ in range(count)]
        redis_cli(*self.auth, "--cluster", "create", *[node.endpoint for node in self.nodes],
                  "--cluster-replicas", 1 if replicas else 0, "--cluster-yes")
        wait_until(self.agreed, 20, "all nodes know all slots and replicas")

    def new_node(self):
        arguments = ["--masterauth", self.password] if self.password else []
        node = ClusterNode(self.fleet._folder("cluster"), arguments, self.password)
        return self.fleet.add(node).start()

    def alive(self):
        return [node for node in self.nodes if node.alive()]

    def slots(self, node):
        """{port of the primary: (slots, ports of its replicas)} as `node` sees it."""
        found = {}
        with node.client() as redis:
            for first, last, primary, *replicas in redis.call("CLUSTER", "SLOTS"):
                slots, ports = found.setdefault(primary[1], (set(), set()))
                slots.update(range(first, last + 1))
                ports.update(replica[1] for replica in replicas)
        return found

    def agreed(self):
        views = [self.slots(node) for node in self.alive()]
        covered = sum(len(slots) for slots, _ in views[0].values())
        replicas = sum(len(ports) for _, ports in views[0].values())
        wanted = len(self.alive()) - len(views[0])
        with self.alive()[0].client() as redis:
            ok = b"cluster_state:ok" in redis.call("CLUSTER", "INFO")
        return (ok and covered == SLOTS and replicas == wanted
                and all(view == views[0] for view in views))

    def primaries(self):
        ports = self.slots(self.alive()[0])
        return [node for node in self.nodes if node.port in ports]

    def replicas(self):
        ports = self.slots(self.alive()[0])
        return [node for node in self.nodes if node.port not in ports and node.alive()]

    def seeds(self):
        return "[" + ", ".join(node.endpoint for node in self.nodes[:3]) + "]"

    def checked(self):
        done = subprocess.run([find_program("redis-cli"), *self.auth, "--cluster", "check",
                               self.alive()[0].endpoint], capture_output=True, check=False,
                              timeout=patience(20))
        return done.returncode == 0

    def reshard(self, source, target, slots, limit_s=120):
        wait_until(self.checked, 20, "the nodes agree")
        redis_cli(*self.auth, "--cluster", "reshard", self.alive()[0].endpoint,
                  "--cluster-from", source.node_id(), "--cluster-to", target.node_id(),
                  "--cluster-slots", slots, "--cluster-yes", limit_s=limit_s)

    def add_node(self):
        node = self.new_node()
        redis_cli(*self.auth, "--cluster", "add-node", node.endpoint, self.nodes[0].endpoint)
        self.nodes.append(node)
        wait_until(lambda: all(node.endpoint in self.known(other) for other in self.alive()), 20,
                   "every node knows the new one")
        return node

    def known(self, node):
        with node.client() as redis:
            return redis.call("CLUSTER", "NODES").decode()

    def remove_node(self, node):
        """An empty one; it ends a moment later.

        Until then it refuses what clients with an older map still send it. docs/topologies.md says
        how long that has to be.
        """
        identity = node.node_id()
        other = next(other for other in self.alive() if other is not node)
        redis_cli(*self.auth, "--cluster", "del-node", other.endpoint, identity)
        self.nodes.remove(node)
        time.sleep(patience(2))
        node.expected_alive = False
        node.kill9()

    def errors(self, word):
        """How often the nodes answered with an error of that code."""
        total = 0
        for node in self.alive():
            with node.client() as redis:
                stats = redis.call("INFO", "errorstats").decode()
            for line in stats.splitlines():
                if line.startswith(f"errorstat_{word}:"):
                    total += int(line.partition("count=")[2])
        return total


class ReplicatedSet:
    """A primary and its replicas, without anybody who fails over."""

    def __init__(self, fleet, replicas=2, password=None):
        self.fleet = fleet
        self.password = password
        self.primary = self.new_server()
        self.replicas = [self.new_server() for _ in range(replicas)]
        for replica in self.replicas:
            self.follow(replica, self.primary)
        wait_until(lambda: all(self.linked(replica) for replica in self.replicas), 20,
                   "the replicas follow")

    def new_server(self):
        arguments = ["--repl-diskless-sync-delay", "0"]
        if self.password:
            arguments += ["--masterauth", self.password]
        return self.fleet.redis(*arguments, password=self.password)

    @property
    def servers(self):
        return [self.primary, *self.replicas]

    def follow(self, replica, primary):
        with replica.client() as redis:
            redis.call("REPLICAOF", LOOPBACK, primary.port)

    def linked(self, replica):
        with replica.client() as redis:
            return redis.call("ROLE")[3:4] == [b"connected"]

    def promote(self, replica):
        with replica.client() as redis:
            redis.call("REPLICAOF", "NO", "ONE")


class SentinelProcess(Process):
    """redis-sentinel for one service."""

    name = "redis-sentinel"

    def __init__(self, folder, service, primary, password=None, quorum=2):
        super().__init__(folder)
        self.port = self.new_port()
        self.address = (LOOPBACK, self.port)
        self.password = password
        self.service, self.quorum = service, quorum
        self.config_path = f"{folder}/sentinel.conf"
        self.write_config(primary)

    def write_config(self, primary):
        service = self.service
        lines = [f"port {self.port}", f"bind {LOOPBACK}", f"dir {self.folder}",
                 f"sentinel monitor {service} {LOOPBACK} {primary.port} {self.quorum}",
                 f"sentinel down-after-milliseconds {service} 1000",
                 f"sentinel failover-timeout {service} 5000"]
        if primary.password:
            lines.append(f"sentinel auth-pass {service} {primary.password}")
        if self.password:
            lines += [f"requirepass {self.password}", f"sentinel sentinel-pass {self.password}"]
        with open(self.config_path, "w") as file:
            file.write("\n".join(lines) + "\n")

    def set_up_anew(self, primary):
        """Without the state it had, on the same port."""
        self.kill9()
        self.write_config(primary)
        self.start()

    def command(self):
        return [find_program("redis-sentinel"), self.config_path]

    def answers(self):
        question = b"PING\r\n"
        if self.password:
            question = b"AUTH " + self.password.encode() + b"\r\n"
        return answers_with(self.address, question, (b"+PONG", b"+OK"))

    def client(self):
        from support.client import RedisClient
        return RedisClient(self.address, self.password)


class SentinelSet(ReplicatedSet):
    """A replicated set that three Sentinels manage."""

    SERVICE = "mymaster"

    def __init__(self, fleet, replicas=2, sentinels=3, password=None, sentinel_password=None,
                 service=None):
        super().__init__(fleet, replicas, password)
        self.SERVICE = service or self.SERVICE
        self.sentinels = [fleet.add(SentinelProcess(fleet._folder("sentinel"), self.SERVICE,
                                                    self.primary, sentinel_password)).start()
                          for _ in range(sentinels)]
        wait_until(self.agreed, 30, "the Sentinels know each other and the replicas")

    def monitored_too(self, service):
        """Another set that the same Sentinels manage."""
        other = ReplicatedSet(self.fleet, len(self.replicas), self.password)
        for sentinel in self.sentinels:
            with sentinel.client() as redis:
                redis.call("SENTINEL", "MONITOR", service, LOOPBACK, other.primary.port, 2)
                redis.call("SENTINEL", "SET", service, "down-after-milliseconds", 1000)
        wait_until(lambda: self.agreed(service), 30, "the Sentinels know the other set")
        return other

    def agreed(self, service=None):
        for sentinel in self.sentinels:
            with sentinel.client() as redis:
                reply = redis.call("SENTINEL", "MASTER", service or self.SERVICE)
            state = dict(zip(reply[::2], reply[1::2]))
            if (int(state[b"num-other-sentinels"]) != len(self.sentinels) - 1
                    or int(state[b"num-slaves"]) != len(self.replicas)
                    or state[b"flags"] != b"master"):
                return False
        return True

    def addresses(self):
        return "[" + ", ".join(f"{LOOPBACK}:{sentinel.port}" for sentinel in self.sentinels) + "]"

    def named(self, sentinel=None):
        """The port that a Sentinel names as the primary's."""
        with (sentinel or self.sentinels[0]).client() as redis:
            return int(redis.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.SERVICE)[1])

    def server_on(self, port):
        return next(server for server in self.servers if server.port == port)


__all__ = ["Cluster", "calls", "example", "ReplicatedSet", "SentinelSet", "redis_cli"]
