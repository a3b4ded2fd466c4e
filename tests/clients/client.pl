#!/usr/bin/perl
# Cache::Memcached::Fast against mcrelay. Usage: perl client.pl HOST:PORT UNIX_SOCKET
# Prints `ok NAME` or `not ok NAME: got ...` for each check; tests/clients/test_perl.py reads that.
use strict;
use warnings;

eval { require Cache::Memcached::Fast; 1 } or do { print "MISSING PACKAGE\n"; exit 1 };

my $failures = 0;

sub text { join ',', map { defined $_ ? $_ : 'undef' } @_ }

sub check {
  my ($name, $got, $want) = @_;
  if (text(@$got) eq text(@$want)) {
    print "ok $name\n";
  } else {
    $failures++;
    print "not ok $name: got ", text(@$got), ", want ", text(@$want), "\n";
  }
}

my $m = Cache::Memcached::Fast->new({servers => [$ARGV[0]], io_timeout => 5});

check('set', [$m->set('key', 'value')], [1]);
check('get', [scalar $m->get('key'), scalar $m->get('none')], ['value', undef]);
check('set_multi', [values %{$m->set_multi(map { ["k$_", "v$_"] } 1 .. 300)}], [(1) x 300]);
my $many = $m->get_multi(map { "k$_" } 0 .. 300);
check('get_multi', [scalar(keys %$many), map { $many->{"k$_"} } 1 .. 300], [300, map { "v$_" } 1 .. 300]);
check('add', [$m->add('key', 'x') ? 1 : 0, $m->add('fresh', 'x') ? 1 : 0], [0, 1]);
check('replace', [$m->replace('key', 'r') ? 1 : 0, $m->replace('none', 'r') ? 1 : 0], [1, 0]);
$m->set('text', 'm');
check('append', [$m->append('text', '>'), $m->prepend('text', '<'), $m->get('text')], [1, 1, '<m>']);
my $found = $m->gets('text');
check('cas', [$m->cas('text', $found->[0], 'two'), $m->get('text')], [1, 'two']);
check('cas refused', [$m->cas('text', $found->[0], 'three') ? 1 : 0, $m->get('text')], [0, 'two']);
$m->set('n', 10);
check('incr', [$m->incr('n', 5), $m->decr('n', 6), $m->incr('none') ? 1 : 0], [15, 9, 0]);
check('incr_multi', [$m->incr_multi(['n', 2])->{'n'}], [11]);
check('touch', [$m->touch('n', 100) ? 1 : 0, $m->touch('none', 100) ? 1 : 0], [1, 0]);
check('gat', [scalar $m->gat(100, 'n'), scalar $m->gat(100, 'none')], [11, undef]);
check('delete', [$m->delete('key') ? 1 : 0, $m->delete('key') ? 1 : 0], [1, 0]);
my $big = '0123456789' x 100000;
check('large value', [$m->set('big', $big), $m->get('big') eq $big ? 1 : 0], [1, 1]);
$m->set('struct', {a => [1, 2]});
check('types', [@{$m->get('struct')->{a}}], [1, 2]);
my $unix = Cache::Memcached::Fast->new({servers => [$ARGV[1]], io_timeout => 5});
check('unix socket', [scalar $unix->get('n')], [11]);
my $version = (values %{$m->server_versions})[0];
check('version', [$version =~ /^1\.6\./ ? 1 : 0], [1]);
my $nowait = Cache::Memcached::Fast->new({servers => [$ARGV[0]], io_timeout => 5, nowait => 1});
$nowait->set('quiet', $_) for 1 .. 200;
$nowait->nowait_push;
check('nowait', [$nowait->get('quiet')], [200]);
check('flush_all', [values %{$m->flush_all}, scalar $m->get('big')], [1, undef]);
exit($failures ? 1 : 0);
