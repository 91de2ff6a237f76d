#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What observe says of plugins that are loaded again and again: which, ready to paste, and what that brings.

loads.py HOST PLUGIN LIBRARY
"""
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


def main():
    host, plugin, library = map(os.path.abspath, sys.argv[1:4])
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


main()
