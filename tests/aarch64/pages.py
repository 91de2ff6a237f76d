#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""pages.py PROGRAM LIBRARY: the program under the library on kernels of 16 and 64 KiB pages, by qemu-user.

qemu-user tells such a size to the program and maps by it, but takes any address; a kernel refuses one
that is no multiple of a page. So every call about memory is read from -strace and held to that. The
program's own output must be that of a run without the library.
"""
import os
import re
import struct
import subprocess
import sys
import tempfile

ROOT = '/usr/aarch64-linux-gnu'
# Places of arguments that are addresses of pages.
CALLS = {'mmap': [0], 'mprotect': [0], 'munmap': [0], 'madvise': [0], 'mremap': [0, 4], 'mincore': [0],
         'msync': [0]}
CALL = re.compile(r'\b(%s)\(([^)]*)\)' % '|'.join(CALLS))
PAGES = [16384, 65536]
ROUNDS = '60'
SETTINGS = {'SYMFAST_STATS': '1', 'SYMFAST_PHDR': 'free', 'SYMFAST_RETAIN': '*', 'SYMFAST_SITES': '1/16'}


def shared_pages(library):
    """Segments of the library that lie on one page of 64 KiB, or may be mapped so."""
    with open(library, 'rb') as f:
        head = f.read(64)
        at, = struct.unpack_from('<Q', head, 32)
        size, count = struct.unpack_from('<HH', head, 54)
        f.seek(at)
        rows = [struct.unpack('<IIQQQQQQ', f.read(size)[:56]) for _ in range(count)]
    end = 0
    for kind, _, _, address, _, _, memory, align in rows:
        if kind == 1 and (align % PAGES[-1] or address // PAGES[-1] < -(-end // PAGES[-1])):
            yield f'segment at {address:#x}, aligned to {align:#x}, after {end:#x}'
        end = address + memory if kind == 1 else end


def value(text):
    return 0 if text == 'NULL' else int(text, 0) if re.fullmatch(r'0x[0-9a-f]+|[0-9]+', text) else 0


def misplaced(trace, page):
    """What is no multiple of a page, and how many calls there were of each name."""
    wrong, seen = [], {}
    for line in trace.splitlines():
        found = CALL.search(line)
        if not found:
            continue
        name, arguments = found[1], found[2].split(',')
        seen[name] = seen.get(name, 0) + 1
        if any(value(arguments[i]) % page for i in CALLS[name] if i < len(arguments)):
            wrong.append(line)
    return wrong, seen


def run(page, program, preload):
    said = tempfile.NamedTemporaryFile()
    command = ['qemu-aarch64', '-p', str(page), '-strace', '-D', said.name, '-L', ROOT]
    for name, text in (dict(SETTINGS, LD_PRELOAD=preload) if preload else {}).items():
        command += ['-E', f'{name}={text}']
    done = subprocess.run(command + [program, ROUNDS], capture_output=True, text=True, errors='replace',
                          env=dict(os.environ, LC_ALL='C'))
    with open(said.name, errors='replace') as f:
        return done, f.read()


def main():
    program, library = sys.argv[1:]
    status = 0
    for line in shared_pages(library):
        print(line)
        status = 1
    for page in PAGES:
        bare, _ = run(page, program, None)
        done, trace = run(page, program, library)
        wrong, seen = misplaced(trace, page)
        print(f'{page // 1024} KiB:', ', '.join(f'{n} {c}' for n, c in sorted(seen.items())))
        hits = re.search(r'dlsym\.hit (\d+)', done.stderr)
        for what, bad in (('exit status', done.returncode != 0 or bare.returncode != 0),
                          ('another output than bare', done.stdout != bare.stdout),
                          ('hardly a hit', not hits or int(hits[1]) < 1000),
                          ('few calls about memory', seen.get('mprotect', 0) < 20),
                          ('addresses within a page', wrong)):
            if bad:
                print(f'{page // 1024} KiB: {what}', *wrong[:5], sep='\n')
                status = 1
    return status


sys.exit(main())
