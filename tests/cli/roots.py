# SPDX-License-Identifier: BSD-2-Clause
"""Roots for the tests of symfast doctor --image, made of small files: libcs, loaders, programs; and what it says of them."""
import os
import struct
import time

import case

NOTHING = 5
X86, ARM64, I386, RISCV, S390 = 62, 183, 3, 243, 22
LOADER = {X86: '/lib64/ld-linux-x86-64.so.2', ARM64: '/lib/ld-linux-aarch64.so.1', RISCV: '/lib/ld-linux-riscv64-lp64d.so.1'}
MUSL = {X86: '/lib/ld-musl-x86_64.so.1', ARM64: '/lib/ld-musl-aarch64.so.1'}
CPU = {X86: 'x86_64', ARM64: 'aarch64', RISCV: 'riscv64'}
# What docs/support.md says; shim/cli/doctor/doctor_served.c is where the program knows it.
OLDEST_SERVED = {X86: (2, 28), ARM64: (2, 34)}


# ---- files ----

def elf(machine=X86, interp=None, needed=(), runpath=None, defines=(), imports=(), versions=(), text='', kind=3):
    """An ELF file with all that doctor reads: one segment, addresses are offsets."""
    strings = b'\0'

    def name(word):
        nonlocal strings
        at = len(strings)
        strings += word.encode() + b'\0'
        return at

    dyn = [(1, name(word)) for word in needed]
    if runpath:
        dyn.append((29, name(runpath)))
    symbols = bytes(24) + b''.join(struct.pack('<IBBHQQ', name(word), 0x12, 0, where, 0x100 * where, 8)
                                   for words, where in ((imports, 0), (defines, 1)) for word in words)
    count = len(symbols) // 24
    table = struct.pack('<II', 1, count) + bytes(4 + 4 * count)
    verdef = b''
    for number, word in enumerate(versions):
        last = number + 1 == len(versions)
        verdef += struct.pack('<HHHHIII', 1, 0, number + 1, 1, 0, 20, 0 if last else 28) + struct.pack('<II', name(word), 0)
    body, at = b'', 64 + 3 * 56
    places = {}
    for key, part in (('interp', (interp or '').encode() + b'\0'), ('text', text.encode() + b'\0'), ('strings', strings),
                      ('symbols', symbols), ('table', table), ('verdef', verdef)):
        body += bytes(-len(body) % 8)
        places[key] = at + len(body)
        body += part
    body += bytes(-len(body) % 8)
    dyn += [(5, places['strings']), (10, len(strings)), (6, places['symbols']), (4, places['table'])]
    if versions:
        dyn += [(0x6ffffffc, places['verdef']), (0x6ffffffd, len(versions))]
    dynamic = b''.join(struct.pack('<qQ', *pair) for pair in dyn + [(0, 0)])
    where, size = at + len(body), at + len(body) + len(dynamic)
    heads = [struct.pack('<IIQQQQQQ', 1, 5, 0, 0, 0, size, size, 4096),
             struct.pack('<IIQQQQQQ', 2, 6, where, where, where, len(dynamic), len(dynamic), 8)]
    if interp:
        length = len(interp) + 1
        heads.append(struct.pack('<IIQQQQQQ', 3, 4, places['interp'], places['interp'], places['interp'], length, length, 1))
    head = b'\x7fELF\2\1\1' + bytes(9) + struct.pack('<HHIQQQIHHHHHH', kind, machine, 1, 0x100, 64, 0, 0, 64, 56, len(heads), 0,
                                                      0, 0)
    return head + b''.join(heads) + bytes(at - 64 - 56 * len(heads)) + body + dynamic


def put(root, path, data, mode=0o755):
    os.makedirs(os.path.dirname(root + path), exist_ok=True)
    with open(root + path, 'wb') as f:
        f.write(data)
    os.chmod(root + path, mode)
    return root


def banner(version):
    return f'GNU C Library (Example GLIBC {version}-1) stable release version {version}.\nCopyright'


def glibc(root, version, machine=X86, words=True, find_object=None):
    """Its libc.so.6 and ld.so. words: with the text; else the versions alone tell."""
    number = tuple(map(int, version.split('.')))
    names = ['libc.so.6'] + [f'GLIBC_2.{n}' for n in (*range(17, number[1] + 1), number[1], 3)] + ['GLIBC_PRIVATE']
    find_object = number >= (2, 35) if find_object is None else find_object
    put(root, LOADER[machine], elf(machine))
    return put(root, f'/usr/lib/{CPU[machine]}-linux-gnu/libc.so.6',
               elf(machine, versions=names, text=banner(version) if words else '',
                   defines=['_dl_find_object'] if find_object else ['_dl_x']))


def program(machine=X86, interp=None, **more):
    more.setdefault('needed', ['libc.so.6'])
    return elf(machine, interp=interp or LOADER[machine], **more)


SERVED, PASSED, NOT = 'served', 'passed through', 'not loaded'


def examine(what, root, wanted, *words, **extra):
    began = time.monotonic()
    done = case.run('doctor', '--json', '--image', root, *words, **extra)
    case.status(what, done, wanted)
    case.check(f'{what}: nothing on standard error, and no waiting', done.stderr == '' and time.monotonic() - began < 100, done)
    made = case.document(done, 'doctor')
    case.check(f'{what}: can_serve agrees', made.get('can_serve') is (wanted in (0, NOTHING)), made)
    return made


def findings(made):
    return {f'{f["level"]}:{f["id"]}': f['text'] for f in made.get('findings', [])}


def states(made):
    return {one['path']: one['state'] for one in made.get('programs', [])}
