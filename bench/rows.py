"""The loads that are compared, and the ratios they are meant to reach (docs/performance.md)."""

from dataclasses import dataclass, field

CPU, LATENCY, SCALING, MEMORY = 'cpu', 'latency', 'scaling', 'memory'
# The columns of the table of CPU per request.
PEERS = ('redis', 'twemproxy', 'mcrelay')


@dataclass(frozen=True)
class Row:
    name: str   # for --only
    title: str
    load: tuple = ()               # options of mcrelay_bench
    data: tuple = ('--keys', '100000', '--value', '100')  # which keys exist; preloaded once per change
    wanted: dict = field(default_factory=dict)            # {peer: least ratio peer / mcrelay}
    kind: str = CPU
    targets: tuple = PEERS


LARGE = ('--keys', '20000', '--value', '4096')
HUGE = ('--keys', '1000', '--value', '102400')

ROWS = [
    Row('plain', '50 connections, no pipelining', ('--connections', '50'),
        wanted={'redis': 0.88, 'twemproxy': 1.25}),
    Row('pipelined', '50 connections, 16 in flight', ('--connections', '50', '--depth', '16'),
        wanted={'redis': 0.80, 'twemproxy': 2.0}),
    Row('multi', 'gets of 10 to 100 keys (peers: MGET)', ('--connections', '50', '--multi', '10-100'),
        wanted={'redis': 0.68, 'twemproxy': 1.2}),
    Row('many', '1,000 connections, no pipelining', ('--connections', '1000'),
        wanted={'redis': 1.05, 'twemproxy': 1.75}),
    Row('latency', 'p50 at 5,000 requests/s, 50 connections', ('--connections', '50', '--rate', '5000'),
        wanted={'redis': 12}, kind=LATENCY, targets=('redis', 'relay', 'twemproxy', 'mcrelay')),
    Row('large', '4 KiB values', ('--connections', '50'), LARGE,
        wanted={'redis': 0.75, 'twemproxy': 1.4}),
    Row('huge', '100 KiB values', ('--connections', '50'), HUGE,
        wanted={'redis': 0.45, 'twemproxy': 1.0}),
    Row('scaling', '2 workers with 2 Redis servers, 200 connections', ('--connections', '100'),
        wanted={'mcrelay': 2.0}, kind=SCALING, targets=('mcrelay',)),
    Row('memory', 'memory per idle connection', ('--connections', '10000'),
        wanted={'mcrelay': 0.5}, kind=MEMORY, targets=('memcached', 'twemproxy', 'mcrelay')),
]
NAMES = [row.name for row in ROWS]
