"""The table of ratios, as Markdown, and its place in docs/performance.md."""

import os
import platform
import re
import statistics
import subprocess
from dataclasses import asdict

import rows
from load import DISTURBED

BEGIN = '<!-- The figures below are written by scripts/dev bench. -->'
END = '<!-- End of the written figures. -->'
UNITS = {'time': 'us of CPU', 'cycles': 'thousand cycles', 'instructions': 'thousand instructions'}


def about(places, options):
    return {'machine': f'{processor()}, {os.cpu_count()} cores, Linux {platform.release()}',
            'versions': versions(), 'rounds': options.rounds, 'seconds': options.seconds,
            'pinned': places.generator is not None}


def processor():
    try:
        with open('/proc/cpuinfo') as file:
            for line in file:
                if line.startswith('model name'):
                    return line.split(':', 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def versions():
    found = []
    for command, pattern in ((['redis-server', '--version'], r'v=([\d.]+)'),
                             (['nutcracker', '--version'], r'nutcracker-([\d.]+)'),
                             (['memcached', '--version'], r'memcached ([\d.]+)')):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        match = re.search(pattern, done.stdout)
        found.append(f'{command[0]} {match.group(1) if match else "?"}')
    return ', '.join(found)


def median(values):
    return statistics.median(values) if values else float('nan')


def ratio(found, peer, by):
    """Median over the rounds of (peer's cost / mcrelay's cost), each round compared with itself."""
    pairs = zip(found.get(peer, []), found.get('mcrelay', []))
    return median([a.total(by) / b.total(by) for a, b in pairs if b.total(by) > 0])


def cost_cell(measurements, by):
    if not measurements:
        return '-'
    total = median([m.total(by) for m in measurements])
    proxy = [m.cost[by]['proxy'] for m in measurements if 'proxy' in m.cost[by]]
    if not proxy:
        return f'{total:.2f}'
    backend = median([m.cost[by]['backend'] for m in measurements])
    return f'{median(proxy):.2f} + {backend:.2f}'


def ratio_cell(value, wanted):
    if value != value:
        return '-'
    return f'{value:.2f} ({"at least" if value >= wanted else "**below**"} {wanted:.2f})'


def cpu_table(results, by):
    lines = [f'| {UNITS[by]} per request | redis direct | twemproxy + redis | mcrelay + redis | '
             'redis direct : mcrelay | twemproxy : mcrelay |', '|---|---|---|---|---|---|']
    for row in rows.ROWS:
        if row.kind != rows.CPU or row.name not in results:
            continue
        found = results[row.name]
        cells = [cost_cell(found.get(name, []), by) for name in rows.PEERS]
        cells += [ratio_cell(ratio(found, peer, by), row.wanted[peer]) for peer in ('redis', 'twemproxy')]
        lines.append(f'| {row.title} | ' + ' | '.join(cells) + ' |')
    return lines if len(lines) > 2 else []


def latency_lines(results):
    for row in rows.ROWS:
        if row.kind != rows.LATENCY or row.name not in results:
            continue
        found = results[row.name]
        cells = ', '.join(f'{name} {median([m.p50_us for m in found[name]]):.1f} us (p99 '
                          f'{median([m.p99_us for m in found[name]]):.0f})'
                          for name in row.targets if found.get(name))
        yield f'{row.title}: {cells}.'
        added = {name: median([proxied.p50_us - direct.p50_us
                               for direct, proxied in zip(found['redis'], found[name])])
                 for name in row.targets if name != 'redis' and found.get(name)}
        if 'mcrelay' in added:
            yield (f'mcrelay adds {added["mcrelay"]:.1f} us to redis direct (at most {row.wanted["redis"]} wanted '
                   f'where a relay that only passes bytes on adds 8; here it adds {added["relay"]:.1f}).')
        if median([m.disturbed for runs in found.values() for m in runs]) > DISTURBED:
            yield 'Others used these cores meanwhile, so that says little.'


def scaling_lines(results):
    for row in rows.ROWS:
        if row.kind != rows.SCALING or row.name not in results:
            continue
        found = results[row.name]
        if not found:
            yield f'{row.title}: not measured, that takes four cores.'
            continue
        two, apart = (median([more.per_second / one.per_second for more, one in zip(found[name], found['one'])])
                      for name in ('two', 'apart'))
        cpu_us = {name: median([rate.cpu_us for rate in rates]) for name, rates in found.items()}
        yield (f'{row.title}, on two cores: {two:.2f} times the rate of one of each on one core (2 wanted; two '
               f'separate ones, a core each, reach {apart:.2f} on this machine); {cpu_us["two"]:.1f} us of CPU per '
               f'request instead of {cpu_us["one"]:.1f} (separate: {cpu_us["apart"]:.1f}).')


def memory_lines(results):
    for row in rows.ROWS:
        if row.kind == rows.MEMORY and row.name in results:
            cells = ', '.join(f'{name} {kib:.2f} KiB' for name, kib in results[row.name].items())
            connections = int(row.load[1])
            yield (f'{row.title} at {connections:,} connections: {cells} '
                   f'(mcrelay: at most {row.wanted["mcrelay"]} wanted).')


def disturbed_line(results):
    runs = [m for row in rows.ROWS if row.kind in (rows.CPU, rows.LATENCY) and row.name in results
            for measurements in results[row.name].values() for m in measurements]
    if not runs:
        return []
    disturbed = [m for m in runs if m.disturbed > DISTURBED]
    return [f'{len(disturbed)} of {len(runs)} runs stayed disturbed after repeating (others had more than '
            f'{DISTURBED:.0%} of a core meanwhile).']


def render(results, by, facts):
    lines = [f'{facts["machine"]}; {facts["versions"]}; {facts["rounds"]} rounds of {facts["seconds"]} s'
             + ('.' if facts['pinned'] else '; one core only, nothing was pinned.'), '']
    for part in (cpu_table(results, by), list(latency_lines(results)), list(scaling_lines(results)),
                 list(memory_lines(results)), disturbed_line(results)):
        if part:
            lines += part + ['']
    return '\n'.join(lines).rstrip()


def as_json(results, facts):
    plain = {}
    for name, found in results.items():
        plain[name] = {target: [asdict(m) for m in value] if isinstance(value, list) else value
                       for target, value in found.items()}
    return {'about': facts, 'rows': plain}


def write_into(path, text):
    page = path.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not rest:
        raise SystemExit(f'bench: {path} has no place for the figures')
    path.write_text(f'{before}{BEGIN}\n\n{text}\n\n{END}{after}')
