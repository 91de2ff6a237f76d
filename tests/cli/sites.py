#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""symfast sites: folded stacks, and a profile that go tool pprof reads; frames have their names."""
import gzip
import json
import os
import subprocess

import case


def symbol_of_libc():
    """(path, offset inside qsort, its name) from nm, as frames would hold it."""
    path = next(p for p in ('/lib/x86_64-linux-gnu/libc.so.6', '/lib/aarch64-linux-gnu/libc.so.6')
                if os.path.exists(p))
    text = subprocess.run(['nm', '-D', path], capture_output=True, text=True).stdout
    line = next(line for line in text.splitlines() if line.endswith(' T qsort@@GLIBC_2.2.5') or
                line.endswith(' T qsort@@GLIBC_2.17'))
    return path, int(line.split()[0], 16) + 5


def document(made, folder):
    d = json.loads(made.run('stat', '-j', made.pid).stdout)
    path, offset = symbol_of_libc()
    d['sites'][0]['frames'][0] = {'object': path, 'offset': offset}
    d['sites'][0]['frames'][1] = {'object': '/no/such object;x', 'offset': 0x42}
    saved = f'{folder}/saved.json'
    with open(saved, 'w') as f:
        json.dump(d, f)
    return saved


def folded(saved):
    done = case.run('sites', '-f', saved)
    case.status('folded', done, 0)
    lines = sorted(done.stdout.splitlines())
    case.check('outermost first, the called function last, then the samples',
               lines[1] == 'such_object_x+0x42;qsort;dlsym_[libc] 12' and
               lines[0].endswith(';dlopen_[map] 3'), lines)


def pprof(saved, folder):
    out = f'{folder}/profile.pb.gz'
    done = case.run('sites', '-p', out, saved)
    case.check('--pprof prints nothing', (done.returncode, done.stdout, done.stderr) == (0, '', ''),
               done)
    with gzip.open(out) as f:
        case.check('the gzip file is whole', len(f.read()) > 100)
    if not case.needs('go', 'golang-go'):
        return
    env = case.clean_env(HOME=folder, GOFLAGS='')
    raw = subprocess.run(['go', 'tool', 'pprof', '-raw', out], capture_output=True, text=True,
                         env=env).stdout
    for words in ('calls/count time/nanoseconds waited/nanoseconds', '12       1200        100:',
                  '3       9000          0:', 'answered by:[libc]', ' qsort ', ' dlsym '):
        case.check(f'go tool pprof -raw: {words}', words in raw, raw)
    top = subprocess.run(['go', 'tool', 'pprof', '-top', '-cum', '-sample_index=calls', out],
                         capture_output=True, text=True, env=env).stdout
    case.check('go tool pprof -top: 12 of 15 calls under qsort',
               any(line.split()[3:] == ['12', '80.00%', 'qsort'] for line in top.splitlines()), top)


def many(made, folder):
    """More than one stored block of gzip."""
    d = json.loads(made.run('stat', '-j', made.pid).stdout)
    site = d['sites'][0]
    d['sites'] = [{**site, 'frames': [{'object': f'/o/{i}', 'offset': i * 16 + k} for k in range(20)]}
                  for i in range(600)]
    with open(f'{folder}/many.json', 'w') as f:
        json.dump(d, f)
    case.run('sites', '-p', f'{folder}/many.gz', f'{folder}/many.json')
    with gzip.open(f'{folder}/many.gz') as f:
        data = f.read()
    case.check('600 stacks of 20 frames: several blocks, checked by their sum', len(data) > 131072,
               len(data))


def errors(made, folder):
    done = case.run('sites', '-p', '/no/such/file', f'{folder}/saved.json')
    case.one_error('a profile where none can be', done, case.FAILED, '/no/such/file')
    case.one_error('nothing', case.run('sites'), 2)
    d = json.loads(made.run('stat', '-j', made.pid).stdout)
    d['sites'] = []
    with open(f'{folder}/none.json', 'w') as f:
        json.dump(d, f)
    done = case.run('sites', f'{folder}/none.json')
    case.check('without samples it says how to get them', 'SYMFAST_SITES' in done.stdout, done)
    d['sites'] = [1, {'frames': [2, {'object': 3, 'offset': 'x'}], 'count': -5, 'time': 'x'}]
    with open(f'{folder}/odd.json', 'w') as f:
        json.dump(d, f)
    for words in (['-f'], ['-j'], [], ['-p', f'{folder}/odd.gz']):
        case.status(f'sites {words} of rows that are none', case.run('sites', *words,
                                                                     f'{folder}/odd.json'), 0)


with case.workshop() as place:
    os.mkdir(f'{place}/shm')
    with case.Made(f'{place}/shm') as one:
        file = document(one, place)
        folded(file)
        pprof(file, place)
        many(one, place)
        errors(one, place)
        made = case.document(one.run('sites', '-j', one.pid), 'sites')
        case.check('JSON: the longest first', [s['function'] for s in made['sites']] ==
                   ['dlopen', 'dlsym'], made)
case.end()
