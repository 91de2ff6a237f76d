#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""helgrind and drd have nothing to say of the library, and still find what the host does: checkers.py RACE PLUGIN"""
import os
import re
import subprocess
import sys
import tempfile

RACE, PLUGIN = (os.path.abspath(word) for word in sys.argv[1:3])
LIBRARY = os.environ['SYMFAST_LIB']
MODES = ({'SYMFAST': 'on'}, {'SYMFAST': 'observe'}, {'SYMFAST': 'verify'}, {'SYMFAST_SHM': 'off'})
# helgrind takes eight seconds to follow the map being made, whatever the mode.
SHORT = {'helgrind': 1}
LONG = 'SYMFAST_TEST_LONG' in os.environ
COMPLAINT = re.compile(r'data race|Conflicting|lock order|Invalid|uninit')


def complaints(tool, words, settings):
    env = {k: v for k, v in os.environ.items() if not k.startswith(('SYMFAST', 'LD_'))}
    env.update(settings, QEMU_CPU='cortex-a57')  # under qemu-user: valgrind ends itself where a cache line has 32 bytes
    with tempfile.NamedTemporaryFile('r') as log:
        done = subprocess.run(['valgrind', f'--tool={tool}', '-q', '--error-exitcode=9',
                               f'--log-file={log.name}', RACE, PLUGIN, *words], env=env, capture_output=True, text=True,
                              timeout=900)
        text = log.read()
    return done.returncode, done.stdout, len(COMPLAINT.findall(text)), text


bad = 0
for tool in ('helgrind', 'drd'):
    stock = complaints(tool, [], {})
    if stock[0] not in (0, 9):
        sys.exit(f'{RACE}: status {stock[0]}: {stock[3]}')
    if stock[0] == 9:
        print(f'SKIP: {tool} complains without the library, too')
        continue
    for mode in MODES[:None if LONG else SHORT.get(tool)]:
        status, out, found, text = complaints(tool, [], {'LD_PRELOAD': LIBRARY, **mode})
        fine = (status, out, found) == (0, 'done\n', 0)
        print(f'{"ok" if fine else "not ok"} - {tool} {mode}: status {status}, {found} complaints')
        bad += not fine
        if not fine:
            print(text[:3000])
    status, out, found, text = complaints(tool, ['planted'], {'LD_PRELOAD': LIBRARY})
    print(f'{"ok" if status == 9 else "not ok"} - {tool} finds a race of the host: status {status}')
    bad += status != 9
sys.exit(1 if bad else 0)
