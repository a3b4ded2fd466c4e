<?php
// php-memcached (libmemcached) against mcrelay. Usage: php client.php HOST PORT
// Prints `ok NAME` or `not ok NAME: got ...` for each check; tests/clients/test_php.py reads that.

if (!class_exists('Memcached')) {
    print "MISSING PACKAGE\n";
    exit(1);
}
$failures = 0;
function check(string $name, $got, $want): void {
    global $failures, $m;
    if ($got === $want) {
        print "ok $name\n";
        return;
    }
    $failures++;
    print "not ok $name: got " . var_export($got, true) . ', want ' . var_export($want, true)
        . ', result ' . $m->getResultCode() . ' ' . $m->getResultMessage() . "\n";
}

$m = new Memcached();
$m->setOption(Memcached::OPT_TCP_NODELAY, true);
$m->addServer($argv[1], (int)$argv[2]);

check('set', $m->set('key', 'value'), true);
check('get', $m->get('key'), 'value');
$m->set('struct', ['a' => [1, 2.5, null, true]]);
check('types', $m->get('struct'), ['a' => [1, 2.5, null, true]]);
check('miss', [$m->get('none'), $m->getResultCode()], [false, Memcached::RES_NOTFOUND]);
$items = [];
for ($i = 0; $i < 300; $i++) {
    $items["key$i"] = "value$i";
}
check('setMulti', $m->setMulti($items), true);
check('getMulti', $m->getMulti(array_keys($items)), $items);
check('getMulti order', array_keys($m->getMulti(['key5', 'none', 'key1'], Memcached::GET_PRESERVE_ORDER)),
    ['key5', 'none', 'key1']);
check('add', [$m->add('key', 'x'), $m->add('fresh', 'x')], [false, true]);
check('replace', [$m->replace('key', 'r'), $m->replace('none', 'r')], [true, false]);
$m->setOption(Memcached::OPT_COMPRESSION, false);
$m->set('text', 'm');
check('append', [$m->append('text', '>'), $m->prepend('text', '<'), $m->get('text')], [true, true, '<m>']);
$m->set('cas', 'one');
$found = $m->get('cas', null, Memcached::GET_EXTENDED);
check('cas', [$m->cas($found['cas'], 'cas', 'two'), $m->get('cas')], [true, 'two']);
check('cas refused', [$m->cas($found['cas'], 'cas', 'three'), $m->getResultCode()],
    [false, Memcached::RES_DATA_EXISTS]);
$m->set('n', 10);
check('increment', [$m->increment('n', 5), $m->decrement('n', 6), $m->get('n')], [15, 9, 9]);
check('increment missing', [$m->increment('none'), $m->getResultCode()], [false, Memcached::RES_NOTFOUND]);
$m->set('kept', 'x', 1);
$m->set('gone', 'x', 1);
check('touch', [$m->touch('kept', 100), $m->touch('none', 100)], [true, false]);
usleep(2100000);
check('expiry', [$m->get('kept'), $m->get('gone')], ['x', false]);
$m->set('absolute', 'x', time() + 100);
check('absolute expiry', $m->get('absolute'), 'x');
check('delete', [$m->delete('key'), $m->delete('key')], [true, false]);
check('deleteMulti', $m->deleteMulti(['key1', 'key2']), ['key1' => true, 'key2' => true]);
$big = str_repeat('0123456789', 100000);
check('large value', [$m->set('big', $big), $m->get('big') === $big], [true, true]);
check('version', str_starts_with(array_values($m->getVersion())[0], '1.6.'), true);
check('flush', [$m->flush(), $m->get('big')], [true, false]);
exit($failures ? 1 : 0);
