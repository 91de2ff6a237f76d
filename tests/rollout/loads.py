#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What observe says of plugins that are loaded again and again: which, ready to paste, and what that brings.

loads.py HOST PLUGIN TOUCHED STATEFUL LIBRARY PROGRAM COMPARED TELLS LIAR
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from segment import OBSERVE, OFF, ON, VERIFY, Segment, path_of

LINE = re.compile(r'^symfast: loaded again and again: (\d+) loads took \d+ us; .*SYMFAST_RETAIN=(.*)$', re.M)


def run(host, library, n, plugins, **settings):
    env = {k: v for k, v in os.environ.items() if not k.startswith(('SYMFAST', 'LD_'))}
    env.update(settings, LD_PRELOAD=library, SYMFAST_STATS='1')
    done = subprocess.run([host, str(n), *plugins], env=env, capture_output=True, text=True, timeout=240)
    if done.returncode != 0:
        sys.exit(f'{host}: {done.returncode}: {done.stdout}{done.stderr}')
    return done.stderr


def demand(what, good, shown):
    if not good:
        sys.exit(f'not ok - {what}\n{shown}')
    print(f'ok - {what}')


def count(text, name):
    found = re.search(rf'^symfast: {re.escape(name)} (\d+)$', text, re.M)
    return int(found[1]) if found else 0


def evidence(host, library, program, folder, touched, stateful):
    """Was the memory of each at its close as after its load? Said at exit, in the segment and by the program."""
    quiet, busy = shutil.copy(touched, f'{folder}/quiet.so'), shutil.copy(stateful, f'{folder}/busy.so')
    text = run(host, library, 100, [quiet, busy], SYMFAST='observe', SYMFAST_SHM='keep', SYMFAST_SHM_DIR=folder)
    found = re.search(r'^symfast: quiet\.so: (\d+) of (\d+) closes unchanged: keep is as good as fresh$', text, re.M)
    demand('what does not change is told', found and found[1] == found[2] and 90 <= int(found[1]) <= 100, text)
    found = re.search(r'^symfast: busy\.so: 0 of (\d+) closes unchanged, differs: (.*)$', text, re.M)
    demand('what changes is named', found and 90 <= int(found[1]) <= 100 and re.fullmatch(
        r'touched_times, bss:0x[0-9a-f]+', found[2]), text)
    if not os.access(program, os.X_OK):
        return  # built without jansson
    segment = [f'{folder}/{name}' for name in os.listdir(folder) if name.startswith('symfast.')]
    env = {k: v for k, v in os.environ.items() if not k.startswith(('SYMFAST', 'LD_'))}
    made = subprocess.run([program, 'stat', '--json', *segment], env=env, capture_output=True, text=True)
    rows = {os.path.basename(o['file']): o for o in json.loads(made.stdout)['objects']}
    demand('in JSON as well', rows['quiet.so']['compared'] == rows['quiet.so']['unchanged'] >= 90 and
           rows['busy.so']['unchanged'] == 0 and rows['busy.so']['differs'].startswith('touched_times, '), made.stdout)
    made = subprocess.run([program, 'stat', *segment], env=env, capture_output=True, text=True)
    demand('and in text', re.search(r'quiet\.so\n.*all \d+ closes compared: unchanged', made.stdout) and
           re.search(r'busy\.so\n.*0 of \d+ closes compared unchanged, differs: touched_times, ', made.stdout), made.stdout)


