#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""R12: look-ups of a retained plugin. retained.py PROGRAM CC...

The program's output must be the bare one's; in its tenth cycle no look-up may reach libc, before and after the file changed.
"""
import os
import subprocess
import sys
import tempfile
import time

LOOKUPS = 23


def make(folder, name, base, compiler):
    """A plugin whose functions say base + their number, after as many more as base says."""
    source = os.path.join(folder, name + '.c')
    with open(source, 'w', encoding='ascii') as f:
        for i in range(base):
            f.write(f'int before_{i}(void) {{ return {i}; }}\n')
        for i in range(20):
            f.write(f'int plugin_{i}(void) {{ return {base + i}; }}\n')
    path = os.path.join(folder, name + '.so')
    subprocess.run([*compiler, '-shared', '-fPIC', '-O1', '-o', path, source], check=True)
    return path


def run(program, compiler, env):
    """Its lines, those of the host and those of the counters."""
    with tempfile.TemporaryDirectory(prefix='sf-retained-') as folder:
        first, second = make(folder, 'plugin', 1, compiler), make(folder, 'other', 7, compiler)
        time.sleep(0.1)  # so that their times tell a change
        out = subprocess.run([program, first, second, os.path.join(folder, 'link')], env={**os.environ, **env},
                             stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout
        lines = out.replace(folder, 'FOLDER').splitlines()
    return ([line for line in lines if line[0] != '#'],
            [dict(word.split('=') for word in line[2:].split()) for line in lines if line[0] == '#'])


def main():
    program, compiler = sys.argv[1], sys.argv[2:]
    if tuple(map(int, os.confstr('CS_GNU_LIBC_VERSION').split()[1].split('.'))) < (2, 35):
        print('SKIP: before glibc 2.35 nothing is retained')
        return 77
    bare, _ = run(program, compiler, {})
    bad = 0
    for mode in 'on', 'verify', 'off':
        seen, counted = run(program, compiler, {
            'LD_PRELOAD': os.environ['SYMFAST_LIB'], 'SYMFAST': mode, 'SYMFAST_RETAIN': '*'})
        for one, other in zip(bare, seen):
            if one != other:
                print(f'{mode}: {one!r} became {other!r}')
        bad += bare != seen
        if mode != 'on':
            continue
        for c in counted:
            hits = int(c['dlsym.hit']) + int(c['dlsym.shared']) + int(c['dlsym.negative'])
            good = (c['retain.open'] == '1' and c['dlsym.learn'] == c['dlsym.pass'] == '0' and hits == LOOKUPS
                    and c['object.open'] == c['object.close'] == '1')
            print('ok' if good else 'not ok', c)
            bad += not good
    return bad != 0


if __name__ == '__main__':
    sys.exit(main())
