#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""symfast ab: alternates, measures, compares outputs, and says only what the runs can bear."""
import json
import os

import case

METRICS = ['wall', 'user', 'system', 'max_rss', 'minor_faults', 'major_faults',
           'voluntary_switches', 'involuntary_switches']
# A command whose second arm is sure to be slower, greater, and to fault more.
SLOW = '''
import mmap, os, time
if os.environ.get("SYMFAST"):
    time.sleep(0.4)
    block = mmap.mmap(-1, 40 << 20)
    block.madvise(mmap.MADV_NOHUGEPAGE)
    block[::4096] = b"x" * len(block[::4096])
print("same")
'''


def ab(*words, **extra):
    return case.run('ab', *words, **extra)


def order(folder):
    log = f'{folder}/order'
    done = ab('-n', 4, '-w', 0, '--', 'sh', '-c', f'echo ${{SYMFAST:-stock}} >> {log}')
    case.status('a command without output', done, 0)
    with open(log) as f:
        case.check('pairs alternate', f.read().split() ==
                   ['stock', 'on', 'on', 'stock', 'stock', 'on', 'on', 'stock'])


def outputs(folder):
    rows = [
        ('equal', 'echo same', 0, ['identical'] * 3),
        ('stdout differs', 'echo $SYMFAST', 1, ['different', 'identical', 'identical']),
        ('stderr differs', 'echo $SYMFAST >&2', 1, ['identical', 'different', 'identical']),
        ('status differs', 'exit ${#SYMFAST}', 1, ['identical', 'identical', 'different']),
        ('the last byte differs', 'head -c 100000 /dev/zero; printf ${SYMFAST:-no}', 1,
         ['different', 'identical', 'identical']),
        ('never the same', f'date +%N >> {folder}/n; cat {folder}/n', 0,
         ['differs without the shim, too', 'identical', 'identical']),
        ('dies of a signal, both ways', 'kill -9 $$', 0, ['identical'] * 3),
    ]
    for what, script, wanted, outputs in rows:
        done = ab('-n', 2, '-j', '-', '--', 'sh', '-c', script)
        case.status(what, done, wanted)
        made = case.document(done, 'ab')
        case.check(f'{what}: {outputs}', list(made.get('output', {}).values()) == outputs,
                   made.get('output'))


def results(folder):
    done = ab('-n', 7, '-s', '--json', f'{folder}/ab.json', '--', 'python3', '-c', SLOW)
    case.status('seven pairs', done, 0)
    with open(f'{folder}/ab.json') as f:
        made = json.load(f)
    metrics = {m['name']: m for m in made['metrics']}
    case.check('every metric, and its runs', list(metrics) == METRICS and
               all(len(made['runs'][arm]) == 7 for arm in ('stock', 'symfast')), list(metrics))
    for name in ('wall', 'max_rss', 'minor_faults'):
        ratio = metrics[name]['ratio']
        case.check(f'{name} is more, and the interval holds the ratio',
                   ratio['verdict'] == 'more' and 1 < ratio['low'] <= ratio['ratio']
                   and ratio['ratio'] <= ratio['high'] and 0.95 <= ratio['confidence'] < 0.96, ratio)
    case.check('the slower arm waited 400 ms', metrics['wall']['symfast']['median'] >
               metrics['wall']['stock']['median'] + 0.2, metrics['wall'])
    case.check('40 MiB more resident', metrics['max_rss']['symfast']['median'] >
               metrics['max_rss']['stock']['median'] + 39000, metrics['max_rss'])
    case.check('system calls of both arms', 0 < made['syscalls']['stock'] <
               made['syscalls']['symfast'], made['syscalls'])
    done = ab('-n', 2, '--', 'true')
    case.check('two pairs are too few', 'too few runs to say' in done.stdout
               and 'no difference' not in done.stdout, done.stdout)


def compare(folder):
    for arm in ('stock', 'symfast'):
        done = ab('-n', 6, '-o', arm, '-j', f'{folder}/{arm}.json', '--', 'python3', '-c', SLOW)
        case.status(f'only {arm}', done, 0)
    done = ab('-c', f'{folder}/stock.json', f'{folder}/symfast.json', '-j', '-')
    case.one_error('options come before files', done, 2)
    made = case.document(ab('-j', '-', '-c', f'{folder}/stock.json', f'{folder}/symfast.json'),
                         'ab-compare')
    rows = {m['name']: m for m in made.get('metrics', [])}
    case.check('two machines, one arm each: wall is more', rows and
               rows['wall']['symfast_b_to_stock_a']['verdict'] == 'more'
               and rows['wall']['a'] is None and rows['wall']['stock_b_to_a'] is None, rows)
    case.check('same machine, same command', made.get('same_machine') is True and
               made.get('same_command') is True, made)
    done = ab('-c', f'{folder}/ab.json', f'{folder}/ab.json')
    case.check('a file against itself: ratio 1', ' 1.000 (' in done.stdout, done.stdout)


def errors(folder):
    bad = f'{folder}/bad.json'
    texts = ['', '{', '[]', '{"symfast":"0","kind":"ab","format":2}',
             '{"symfast":"0","kind":"ab","format":1}',
             '{"symfast":"0","kind":"stat","format":1}',
             '{"symfast":"0","kind":"ab","format":1,"runs":{"stock":[1],"symfast":[]}}',
             '{"symfast":"0","kind":"ab","format":1,"runs":{"stock":[{"wall":"x"}],"symfast":[]}}']
    for text in texts:
        with open(bad, 'w') as f:
            f.write(text)
        case.one_error(f'a file that is {text[:60] or "empty"}', ab('-c', bad, bad), case.TARGET,
                       'bad.json')
    rows = [
        ('no command', [], 2, 'command'), ('no runs', ['-n', 0, 'true'], 2, '1 to 1000: 0'),
        ('runs that are no number', ['-n', '3x', 'true'], 2, '3x'),
        ('no such arm', ['-o', 'both', 'true'], 2, 'both'),
        ('no such command', ['--', '/no/such'], case.TARGET, '/no/such'),
        ('no such file', ['-c', '/no/a', '/no/b'], case.TARGET, '/no/a'),
        ('one file', ['-c', '/no/a'], 2, 'two files'),
        ('no such input', ['-i', '/no/input', 'cat'], case.TARGET, '/no/input'),
        ('a page named like an option', ['-H', '--', 'true'], 2, '--html'),
        ('a page where none can be', ['-n', 1, '-H', '/no/such/page', 'true'], case.FAILED,
         '/no/such/page'),
        ('a folder in place of a file', ['-c', '/', '/'], case.TARGET, '/ is not'),
    ]
    for what, words, wanted, text in rows:
        case.one_error(what, ab(*words), wanted, text)


with case.workshop() as place:
    order(place)
    outputs(place)
    results(place)
    compare(place)
    errors(place)
    case.check('nothing half-written is left', not [n for n in os.listdir(place) if '.json.' in n])
case.end()
