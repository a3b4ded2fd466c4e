"""Which core the load generator gets, which one the servers share, and which are left."""

import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    generator: int | None  # None: one core only, nothing is pinned
    servers: int | None
    spare: tuple = ()  # further ones, the quietest first


def busy_ticks():
    """{core: ticks that were not idle}, stolen ones included."""
    ticks = {}
    for line in Path('/proc/stat').read_text().splitlines():
        name, *fields = line.split()
        if name.startswith('cpu') and name != 'cpu':
            numbers = [int(field) for field in fields[:8]]
            ticks[int(name[3:])] = sum(numbers) - numbers[3] - numbers[4]
    return ticks


def physical(core):
    path = Path(f'/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list')
    return path.read_text().strip() if path.exists() else str(core)


def choose(watch_seconds=0.5):
    """The two quietest cores that are not two threads of one."""
    allowed = os.sched_getaffinity(0)
    before = busy_ticks()
    time.sleep(watch_seconds)
    after = busy_ticks()
    quiet = sorted(allowed, key=lambda core: (after[core] - before[core], core))
    if len(quiet) == 1:
        return Places(None, None)
    servers = quiet[0]
    generator = next((core for core in quiet[1:] if physical(core) != physical(servers)), quiet[1])
    return Places(generator, servers, tuple(core for core in quiet if core not in (servers, generator)))
