"""Which core the load generator gets, and which one the servers share."""

import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    generator: int | None  # None: one core only, nothing is pinned
    servers: int | None


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
    for other in quiet[1:]:
        if physical(other) != physical(quiet[0]):
            return Places(generator=other, servers=quiet[0])
    if len(quiet) > 1:
        return Places(generator=quiet[1], servers=quiet[0])
    return Places(None, None)
