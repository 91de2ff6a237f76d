#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""symfast metrics: OpenMetrics by a strict parser, the textfile by promtool, the numbers by hand."""
import os
import re
import shutil
import subprocess

import case

WANTED = [
    ('symfast_hits_total', 'fn="dlsym"', 1980), ('symfast_misses_total', 'fn="dlopen"', 20),
    ('symfast_passes_total', 'fn="dlsym"', 8), ('symfast_bypass_total', 'reason="first"', 6),
    ('symfast_hits_total', 'fn="dladdr"', 0), ('symfast_mismatch_total', '', 0),
    ('symfast_events_total', 'event="map.insert"', 12), ('symfast_mode', 'mode="on"', 1),
    ('symfast_mode', 'mode="off"', 0), ('symfast_build_info', 'version="0.1.0"', 1),
    ('symfast_hits_total', 'fn="go"', 1440), ('symfast_canary_chosen', '', 1),
]


def samples(what, text, pid):
    for name, label, value in WANTED:
        pattern = rf'^{name}\{{pid="{pid}",exe="[^"]+"{"," if label else ""}{label}\}} {value}$'
        case.check(f'{what}: {name} {label} {value}', re.search(pattern, text, re.M), text)


def open_metrics(made):
    done = made.run('metrics', made.pid)
    case.status('metrics', done, 0)
    samples('OpenMetrics', done.stdout, made.pid)
    case.check('ends with # EOF', done.stdout.endswith('# EOF\n'))
    # Debian's module belongs to Debian's interpreter.
    parse = ('import sys; from prometheus_client.openmetrics.parser import '
             'text_string_to_metric_families as p; print(sum(len(f.samples) for f in '
             'p(sys.stdin.read())))')
    python = '/usr/bin/python3'
    if not os.path.exists(python) or subprocess.run(
            [python, '-c', 'import prometheus_client'], capture_output=True).returncode:
        print('SKIP: no strict parser (Debian: python3-prometheus-client)')
        return
    strict = subprocess.run([python, '-c', parse], input=done.stdout, capture_output=True,
                            text=True)
    lines = len([line for line in done.stdout.splitlines() if not line.startswith('#')])
    case.check('a strict parser finds every sample', strict.stdout.strip() == str(lines),
               strict.stderr)


def escapes(made):
    """A text from the segment becomes a label's value, whatever is in it."""
    offset, size = case.fields()['header.library']
    with open(made.path, 'r+b') as f:
        f.seek(offset)
        f.write(b'1"2\\3}'.ljust(size, b'\0'))
    text = made.run('metrics', made.pid).stdout
    case.check('quotes and backslashes are escaped', r'version="1\"2\\3}"} 1' in text, text[-300:])
    with open(made.path, 'r+b') as f:
        f.seek(offset)
        f.write(b'0.1.0'.ljust(size, b'\0'))


def textfile(made, folder):
    done = made.run('metrics', '-t', folder, made.pid)
    case.check('--textfile prints nothing', (done.returncode, done.stdout, done.stderr) ==
               (0, '', ''), done)
    with open(f'{folder}/symfast.prom') as f:
        text = f.read()
    samples('textfile', text, made.pid)
    case.check('nothing else is left there', os.listdir(folder) == ['symfast.prom'],
               os.listdir(folder))
    case.check('readable by the exporter', os.stat(f'{folder}/symfast.prom').st_mode & 0o777 ==
               0o666 & ~current_umask())
    if case.needs('promtool', 'prometheus'):
        done = subprocess.run(['promtool', 'check', 'metrics'], input=text, capture_output=True,
                              text=True)
        case.check('promtool finds nothing', done.returncode == 0, done.stderr)
        broken = text.replace('# TYPE symfast_mode gauge', '# TYPE symfast_mode gouge')
        done = subprocess.run(['promtool', 'check', 'metrics'], input=broken, capture_output=True,
                              text=True)
        case.check('and would', done.returncode != 0)


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def all_of_them(folder, out):
    with case.Made(folder, 3) as made:
        done = made.run('metrics', '--all')
        pids = set(re.findall(r'pid="(\d+)"', done.stdout))
        case.check('all four processes', len(pids) == 4 and str(made.pid) in pids, pids)
        d = case.document(made.run('metrics', '-a', '-j'), 'metrics')
        case.check('JSON: four processes with counters', [p['counters']['dlsym.hit'] for p in
                                                          d['processes']] == [1800] * 4, d)
        with open(f'{folder}/symfast.{os.geteuid()}.1', 'wb'):
            os.chmod(f'{folder}/symfast.{os.geteuid()}.1', 0o600)
        done = made.run('metrics', '-a', '-t', out)
        with open(f'{out}/symfast.prom') as f:
            text = f.read()
        case.check('a damaged segment is told, the others are written', done.returncode ==
                   case.TARGET and done.stderr.count('\n') == 1 and
                   len(set(re.findall(r'pid="(\d+)"', text))) == 4, done)
    done = made.run('metrics', '-a', '-t', out)
    with open(f'{out}/symfast.prom') as f:
        case.check('dead processes are left out', 'pid=' not in f.read(), done)


def errors():
    rows = [('nothing', [], 2), ('a process and all', ['-a', 1], 2), ('two', [1, 2], 2),
            ('JSON and textfile', ['-a', '-j', '-t', '/tmp'], 2),
            ('no such folder', ['-a', '-t', '/no/such'], case.FAILED)]
    for what, words, wanted in rows:
        case.one_error(what, case.run('metrics', *words, SYMFAST_SHM_DIR='/tmp'), wanted)
    case.one_error('no such segments', case.run('metrics', '-a', SYMFAST_SHM_DIR='/no/such'),
                   case.TARGET)


with case.workshop() as place:
    for name in ('shm', 'out'):
        os.mkdir(f'{place}/{name}')
    with case.Made(f'{place}/shm') as one:
        open_metrics(one)
        escapes(one)
        textfile(one, f'{place}/out')
    shutil.rmtree(f'{place}/shm')
    os.mkdir(f'{place}/shm')
    all_of_them(f'{place}/shm', f'{place}/out')
errors()
case.end()
