#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Contract 47: with an auditor, by LD_AUDIT, DT_AUDIT or DT_DEPAUDIT, everything is passed through, on each kind of libc.

auditors.py SOURCE LAB FOLDER CC... -- LIBRARY...   each LIBRARY behaves as on another libc; CC's words end with --
"""
import os
import re
import subprocess
import sys

SOURCE, LAB, FOLDER = sys.argv[1:4]
CC, LIBRARIES = sys.argv[4:sys.argv.index('--')], sys.argv[sys.argv.index('--') + 1:]
AUDITOR, OBJECT = f'{LAB}/audit.so', f'{LAB}/alpha.so'
bad = 0


def run(program, **extra):
    env = {k: v for k, v in os.environ.items() if not k.startswith(('SYMFAST', 'LD_'))}
    done = subprocess.run([program, OBJECT], env=env | {'SYMFAST_SHM': 'off'} | extra, capture_output=True, text=True, timeout=120)
    ours = [line for line in done.stderr.splitlines() if line.startswith('symfast: ')]
    others = [line for line in done.stderr.splitlines() if line not in ours]
    return (done.returncode, done.stdout, others), ours


def check(what, library, program, served, **extra):
    """On a libc before glibc 2.35 itself an auditor's process is passed through without a word."""
    global bad
    bare, _ = run(program, **extra)
    told, ours = run(program, LD_PRELOAD=library, SYMFAST_STATS='1', **extra)
    [state] = [line.split()[2].rstrip(':') for line in ours if line.startswith('symfast: state ')] or ['none']
    hits = sum(int(n) for n in re.findall(r'^symfast: \w+\.hit (\d+)$', '\n'.join(ours), re.M))
    good = bare == told and '50 found' in bare[1] and (state == 'on') == served and (hits > 0) == served
    print(f'{"ok" if good else "FAIL"} - {os.path.basename(library)}, {what}: state {state}, {hits} hits')
    if not good:
        print(f'    bare {bare}\n    preloaded {told}\n    {ours}')
        bad += 1


def main():
    os.makedirs(FOLDER, exist_ok=True)
    programs = {}
    for name, *words in (('plain',), ('audit', f'-Wl,--audit={AUDITOR}'), ('depaudit', f'-Wl,--depaudit={AUDITOR}')):
        programs[name] = f'{FOLDER}/{name}'
        subprocess.run([*CC, '-O1', SOURCE, '-o', programs[name], *words, '-Wl,--as-needed', '-ldl'], check=True, timeout=120)
    for library in LIBRARIES:
        check('no auditor', library, programs['plain'], True)
        check('LD_AUDIT', library, programs['plain'], False, LD_AUDIT=AUDITOR)
        check('DT_AUDIT', library, programs['audit'], False)
        check('DT_DEPAUDIT', library, programs['depaudit'], False)
    sys.exit(1 if bad else 0)


main()
