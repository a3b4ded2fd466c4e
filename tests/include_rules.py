#!/usr/bin/python3
"""Holds who may include whom (docs/architecture.md) by reading every #include line of the project.

Checks its own rules against EXAMPLES first, then the tree this file is in.
"""
import pathlib
import re
import sys

# A room, and the rooms and libraries its files may include besides the standard library and POSIX.
# A file belongs to the most specific room that names it. A room may always include itself.
RULES = {
    "protocol/memcache": ["protocol"],
    "protocol/redis": ["protocol", "hiredis"],
    "protocol/placement": ["protocol", "protocol/redis", "openssl"],
    "protocol/translate": ["protocol", "protocol/memcache", "protocol/redis", "openssl"],
    "protocol": [],
    "config": ["yaml-cpp"],
    "daemon/log": ["spdlog", "fmt"],
    "daemon/net": ["protocol", "daemon/log", "uv"],
    "daemon/stats": ["protocol", "config", "daemon/log", "fmt"],
    "daemon/embedded": ["protocol", "config", "daemon/log", "daemon/net"],
    "daemon/cache": ["protocol", "protocol/memcache", "protocol/translate"],
    "daemon/backend": ["protocol", "protocol/redis", "protocol/translate", "config", "daemon/log",
                       "daemon/net", "daemon/stats"],
    "daemon/route": ["protocol", "protocol/redis", "protocol/placement", "protocol/translate",
                     "config", "daemon/backend", "daemon/log", "daemon/net", "daemon/stats"],
    "daemon/raw": ["protocol", "protocol/redis", "config", "daemon/net"],
    "daemon/walk": ["protocol", "protocol/memcache", "protocol/redis", "protocol/translate", "config",
                    "daemon/backend", "daemon/log", "daemon/net"],
    "daemon/client": ["protocol", "protocol/memcache", "protocol/redis", "protocol/translate",
                      "config", "daemon/cache", "daemon/route", "daemon/backend", "daemon/walk",
                      "daemon/log",
                      "daemon/net", "daemon/stats", "openssl"],
    "daemon/admin": ["config", "daemon/log", "daemon/stats", "fmt", "httplib", "nlohmann", "prometheus"],
    "daemon/worker": ["protocol", "protocol/memcache", "protocol/redis", "protocol/placement",
                      "protocol/translate", "config", "daemon/backend", "daemon/cache",
                      "daemon/client", "daemon/log", "daemon/net", "daemon/route", "daemon/stats",
                      "daemon/walk", "daemon/raw"],
    "daemon/server": ["config", "daemon/admin", "daemon/embedded", "daemon/log", "daemon/net",
                      "daemon/stats", "daemon/worker", "systemd"],
    # main.cc; what is between the server and net/ it reaches through the server.
    "daemon": ["config", "daemon/log", "daemon/net", "daemon/server"],
}
# Constants that every room of the daemon may know.
LEAVES = ["daemon/version.h"]
# Libraries by the start of the header's name; each is only for the rooms that list it.
LIBRARIES = {
    "uv.h": "uv", "uv/": "uv", "hiredis/": "hiredis", "openssl/": "openssl", "yaml-cpp/": "yaml-cpp",
    "httplib.h": "httplib", "nlohmann/": "nlohmann", "prometheus/": "prometheus",
    "spdlog/fmt/": "fmt", "fmt/": "fmt", "spdlog/": "spdlog", "systemd/": "systemd",
}
# The system headers of anybody but protocol/, which does no I/O.
POSIX = ("sys/", "netinet/", "arpa/", "net/", "linux/", "unistd.h", "fcntl.h", "netdb.h", "poll.h",
         "pthread.h", "pwd.h", "grp.h", "signal.h", "dirent.h", "sched.h", "syslog.h", "getopt.h")
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def room_of(path):
    """The most specific room of a path such as 'daemon/net/loop.h'; None when it is not ours."""
    folder = path.rpartition("/")[0]
    while folder:
        if folder in RULES:
            return folder
        folder = folder.rpartition("/")[0]
    return None


def problem(path, quoted, angled):
    """Why `path` must not have this include, or None."""
    room = room_of(path)
    if quoted:
        other = room_of(quoted)
        if other is None:
            return f'"{quoted}" is not a path from the root'
        allowed = RULES[room] + [room]
        if quoted in LEAVES and room.startswith("daemon") or other in allowed:
            return None
        return f"{room} must not include {other}"
    for prefix, library in LIBRARIES.items():
        if angled.startswith(prefix):
            return None if library in RULES[room] else f"{room} must not include {library}"
    if room.startswith("protocol") and angled.startswith(POSIX):
        return "protocol does no I/O"
    if "/" in angled and not angled.startswith(POSIX):
        return f"<{angled}> is from no library that is known here"
    return None


