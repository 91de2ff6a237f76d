#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Objects of every hash style are served alike: hashes.py HOST.c PLUGIN.c VERSIONS FOLDER CC...

An executable, a library that it needs and a plugin, linked with the GNU table, DT_HASH, both and (by a change to the
file) none, with and without symbol versions, and with packed relative relocations. Under each setting the output is
that without the library; a style costs no hit. Then the sizes in DT_HASH are made wrong.
"""
import os
import re
import struct
import subprocess
import sys

from run import RETAINS

DT_HASH, DT_GNU_HASH, UNKNOWN = 4, 0x6ffffef5, 0x6ffffdf0
STYLES = {'gnu': [], 'sysv': [], 'both': [], 'none': ['gnu'], 'packed': ['gnu', '-Wl,-z,pack-relative-relocs']}
SETTINGS = [{'SYMFAST': 'on'}, {'SYMFAST': 'verify'}, {'SYMFAST': 'on', 'SYMFAST_RETAIN': '*'}]
COUNTS = ('dlsym.pass', 'default.pass', 'next.pass', 'dlvsym.pass', 'dladdr.pass', 'compared.dlsym', 'compared.dlvsym',
          'compared.next', 'compared.default', 'retain.open', 'retain.refuse', 'retain.doubt')
ROUNDS = 40
failed = []


def entries(data):
    """(offset, tag, value) of the dynamic section."""
    offset, count = struct.unpack_from('<Q', data, 32)[0], struct.unpack_from('<H', data, 56)[0]
    for i in range(count):
        kind, _, at, _, _, size = struct.unpack_from('<IIQQQQ', data, offset + 56 * i)
        if kind == 2:
            for entry in range(at, at + size, 16):
                yield (entry, *struct.unpack_from('<qQ', data, entry))


def change(source, target, how):
    with open(source, 'rb') as f:
        data = bytearray(f.read())
    for entry, tag, value in list(entries(data)):
        how(data, entry, tag, value)
    with open(target, 'wb') as f:
        f.write(data)
    os.chmod(target, 0o755)


def without_tables(data, entry, tag, _):
    if tag in (DT_HASH, DT_GNU_HASH):
        struct.pack_into('<q', data, entry, UNKNOWN)


def with_word(number, value):
    """The first segment is loaded at 0 of the file: an address there is an offset."""
    def put(data, _, tag, address):
        if tag == DT_HASH:
            struct.pack_into('<I', data, address + 4 * number, value)
    return put


def build(compiler, host, source, versions, folder, style, versioned):
    os.makedirs(folder, exist_ok=True)
    words = [f'-Wl,--hash-style={(STYLES[style] or [style])[0]}', *STYLES[style][1:]]
    more = ['-DVERSIONED', f'-Wl,--version-script={versions}'] if versioned else []
    common = [*compiler, '-O1', '-fPIC', '-D_GNU_SOURCE', '-Wall', '-Werror', '-fno-optimize-sibling-calls', *words]
    for name, value in (('plugin', 100), ('needed', 5000)):
        subprocess.run([*common, '-shared', f'-DV={value}', source, *more, f'-Wl,-soname,lib{name}.so',
                        '-o', f'{folder}/lib{name}.so'], check=True)
    subprocess.run([*common, '-pie', host, '-rdynamic', '-Wl,--no-as-needed', f'-L{folder}', '-lneeded',
                    '-Wl,-rpath,$ORIGIN', '-ldl', '-o', f'{folder}/host'], check=True)
    if style == 'none':
        for name in ('plugin', 'needed'):
            change(f'{folder}/lib{name}.so', f'{folder}/lib{name}.so', without_tables)


def run(folder, **settings):
    env = {k: v for k, v in os.environ.items() if not k.startswith(('SYMFAST', 'LD_'))}
    done = subprocess.run([f'{folder}/host', f'{folder}/libplugin.so', f'{folder}/libneeded.so'], text=True,
                          env=env | settings, capture_output=True, timeout=100, check=False)
    counts = {m[1]: int(m[2]) for m in re.finditer(r'^symfast: (\S+) +(\d+)$', done.stderr, re.M)}
    rest = [line for line in done.stderr.splitlines() if not line.startswith('symfast: ')]
    return (done.returncode, done.stdout, rest), counts


def same(what, folder):
    """The counts under each setting."""
    stock, counts = run(folder), []
    if stock[0][0] != 0 or stock[0][2]:
        failed.append(f'{what}: stock {stock[0]}')
    for setting in SETTINGS:
        got, count = run(folder, LD_PRELOAD=os.environ['SYMFAST_LIB'], SYMFAST_STATS='1', SYMFAST_SHM='off', **setting)
        if got != stock[0]:
            failed.append(f'{what} {setting}: {got}, stock {stock[0]}')
        counts.append(count)
    return counts


def corrupt(folder):
    """Sizes that are wrong: libc looks at the number of buckets and, for dladdr alone, of symbols."""
    plugin = f'{folder}/libplugin.so'
    os.rename(plugin, f'{plugin}.whole')
    for what, number, value in (('no bucket', 0, 0), ('no symbol', 1, 0), ('one symbol', 1, 1)):
        change(f'{plugin}.whole', plugin, with_word(number, value))
        print(f'{what}: dlsym.pass', *(one.get('dlsym.pass', 0) for one in same(what, folder)))
    os.rename(f'{plugin}.whole', plugin)


def main():
    host, source, versions, folder, *compiler = sys.argv[1:]
    for versioned in (False, True):
        seen = {}
        for style in STYLES:
            what = f'{style}{", versions" if versioned else ""}'
            place = f'{folder}/{style}{"_versions" * versioned}'
            build(compiler, host, source, versions, place, style, versioned)
            seen[style] = same(what, place)
            print(f'{what}:', *(f'{name} {"/".join(str(one.get(name, 0)) for one in seen[style])}' for name in COUNTS))
        for style in ('sysv', 'both', 'packed'):
            for setting, want, got in zip(SETTINGS, seen['gnu'], seen[style]):
                for name in COUNTS:
                    # What is in the way of a name in a full set is chance: some in a thousand.
                    if abs(got.get(name, 0) - want.get(name, 0)) > 60:
                        failed.append(f'{style} {setting}: {name} {got.get(name, 0)}, GNU {want.get(name, 0)}')
        if RETAINS and seen['gnu'][2].get('retain.open', 0) < ROUNDS // 2:
            failed.append(f'nothing was retained: {seen["gnu"][2]}')
    corrupt(f'{folder}/sysv')
    if failed:
        sys.exit('\n'.join(failed))


main()
