#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""symfast list, stat and ctl on processes that live, have crashed, run another program, are others'."""
import os
import shutil
import signal
import struct
import subprocess
import time

import case

TABLE = {'dlsym': (1980, 12, 8), 'dlopen': (60, 20, 0), 'go': (1440, 10, 0)}


def numbers(made):
    done = made.run('stat', '-j', made.pid)
    case.status('stat', done, 0)
    d = case.document(done, 'stat')
    case.check('per function: answered, learnt, passed',
               {f['name']: (f['hits'], f['misses'], f['passes']) for f in d['functions']} == TABLE,
               d['functions'])
    case.check('bypasses by reason', d['bypasses'] == {'first': 6, 'next': 2, 'go.bypass.name': 4},
               d['bypasses'])
    case.check('all counters, by name', d['counters']['dlsym.shared'] == 100 and
               d['counters']['go.refused.race'] == 2 and d['counters']['dladdr.hit'] == 0,
               d['counters'])
    row = d['latencies'][0]
    case.check('quantiles in nanoseconds', (row['function'], d['unit'], row['libc']['p50'],
                                            row['map']['p50']) == ('dlsym', 'ns', 164, 16.5), row)
    case.check('P50 is less, with an interval around the ratio; P99.9 of 1000 cannot be told',
               row['ratios'][0]['verdict'] == 'less' and
               row['ratios'][0]['low'] < 16.5 / 164 < row['ratios'][0]['high'] and
               row['ratios'][3]['verdict'].startswith('too few'), row['ratios'])
    case.check('objects', [(o['file'], o['loads']) for o in d['objects']] ==
               [('/usr/lib/plugin.so', 7)], d['objects'])
    case.check('sites', [(s['function'], s['arm'], s['count']) for s in d['sites']] ==
               [('dlsym', 'libc', 12), ('dlopen', 'map', 3)], d['sites'])
    text = made.run('stat', made.pid).stdout
    for words in ('mode on, by setting', '99.00%', '164 ns', 'too few samples', 'plugin.so'):
        case.check(f'in the text: {words}', words in text, text)
    saved = f'{made.folder}/saved.json'
    with open(saved, 'w') as f:
        f.write(done.stdout)
    case.check('a saved document gives the same text', made.run('stat', saved).stdout == text)


def answers(made, at):
    """Does it help, is it safe: above the numbers, in each mode, with an open breaker."""
    def have(**values):
        for field, value in values.items():
            offset, size = at[f'control.{field}']
            patch(made.path, offset, value if isinstance(value, bytes) else value.to_bytes(size, 'little'))
        d = case.document(made.run('stat', '-j', made.pid), 'stat')
        lines = made.run('stat', made.pid).stdout.splitlines()
        case.check(f'{values}: said first', lines[1:3] == [f'Did it help?  {d["answers"]["helped"]["text"]}',
                                                           f'Is it safe?   {d["answers"]["safe"]["text"]}'], lines[:3])
        return [(a['level'], a['text']) for a in d['answers'].values()]

    def row(what, made, *wanted):
        case.check(f'answers: {what}', all(a[0] == w[0] and w[1] in a[1] for a, w in zip(made, wanted)), made)

    row('on', have(), ('good', 'Yes: '), ('unsure', 'nothing was compared'))
    case.check('with medians of both arms', 'dlsym takes 16.5 ns instead of 164 ns (medians)' in have()[0][1], have())
    row('off', have(word=0), ('unsure', 'No: it is off, by setting'), ('good', 'libc gives every answer'))
    row('verify', have(word=3), ('unsure', 'is libc\'s, and compared'), ('unsure', 'nothing was compared'))
    row('a mismatch', have(word=1, mismatches=2, mismatch_function=b'dlsym\0', mismatch_ns=1700000000 * 10**9),
        ('good', 'Yes: '), ('bad', 'No: 2 answers were not libc\'s, the last one in dlsym'))
    row('an open breaker', have(word=0, breaker=1, mismatches=1, breaker_ns=1700000000 * 10**9),
        ('bad', 'No longer: its breaker is open'),
        ('bad', '1 answer was not libc\'s, the last one in dlsym (symfast: none, libc: none); breaker open since '
         '2023-11-14 22:13:20 UTC.'))
    done = made.run('report', '-H', f'{made.folder}/page.html', made.pid)
    with open(f'{made.folder}/page.html') as f:
        page = f.read()
    case.check('and on the page, in red', done.returncode == 0 and page.count('<span class="bad">No') == 2 and
               'by , ' not in page and 'tr><th>when<td>20' in page, page[3000:6000])
    os.unlink(f'{made.folder}/page.html')
    have(word=1, breaker=0, mismatches=0, mismatch_function=b'\0', mismatch_ns=0, breaker_ns=0)