def compare(host, library, liar, folder, compared, tells):
    """One cycle in N is libc's, and held against a retained one; what differs is libc's from then on, and nothing else."""
    true, lies = shutil.copy(compared, f'{folder}/true.so'), shutil.copy(compared, f'{folder}/lie_.so')
    tells = shutil.copy(tells, f'{folder}/tells.so')
    time.sleep(0.1)  # a file that has just been written is not retained
    for mode, part in (('verify', 2), ('verify:1/2', 2), ('verify:1/8', 8)):
        n = 60 * part // 2
        text = run(host, library, n, [true], SYMFAST=mode, SYMFAST_RETAIN='*')
        done = count(text, 'compared.retain')
        demand(f'{mode}: every {part}th cycle is libc\'s', n / part / 2 < done <= n / part and
               count(text, 'retain.real') - done in (0, 1) and count(text, 'retain.open') + done > n - 5, text)
        demand(f'{mode}: what differs by itself is no difference', not count(text, 'verify.mismatch') and
               'breaker' not in text and f'retain {done}; different: 0' in text, text)
        for name, plugins, who in (('a lie', [lies, true], liar), ('an object that sees it', [tells], library)):
            text = run(host, who, n, plugins, SYMFAST=mode, SYMFAST_RETAIN='*')
            lines = [line for line in text.splitlines() if 'breaker' in line]
            found = re.search(r'retained "(.*)" is not as after a load: (.*); libc loads it from now on', text)
            demand(f'{mode}: {name} is found', len(lines) == 1 and found and found[1] == plugins[0] and
                   re.fullmatch(r'data:0x[0-9a-f]+', found[2]) and count(text, 'retain.doubt') == 1 and
                   count(text, 'verify.mismatch') == 1 and 'state off' not in text, text)
            opened = count(text, 'retain.open') + count(text, 'retain.real')
            demand(f'{mode}: {name}: the other plugin is retained, this one no more',
                   n * (len(plugins) - 1) < opened < n * len(plugins) - n // 4, text)


def switched(host, library, folder, plugin):
    """In a mode in which libc answers it loads and unloads as well, at once, whatever is retained by then."""
    text = run(host, library, 50, [plugin], SYMFAST='observe', SYMFAST_RETAIN='*')
    demand('observe: libc loads', not count(text, 'retain.open') and not count(text, 'retain.close'), text)
    env = {k: v for k, v in os.environ.items() if not k.startswith(('SYMFAST', 'LD_'))}
    env.update(SYMFAST='on', SYMFAST_RETAIN='*', SYMFAST_SHM='start', SYMFAST_SHM_DIR=folder, LD_PRELOAD=library)
    with subprocess.Popen([host, '100000000', plugin], env=env) as process:
        try:
            seen = follow(process.pid, folder, [ON, OFF, ON, OBSERVE, VERIFY])
        finally:
            process.kill()
    demand('retained where the mode says so', seen == [True, False, True, False, True], seen)


def follow(pid, folder, words):
    """Are objects retained under each of these mode words?"""
    deadline = time.monotonic() + 240
    while not os.path.exists(path_of(pid, folder)):
        time.sleep(0.01)
    s, seen = Segment(pid, folder), []
    for word in words:
        s.set(word)
        before = s.counter('dlclose.real')
        while s.counter('dlclose.real') < before + 10 and time.monotonic() < deadline:
            time.sleep(0.01)  # those that had begun have ended
        opened, before = s.counter('retain.open'), s.counter('dlclose.real')
        while s.counter('dlclose.real') < before + 20 and time.monotonic() < deadline:
            time.sleep(0.01)
        demand(f'{word}: it goes on', s.counter('dlclose.real') >= before + 20, seen)
        seen.append(s.counter('retain.open') > opened)
    return seen


def main():
    host, plugin, touched, stateful, library, program, compared, tells, liar = map(os.path.abspath, sys.argv[1:11])
    with tempfile.TemporaryDirectory(prefix='sf-loads-') as folder:
        plugins = [shutil.copy(plugin, f'{folder}/{name}.so') for name in ('first', 'second')]
        text = run(host, library, 300, plugins, SYMFAST='observe')
        found = LINE.search(text)
        demand('observe names both', found and sorted(found[2].split(':')) == ['first.so', 'second.so'], text)
        # A close that another thread's counting is in the way of is not counted; the first load is none of its kind.
        demand('and how often they were loaded', found and 590 <= int(found[1]) <= 600, text)
        text = run(host, library, 3, plugins, SYMFAST='observe')
        demand('three loads are not often', not LINE.search(text), text)
        if tuple(map(int, os.confstr('CS_GNU_LIBC_VERSION').split()[1].split('.'))) < (2, 35):
            print('SKIP: before glibc 2.35 nothing is retained')
            return
        text = run(host, library, 300, plugins, SYMFAST='on', SYMFAST_RETAIN=found[2])
        demand('what it names is retained', count(text, 'retain.open') >= 590, text)
        demand('and then nothing is said', not LINE.search(text), text)
        evidence(host, library, program, folder, touched, stateful)
        compare(host, library, liar, folder, compared, tells)
        switched(host, library, folder, touched)


main()
