#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""symfast ab: alternates, measures, compares outputs, and says only what the runs can bear."""
import json
import os
import signal
import subprocess
import time

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
    answers = made['answers']
    case.check('it cost, and is safe', answers['helped']['level'] == 'bad' and answers['safe']['level'] == 'good' and
               'times more wall time' in answers['helped']['text'], answers)
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


def answers(folder):
    """Did it help, is it safe: above the table, in the document and on the page."""
    static = case.compile_c(folder, 'static', 'int main(void) { return 0; }', '-static')
    differs = 'printf "%070d\\n" 1; echo a; echo "x${LD_PRELOAD:+y}"; echo'
    rows = [
        ('the shim is not loaded', [static], 'bad', 'was not loaded', 'unsure', 'was not loaded'),
        ('it always fails', ['sh', '-c', 'exit 3'], None, '', 'unsure', 'exit status 3 in all runs'),
        ('it always dies', ['sh', '-c', 'kill -9 $$'], None, '', 'unsure', 'by signal 9 in all runs'),
        ('stdout differs', ['sh', '-c', differs], None, '', 'bad',
         'stdout differs with the shim, first in line 3, column 2: stock "x", symfast "xy"'),
        ('stderr differs, at its end', ['sh', '-c', 'printf "a${LD_PRELOAD:+b}" >&2'], None, '', 'bad',
         'stderr differs with the shim, first in line 1, column 2: stock "a", symfast "ab"'),
        ('far behind', ['sh', '-c', 'yes | head -c 200000; echo ${LD_PRELOAD:+b}'], None, '', 'bad',
         'first in line 100001, column 1: stock "", symfast "b"'),
        ('the status differs', ['sh', '-c', 'exit ${LD_PRELOAD:+4}'], None, '', 'bad', 'status differs'),
        ('it is not repeatable', ['sh', '-c', 'date +%N; echo $$'], None, '', 'unsure', 'stdout: differs without'),
    ]
    for what, command, helped, why, safe, text in rows:
        done = ab('-n', 6, '-w', 0, '-j', f'{folder}/a.json', '--', *command)
        with open(f'{folder}/a.json') as f:
            made = json.load(f)['answers']
        case.check(f'{what}: helped is {helped}, safe is {safe}',
                   helped in (None, made['helped']['level']) and why in made['helped']['text'] and
                   made['safe']['level'] == safe and text in made['safe']['text'], made)
        lines = done.stdout.splitlines()
        case.check(f'{what}: said first', lines[:2] == [f'Did it help?  {made["helped"]["text"]}',
                                                        f'Is it safe?   {made["safe"]["text"]}'], lines[:2])
    done = ab('-n', 2, '-H', f'{folder}/a.html', '--', 'sh', '-c', 'echo "<${LD_PRELOAD:+&}>"')
    with open(f'{folder}/a.html') as f:
        page = f.read()
    case.check('on the page', '<strong>Is it safe?</strong> <span class="bad">No: stdout differs' in page and
               'symfast &quot;&lt;&amp;&gt;&quot;' in page and done.returncode == 1, page[-3000:])


def interrupted(folder):
    """A signal after some pairs: those are kept, told and written; then it ends as the signal says."""
    count = f'{folder}/count'
    words = ['ab', '-n', '500', '-w', '0', '-j', f'{folder}/i.json', '--', 'sh', '-c', f'echo >>{count}; sleep 0.05']
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever started the tests may ignore it
    child = subprocess.Popen([case.CLI, *words], env=case.clean_env(), text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
    while not os.path.exists(count) or os.path.getsize(count) < 9:
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    with open(f'{folder}/i.json') as f:
        made = json.load(f)
    runs = [len(made['runs'][arm]) for arm in ('stock', 'symfast')]
    case.check('SIGINT: ended by it, without a word', child.returncode == -signal.SIGINT and err == '',
               f'{child.returncode} {err}')
    case.check('whole pairs are kept', runs[0] == runs[1] >= 4 and made['interrupted'] is True, runs)
    case.check('and told', 'Did it help?' in out and 'wall, s' in out, out)


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
    with open(bad, 'w') as f:
        f.write('{"symfast":"9","kind":"ab","format":7}')
    case.one_error('a file of a newer format', ab('-c', bad, bad), case.TARGET, 'newer symfast: its format is 7')
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
    answers(place)
    interrupted(place)
    compare(place)
    errors(place)
    case.check('nothing half-written is left', not [n for n in os.listdir(place) if '.json.' in n])
case.end()
