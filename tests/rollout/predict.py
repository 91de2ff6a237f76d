#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What observe promises against what the map then saves: predict.py [--long] [--table] PROGRAM LARGE PLUGIN LIBRARY [WORKLOAD...]

CPU time of whole processes (user and system), with the library switched off, observing, and on (or retaining). The
arms take turns; medians count. A promise holds if it is within a factor of 1.5 of what is measured, or within 3 points,
and has not the other sign beyond that. On a busy machine two medians of three runs may lie: there are more rounds until the two
agree, up to MOST, and only then it is a failure. --long: all workloads, larger; --table: rows for docs/rollout.md.
"""
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

LEAST, MOST = 3, 15
FACTOR, POINTS = 1.5, 3.0
PLUGINS = 8

PYTHON = '''
import ctypes
for i in range({rounds}):
    ctypes.CDLL("libm.so.6").cbrt
'''
RUBY = '''
require 'fiddle'
{rounds}.times {{ h = Fiddle::Handle.new('{plugin}'); h['truth_value']; h.close }}
'''
LUA = '''
local ffi = require("ffi")
ffi.cdef[[double cbrt(double);]]
for i = 1, {rounds} do
    ffi.load("libm.so.6").cbrt(i)
    if i % 2000 == 0 then collectgarbage() end
end
'''


class Workload:
    def __init__(self, name, text, rounds, long_rounds, retain=False, short=False, script=None):
        self.name, self.text, self.retain, self.short, self.script = name, text, retain, short, script
        self.rounds = long_rounds if LONG else rounds


def workloads():
    yield Workload('lookups', '3 dlsym and 2 units of work', 150000, 1000000, short=True)
    yield Workload('where', 'dlsym, 1 dladdr, 1 unit of work', 150000, 1000000)
    yield Workload('dladdr', '24 dladdr per request in a large library', 60, 400, short=True)
    yield Workload('backtrace', 'backtrace_symbols of 24 frames there', 60, 400, short=True)
    yield Workload('threads', 'dlopen, dlsym, dlclose, 4 threads', 60000, 500000, short=True)
    yield Workload('churn', 'plugins loaded, asked, unloaded', 150, 1500)
    yield Workload('churn', 'the same, retained', 150, 1500, retain=True, short=True)
    yield Workload('open', 'one plugin opened, asked, closed', 1500, 15000)
    yield Workload('python', 'Python: CDLL and a look-up per request', 4000, 40000, script=('python3', PYTHON))
    yield Workload('ruby', 'Ruby Fiddle: open, look-up, close', 4000, 40000, script=('ruby', RUBY))
    yield Workload('go', 'Go: plugin.Open per request', 5000, 50000)
    yield Workload('luajit', 'LuaJIT: ffi.load, call, collect', 100000, 1000000, script=('luajit', LUA))


def go_command(w):
    """Host and plugin, each built by itself: a module of a folder of its own."""
    if shutil.which('go') is None:
        return None
    for part, options in (('host', []), ('plug', ['-buildmode=plugin'])):
        os.makedirs(f'{FOLDER}/{part}')
        shutil.copy(f'{SOURCE}/predict/{part}.go', f'{FOLDER}/{part}')
        with open(f'{FOLDER}/{part}/go.mod', 'w', encoding='ascii') as f:
            f.write(f'module {part}\ngo 1.19\n')
        done = subprocess.run(['go', 'build', '-o', 'built', *options, '.'], cwd=f'{FOLDER}/{part}', text=True,
                              capture_output=True, env={**os.environ, 'GOFLAGS': '', 'CGO_ENABLED': '1'})
        if done.returncode != 0:
            sys.exit(done.stderr)
    return [f'{FOLDER}/host/built', str(w.rounds), f'{FOLDER}/plug/built']


def command(w):
    if w.name == 'go':
        return go_command(w)
    if w.script is None:
        return [PROGRAM, w.name, str(w.rounds), LARGE, *PLUGS[:PLUGINS if w.name == 'churn' else 1]]
    interpreter, text = w.script
    path = shutil.which(interpreter)
    if path is None or subprocess.run([path, '--version' if interpreter != 'luajit' else '-v'],
                                      capture_output=True).returncode != 0:
        return None
    script = f'{FOLDER}/{w.name}'
    with open(script, 'w', encoding='ascii') as f:
        f.write(text.format(rounds=w.rounds, plugin=PLUGS[0]))
    return [path, script]


def run(words, **settings):
    """CPU time of one run, and what it has said."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(('SYMFAST', 'LD_'))}
    env.update(LD_PRELOAD=LIBRARY, SYMFAST_STATS='1', SYMFAST_CONF='', **settings)
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(words, env=env, stderr=said, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode(errors='replace')
    if child.returncode != 0:
        sys.exit(f'{words}: {child.returncode}: {text}')
    return usage.ru_utime + usage.ru_stime, text


def observed(words):
    """What the library says at exit; of a Go program, which has no such line, the program symfast afterwards."""
    if 'host/built' not in words[0]:
        return run(words, SYMFAST='observe')[1]
    folder = tempfile.mkdtemp(dir=FOLDER)
    run(words, SYMFAST='observe', SYMFAST_SHM='keep', SYMFAST_SHM_DIR=folder)
    said = subprocess.run([f'{os.path.dirname(LIBRARY)}/cli/symfast', 'stat', f'{folder}/{os.listdir(folder)[0]}'],
                          capture_output=True, text=True, check=True)
    return re.sub('^estimate', 'symfast: estimate', said.stdout, flags=re.M)


def promised(text, retain):
    """Of the CPU time of the process, in percent; below zero: it would cost."""
    said = re.search(r'^symfast: estimate: would (save|cost) (nothing|-?\d+\.\d\d)', text, re.M)
    if not said:
        sys.exit(f'no estimate: {text}')
    saved = 0.0 if said[2] == 'nothing' else float(said[2]) * (-1 if said[1] == 'cost' else 1)
    more = re.search(r'^symfast: estimate: retaining .* another (\d+\.\d\d) %', text, re.M)
    return saved + (float(more[1]) if more and retain else 0)


def holds(predicted, measured):
    if abs(predicted - measured) <= POINTS:
        return True
    if predicted * measured <= 0:
        return False
    low, high = sorted((abs(predicted), abs(measured)))
    return high <= low * FACTOR


def compare(w, words):
    """(predicted, measured, rounds, do they agree)"""
    retained = {'SYMFAST_RETAIN': ':'.join(map(os.path.basename, PLUGS))} if w.retain else {}
    off, on, promises = [], [], []
    for count in range(1, MOST + 1):
        off.append(run(words, SYMFAST='off')[0])
        promises.append(promised(observed(words), w.retain))
        on.append(run(words, SYMFAST='on', **retained)[0])
        predicted = statistics.median(promises)
        measured = 100 * (1 - statistics.median(on) / statistics.median(off))
        if count >= LEAST and holds(predicted, measured):
            return predicted, measured, count, True
    return predicted, measured, MOST, False


def main():
    failed = 0
    for w in workloads():
        if (NAMES and w.name not in NAMES) or not (w.short or LONG or NAMES):
            continue
        words = command(w)
        if words is None:
            print(f'skip {w.text}: it is not installed')
            continue
        predicted, measured, count, good = compare(w, words)
        failed += not good
        if TABLE:
            print(f'| {w.text} | {predicted:.1f} % | {measured:.1f} % |')
        else:
            print(f'{"ok  " if good else "FAIL"} {w.text}: predicted {predicted:.1f} %, measured {measured:.1f} %, '
                  f'{count} rounds', flush=True)
    return failed != 0


OPTIONS = [word for word in sys.argv[1:] if word.startswith('--')]
WORDS = [word for word in sys.argv[1:] if not word.startswith('--')]
LONG, TABLE = '--long' in OPTIONS, '--table' in OPTIONS
PROGRAM, LARGE, PLUGIN, LIBRARY = map(os.path.abspath, WORDS[:4])
NAMES = WORDS[4:]
SOURCE = os.path.dirname(os.path.abspath(__file__))
with tempfile.TemporaryDirectory() as FOLDER:
    PLUGS = [shutil.copy(PLUGIN, f'{FOLDER}/plug{i}.so') for i in range(PLUGINS)]
    sys.exit(main())
