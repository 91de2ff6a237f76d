#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The same text under another libc than this machine's: newer.py FOLDER PROGRAM...

The libc6 of a later Debian is fetched from the mirror into FOLDER, unpacked, and each program is run by its loader,
bare and preloaded. SKIP without a mirror, or on another CPU than x86-64.
"""
import http.client
import lzma
import os
import platform
import re
import subprocess
import sys
import urllib.request

MIRROR = os.environ.get('SYMFAST_GO_MIRROR', 'http://deb.debian.org/debian')
SUITE = 'trixie'
LIBS = 'usr/lib/x86_64-linux-gnu'


def find():
    """Where the mirror has the suite's libc6."""
    here = False
    with urllib.request.urlopen(f'{MIRROR}/dists/{SUITE}/main/binary-amd64/Packages.xz', timeout=30) as packed, \
            lzma.open(packed, 'rt') as lines:
        for line in lines:
            if line.startswith('Package: '):
                here = line == 'Package: libc6\n'
            if here and line.startswith('Filename: '):
                return line.split()[1]
    raise ValueError(f'{SUITE} has no libc6')


def fetch(folder):
    root = os.path.join(folder, 'root')
    if os.path.exists(f'{root}/{LIBS}/libc.so.6'):
        return root
    name = find()
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, os.path.basename(name))
    with urllib.request.urlopen(f'{MIRROR}/{name}', timeout=60) as package, open(path, 'wb') as f:
        f.write(package.read())
    subprocess.run(['dpkg-deb', '-x', path, root], check=True)
    return root


def run(root, program, **extra):
    env = {k: v for k, v in os.environ.items() if not k.startswith(('SYMFAST', 'LD_'))}
    env.update(extra)
    done = subprocess.run([f'{root}/{LIBS}/ld-linux-x86-64.so.2', '--library-path', f'{root}/{LIBS}', program],
                          env=env, capture_output=True, text=True, timeout=240, check=False)
    # Where things lie is chance.
    return done.returncode, re.sub(r'\[0x[0-9a-f]{5,}\]', '[ADDRESS]', done.stdout), done.stderr


def main():
    if platform.machine() != 'x86_64':
        print('SKIP: x86-64 only')
        return 77
    try:
        root = fetch(sys.argv[1])
    except (OSError, http.client.HTTPException, ValueError, EOFError, lzma.LZMAError, subprocess.SubprocessError) as error:
        print(f'SKIP: no other libc: {error}')
        return 77
    bad = 0
    for program in sys.argv[2:]:
        bare = run(root, program)
        for mode in ('on', 'verify', 'off'):
            status, text, said = run(root, program, LD_PRELOAD=os.environ['SYMFAST_LIB'], SYMFAST=mode,
                                     SYMFAST_STATS='1')
            own = re.search(r'backtrace\.own (\d+)', said)
            same = (status, text) == bare[:2]
            served = mode != 'on' or (own is not None and int(own[1]) > 100)
            print(f'{"ok  " if same and served else "FAIL"} {os.path.basename(program)} {mode}, {os.listdir(sys.argv[1])}')
            if not same or not served:
                bad += 1
                print(bare[0], bare[1][:600], status, text[:600], said[:600], sep='\n')
        if bare[0] != 0 or bare[1].count('\n') < 100:
            print('FAIL: stock', bare)
            bad += 1
    return bad != 0


if __name__ == '__main__':
    sys.exit(main())