def orders(made, at):
    for mode, before, word in (('observe', 'on', 2), ('verify', 'observe', 3), ('off', 'verify', 0),
                               ('on', 'off', 1)):
        done = made.run('ctl', '-j', made.pid, mode)
        case.status(f'ctl {mode}', done, 0)
        d = case.document(done, 'ctl')
        case.check(f'from {before} to {mode}', (d['before'], d['mode']) == (before, mode), d)
        with open(made.path, 'rb') as f:
            data = f.read(4096)
        have = struct.unpack_from('<I', data, at['control.word'][0])[0]
        case.check(f'{mode} is word {word}, by ctl', have == word and
                   struct.unpack_from('<I', data, at['control.reason'][0])[0] == 2, have)
    case.check('four orders were counted',
               struct.unpack_from('<I', data, at['control.ctl_count'][0])[0] == 4)
    done = made.run('ctl', '-j', made.pid, 'drain')
    case.status('ctl drain', done, 0)
    with open(made.path, 'rb') as f:
        data = f.read(4096)
    case.check('drain leaves the mode, and is one more wish',
               (struct.unpack_from('<I', data, at['control.word'][0])[0],
                struct.unpack_from('<I', data, at['control.drain'][0])[0]) == (1, 1))
    for path, said in ((b'/', True), (b'/no/such/file', False)):
        patch(made.path, at['control.kill_file'][0], path + b'\0')
        done = made.run('ctl', made.pid, 'on')
        case.check(f'the kill file {path} is told: {said}', done.returncode == 0 and
                   ('kill file / exists, so it will be off again' in done.stderr) == said, done)
        done = made.run('ctl', made.pid, 'off')
        case.check('not when it is switched off', done.returncode == 0 and done.stderr == '', done)
    patch(made.path, at['control.kill_file'][0], b'\0')
    patch(made.path, at['control.phase'][0], struct.pack('<I', 2))
    case.one_error('ctl of a process that passes for good', made.run('ctl', made.pid, 'on'),
                   case.TARGET, 'for good')
    patch(made.path, at['control.phase'][0], struct.pack('<I', 1))
    rows = [('no mode', ['ctl', made.pid]), ('no such mode', ['ctl', made.pid, 'fast']),
            ('no process', ['ctl', 'x', 'on']), ('too much', ['ctl', made.pid, 'on', 'off']),
            ('pid 0', ['ctl', 0, 'on']), ('a negative pid', ['stat', '--', '-5'])]
    for what, words in rows:
        done = made.run(*words)
        case.one_error(what, done, case.TARGET if words[0] == 'stat' else case.USAGE)


def patch(path, offset, data):
    with open(path, 'r+b') as f:
        f.seek(offset)
        f.write(data)


def lives(folder):
    with case.Made(folder) as made:
        d = case.document(made.run('list', '-j'), 'list')
        case.check('one live process', [(p['pid'], p['state'], p['mode']) for p in d['processes']]
                   == [(made.pid, 'live', 'on')], d)
        made.child.send_signal(signal.SIGSEGV)
        made.child.wait()
        d = case.document(made.run('list', '-j', '-c', cwd='/'), 'list')
        case.check('crashed: ended, and removed when asked', [
            (p['state'], p.get('removed')) for p in d['processes']] == [('ended', True)] and
            not os.path.exists(made.path), d)
    with case.Made(folder) as made:
        made.end()
        text = made.run('stat', made.pid)
        case.check('what a killed process left is readable', '(ended)' in text.stdout, text)
        for words in (['ctl', made.pid, 'off'], ['metrics', made.pid], ['top', '-n', 1, made.pid]):
            case.one_error(f'{words[0]} of a killed process', made.run(*words), case.TARGET,
                           'has ended')
        d = case.document(made.run('list', '-j'), 'list')
        case.check('without --clean it stays', d['processes'][0]['state'] == 'ended' and
                   os.path.exists(made.path), d)
        made.run('list', '-c')
    case.one_error('a dead process without a segment', case.run('stat', made.pid), case.TARGET,
                   f'there is no process {made.pid}')
    case.one_error('a process without the shim', case.run('stat', os.getpid()), case.TARGET,
                   'does not have the shim')


def another_program(folder, at):
    with case.Made(folder) as made:
        patch(made.path, at['header.exe'][0], b'/bin/other\0')
        d = case.document(made.run('list', '-j'), 'list')
        case.check('another program than the segment says: replaced',
                   d['processes'][0]['state'] == 'replaced', d)
        case.one_error('ctl of it', made.run('ctl', made.pid, 'on'), case.TARGET, 'another program')
        patch(made.path, at['header.pid_space'][0], struct.pack('<Q', 4026531999))
        d = case.document(made.run('list', '-j', '-c'), 'list')
        case.check('of another pid namespace: elsewhere, not removed',
                   d['processes'][0]['state'] == 'elsewhere' and os.path.exists(made.path), d)
    os.unlink(made.path)


def others(folder):
    if os.geteuid() != 0 or not shutil.which('setpriv'):
        print('SKIP: only root can be two users')
        return
    os.chmod(folder, 0o755)

    def nobody(*words):
        return subprocess.run(['setpriv', '--reuid=65534', '--clear-groups', case.CLI,
                               *map(str, words)], capture_output=True, text=True,
                              env=case.clean_env(SYMFAST_SHM_DIR=folder))

    with case.Made(folder) as made:
        for words in (['stat', made.pid], ['ctl', made.pid, 'off'], ['metrics', made.pid],
                      ['report', made.pid]):
            case.one_error(f"{words[0]} of another user's process", nobody(*words), case.TARGET,
                           'another user')
        done = nobody('list')
        case.check("others' processes are not listed", done.returncode == 0 and
                   str(made.pid) not in done.stdout, done)
    os.unlink(made.path)


def many(folder):
    with case.Made(folder, 1000) as made:
        case.check('1000 processes', made.children == 1000, made.children)
        start = time.monotonic()
        done = made.run('list', '-j')
        took = time.monotonic() - start
        d = case.document(done, 'list')
        pids = [p['pid'] for p in d['processes']]
        case.check(f'all listed, in order of their ids (in {took:.2f} s)', len(pids) == 1001 and
                   pids == sorted(pids) and all(p['state'] == 'live' for p in d['processes']))
    done = made.run('list', '-c')
    case.check('and all removed', '1001 removed' in done.stdout and not os.listdir(folder),
               done.stdout[-200:])


offsets = case.fields()
with case.workshop() as place:
    with case.Made(place) as one:
        numbers(one)
        answers(one, offsets)
        orders(one, offsets)
    for name in os.listdir(place):
        os.unlink(f'{place}/{name}')
    lives(place)
    another_program(place, offsets)
    others(place)
    many(place)
case.end()
