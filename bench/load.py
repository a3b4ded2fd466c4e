"""Runs mcrelay_bench against a target and reads what the servers used."""

import contextlib
import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from rows import CPU, LATENCY

MEASURES = ('time', 'cycles', 'instructions')
DISTURBED = 0.05  # share of a core that others took


@dataclass
class Measurement:
    """One run, per request; `cost` in us of CPU, or thousands of cycles or instructions."""
    cost: dict        # {measure: {'proxy': x, 'backend': y}}
    p50_us: float
    p99_us: float
    p999_us: float
    per_second: float
    disturbed: float  # the largest share of either core that went elsewhere

    def total(self, measure):
        return sum(self.cost[measure].values())


def once(target, row, options, places, seconds):
    command = [options.bench, *target.address(), *row.data, *row.load, '--json', '--seconds', str(seconds),
               '--warmup', str(options.warmup)]
    for number, (part, pid) in enumerate(target.pids()):
        command += ['--pid', f'{part}.{number}={pid}']
    # Counting makes switches between processes slower, in a virtual machine by 20 us.
    if options.by != 'time' and row.kind == CPU:
        command += ['--count']
    if places.generator is not None:
        command += ['--cpu', str(places.generator)]
        command += ['--watch-cpu', str(places.generator), '--watch-cpu', str(places.servers)]
    # An open loop spins, and of what is real-time and never sleeps the kernel stops 50 ms of each second.
    with not_realtime() if row.kind == LATENCY else contextlib.nullcontext():
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    report = json.loads(done.stdout)
    if report['failure'] or report['errors']:
        raise SystemExit(f'bench: {row.title} through {target.name} failed: '
                         f"{report['failure'] or report['first_error']}")
    # A window in which not even every connection had a turn says nothing.
    if report['requests'] < int(row.load[row.load.index('--connections') + 1]) and seconds < 30:
        return once(target, row, options, places, seconds * 2)
    return report


@contextlib.contextmanager
def not_realtime():
    """For what is started meanwhile."""
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, priority)


def disturbance(report, places):
    """The share of the worse core that neither we nor idleness had."""
    if places.generator is None:
        return 0.0
    window_ms = report['seconds'] * 1000
    own_ms = {str(places.generator): report['own_cpu_us'] / 1000,
              str(places.servers): sum(report['cpu_us'].values()) / 1000}
    worst = 0.0
    for core, used in report['cores'].items():
        foreign_ms = max(0.0, used['busy_ms'] - own_ms[core])
        worst = max(worst, (foreign_ms + used['steal_ms']) / window_ms)
    return worst


def measure(target, row, options, places):
    """Repeats a disturbed run; when all are, keeps the least disturbed."""
    best = None
    for _ in range(1 + options.retries):
        report = once(target, row, options, places, options.seconds)
        share = disturbance(report, places)
        if best is None or share < best[0]:
            best = (share, report)
        if share <= DISTURBED or time.monotonic() > options.retry_until:
            break
    share, report = best
    requests = report['requests']
    cost = {measure: {} for measure in MEASURES}
    for watched, cpu_us in report['cpu_us'].items():
        part = watched.partition('.')[0]
        counts = report['counts'][watched]
        for name, amount in (('time', cpu_us), ('cycles', counts['cycles'] / 1000),
                             ('instructions', counts['instructions'] / 1000)):
            cost[name][part] = cost[name].get(part, 0) + amount / requests
    latency = report['latency_us']
    return Measurement(cost, latency['p50'], latency['p99'], latency['p999'], report['per_second'], share)


# --- scaling ----------------------------------------------------------------------------------------

@dataclass
class Rate:
    per_second: float
    cpu_us: float  # of proxy and backends, per request


def scaling(bench, row, options, places):
    """{'one': [Rate, ...], 'two': [...], 'apart': [...]}: one worker and one Redis on one core, two of
    each on two, and twice the first, each on its own core: what the machine itself gives.

    Two generators, on cores of their own, send to all, so that none is short of requests.
    """
    if len(places.spare) < 2:
        return {}
    generators = (places.generator, places.spare[0])
    one = bench.start_mcrelay(bench.mcrelay)
    bench.cores = {places.spare[1]}
    other = bench.start_mcrelay(bench.mcrelay)
    bench.cores = {places.servers, places.spare[1]}
    two = bench.start_mcrelay(bench.mcrelay, shards=2, threads=2)
    bench.cores = {places.servers}
    for target in (one, other, two):
        target.prepare(row, options.bench)
    found = {'one': [], 'two': [], 'apart': []}
    for _ in range(options.rounds):
        for name, targets in (('one', (one, one)), ('two', (two, two)), ('apart', (one, other))):
            found[name].append(rate(targets, row, options, generators))
    return found


def rate(targets, row, options, generators):
    """Of two generators, one for each of `targets`."""
    running = []
    for number, (target, core) in enumerate(zip(targets, generators)):
        # What both send to is watched by the first.
        watched = [] if target in targets[:number] else [
            word for index, (part, pid) in enumerate(target.pids())
            for word in ('--pid', f'{part}.{index}={pid}')]
        running.append(subprocess.Popen([options.bench, *target.address(), *row.data, *row.load, '--json',
                                         '--seconds', str(options.seconds), '--warmup', str(options.warmup),
                                         '--seed', str(number + 1), '--cpu', str(core), *watched],
                                        stdout=subprocess.PIPE, text=True))
    reports = [json.loads(generator.communicate()[0]) for generator in running]
    for report in reports:
        if report['failure'] or report['errors']:
            raise SystemExit(f"bench: {row.title} failed: {report['failure'] or report['first_error']}")
    per_second = sum(report['per_second'] for report in reports)
    used = sum(sum(report['cpu_us'].values()) / report['seconds'] for report in reports)
    return Rate(per_second, used / per_second)


# --- memory -----------------------------------------------------------------------------------------

def anonymous_kib(pid):
    for line in Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith('RssAnon:'):
            return int(line.split()[1])
    return 0


def memory(bench, row, options):
    """{target: KiB per idle connection} of fresh servers, each connection having had one answer.

    One after the other: all at once would measure the buffers of 10,000 requests in flight.
    """
    starts = [bench.start_memcached, bench.start_twemproxy]
    if not options.peers_only:
        starts.append(lambda: bench.start_mcrelay(bench.mcrelay))
    connections = int(row.load[row.load.index('--connections') + 1])
    found = {}
    for start in starts:
        target = start()
        pid = target.pids()[0][1]
        target.prepare(row, options.bench)
        before = anonymous_kib(pid)
        command = [options.bench, *target.address(), *row.data, *row.load, '--ratio', '0:1', '--rate',
                   str(connections), '--requests', str(connections), '--hold', '--json']
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        report = json.loads(holder.stdout.readline())
        if report['failure']:
            raise SystemExit(f"bench: {row.title} of {target.name}: {report['failure']}")
        time.sleep(0.5)
        found[target.name] = (anonymous_kib(pid) - before) / connections
        holder.stdin.close()
        holder.wait(30)
    return found
