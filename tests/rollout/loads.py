#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What observe says of plugins that are loaded again and again: which, ready to paste, and what that brings.

loads.py HOST PLUGIN TOUCHED STATEFUL LIBRARY PROGRAM
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

LINE = re.compile(r'^symfast: loaded again and again: (\d+) loads took \d+ us; .*SYMFAST_RETAIN=(.*)$', re.M)


def run(host, library, n, plugins, **settings):
    env = {k: v for k, v in os.environ.items() if not k.startswith(('SYMFAST', 'LD_'))}
    env.update(settings, LD_PRELOAD=library, SYMFAST_STATS='1')
    done = subprocess.run([host, str(n), *plugins], env=env, capture_output=True, text=True, timeout=60)
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


def main():
    host, plugin, touched, stateful, library, program = map(os.path.abspath, sys.argv[1:7])
    with tempfile.TemporaryDirectory(prefix='sf-loads-') as folder:
        plugins = [shutil.copy(plugin, f'{folder}/{name}.so') for name in ('first', 'second')]
        text = run(host, library, 300, plugins, SYMFAST='observe')
        found = LINE.search(text)
        demand('observe names both', found and sorted(found[2].split(':')) == ['first.so', 'second.so'], text)
        # A close that another thread's counting is in the way of is not counted; the first load is none of its kind.
        demand('and how often they were loaded', found and 590 <= int(found[1]) <= 600, text)
        text = run(host, library, 3, plugins, SYMFAST='observe')
        demand('three loads are not often', not LINE.search(text), text)
        text = run(host, library, 300, plugins, SYMFAST='on', SYMFAST_RETAIN=found[2])
        demand('what it names is retained', count(text, 'retain.open') >= 590, text)
        demand('and then nothing is said', not LINE.search(text), text)
        evidence(host, library, program, folder, touched, stateful)


main()