def check(root):
    problems, files = [], 0
    for top in ("protocol", "config", "daemon"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix not in (".h", ".cc"):
                continue
            files += 1
            name = path.relative_to(root).as_posix()
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                why = match and problem(name, match[1], match[2])
                if why:
                    problems.append(f"{name}:{number}: {why}")
    return problems, files


# What each rule is for: (file, its include, whether it is allowed).
EXAMPLES = [
    ("daemon/main.cc", '"daemon/server/server.h"', True),
    ("daemon/main.cc", '"daemon/client/session.h"', False),
    ("daemon/server/server.cc", '"daemon/worker/worker.h"', True),
    ("daemon/worker/worker.h", '"daemon/server/server.h"', False),
    ("daemon/worker/worker.cc", '"daemon/version.h"', True),
    ("protocol/buffer.h", '"daemon/version.h"', False),
    ("daemon/server/server.cc", "<systemd/sd-daemon.h>", True),
    ("daemon/worker/worker.cc", "<systemd/sd-daemon.h>", False),
    ("daemon/client/session.cc", '"daemon/route/router.h"', True),
    ("daemon/client/session.cc", '"protocol/memcache/parser.h"', True),
    ("daemon/client/session.cc", '"daemon/worker/worker.h"', False),
    ("daemon/route/router.h", '"daemon/client/session.h"', False),
    ("daemon/route/sharded.cc", '"protocol/placement/placement.h"', True),
    ("daemon/route/sharded.cc", '"protocol/memcache/command.h"', False),
    ("daemon/backend/connection.cc", '"daemon/client/session.h"', False),
    ("daemon/backend/connection.cc", '"daemon/route/router.h"', False),
    ("daemon/backend/connection.cc", '"protocol/redis/encoder.h"', True),
    ("daemon/backend/connection.cc", "<uv.h>", False),
    ("daemon/net/loop.h", "<uv.h>", True),
    ("daemon/backend/connection.cc", '"daemon/log/log.h"', True),
    ("daemon/backend/connection.cc", "<spdlog/spdlog.h>", False),
    ("daemon/net/loop.h", '"daemon/backend/connection.h"', False),
    ("daemon/main.cc", "<yaml-cpp/yaml.h>", False),
    ("config/loader.cc", "<yaml-cpp/yaml.h>", True),
    ("config/loader.cc", "<spdlog/spdlog.h>", False),
    ("config/loader.cc", '"protocol/buffer.h"', False),
    ("protocol/translate/plan.cc", '"protocol/memcache/command.h"', True),
    ("protocol/translate/plan.cc", '"protocol/redis/reply.h"', True),
    ("protocol/memcache/parser.cc", '"protocol/redis/reply.h"', False),
    ("protocol/redis/decoder.cc", '"protocol/memcache/command.h"', False),
    ("protocol/redis/decoder.cc", "<hiredis/read.h>", True),
    ("protocol/memcache/parser.cc", '"config/config.h"', False),
    ("protocol/buffer.cc", '"daemon/net/loop.h"', False),
    ("protocol/buffer.cc", "<sys/socket.h>", False),
    ("protocol/buffer.cc", "<charconv>", True),
    ("daemon/client/session.cc", '"session.h"', False),
    ("daemon/admin/server.cc", "<httplib.h>", True),
    ("daemon/admin/status.h", "<nlohmann/json_fwd.hpp>", True),
    ("daemon/admin/metrics.cc", '"daemon/worker/shared.h"', False),
    ("daemon/server/server.cc", "<httplib.h>", False),
    ("daemon/stats/report.cc", "<prometheus/text_serializer.h>", False),
]


def self_test():
    failed = 0
    for path, include, allowed in EXAMPLES:
        match = INCLUDE.match(f"#include {include}")
        why = problem(path, match[1], match[2])
        if (why is None) != allowed:
            failed += 1
            print(f"{path} including {include}: {why or 'nothing said'}")
    return failed


def main():
    failed = self_test()
    problems, files = check(pathlib.Path(__file__).resolve().parent.parent)
    print("\n".join(problems) or f"{files} files keep the include rules")
    return 1 if failed or problems or not files else 0


if __name__ == "__main__":
    sys.exit(main())
