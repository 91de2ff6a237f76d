#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""symfast doctor --image: libraries and libcs that do not lie in the usual folders, or beside those of another processor."""
import json
import os
import random
import shutil
import struct
import subprocess

import case
from roots import (NOTHING, X86, ARM64, S390, LOADER, SERVED, PASSED, NOT, elf, put, banner, glibc, program, examine, findings,
                   states)

CACHE = '/etc/ld.so.cache'
FAR = '/opt/vendor/x/lib'


def cache(entries, old=False, order='<'):
    """ld.so.cache of (name, path) or (name, path, hwcap); old: as glibc before 2.32 writes it, with the older table before."""
    head = 48 + 24 * len(entries)
    strings, rows = b'', b''
    for name, path, *hwcap in entries:
        at = head + len(strings)
        strings += name.encode() + b'\0' + path.encode() + b'\0'
        rows += struct.pack(order + 'iIIIQ', 0x303, at, at + len(name) + 1, 0, *(hwcap or [0]))
    new = b'glibc-ld.so.cache1.1' + struct.pack(order + 'II20x', len(entries), len(strings)) + rows + strings
    if not old:
        return new
    table = struct.pack(order + '12sI', b'ld.so-1.7.0\0', len(entries)) + b''.join(
        struct.pack(order + 'iII', 3, 0, 0) for _ in entries)
    return table + bytes(-len(table) % 8) + new


def calls(made):
    return {one['path']: sorted(one['calls']) for one in made['programs']}


def libc_file(version, machine=X86, find_object=True):
    number = int(version.split('.')[1])
    return elf(machine, versions=['libc.so.6', *(f'GLIBC_2.{n}' for n in range(3, number + 1))], text=banner(version),
               defines=['_dl_find_object'] if find_object else ['_dl_x'])


def caches(place):
    for number, old in enumerate((False, True)):
        what = f'ld.so.cache, {"older" if old else "newer"} form'
        root = put(f'{place}/cache{number}', LOADER[X86], elf())
        put(root, f'{FAR}/libc.so.6', libc_file('2.31', find_object=False))
        put(root, f'{FAR}/libown.so', elf(imports=['dlopen'], needed=['libc.so.6']))
        put(root, f'{FAR}/arm/libown.so', elf(ARM64, imports=['dladdr'], needed=['libc.so.6']))
        put(root, f'{FAR}/fast/libown.so', elf(imports=['dlsym'], needed=['libc.so.6']))
        put(root, '/usr/bin/asks', program(needed=['libc.so.6', 'libown.so']))
        case.check(f'{what}: without it nothing is found', 'warn:libc' in findings(examine(
            f'{what}, none', root, NOTHING, '--program', 'asks')))
        put(root, CACHE, cache([('libown.so', f'{FAR}/fast/libown.so', 1 << 62), ('libown.so', f'{FAR}/arm/libown.so'),
                                ('libown.so', f'{FAR}/libown.so'), ('libc.so.6', f'{FAR}/libc.so.6')], old))
        made = examine(what, root, 0)
        case.check(f'{what}: the library of this processor, for every one of its kind', calls(made) == {'/usr/bin/asks': ['dlopen']},
                   made['programs'])
        made = examine(f'{what}, one program', root, 0, '--program', 'asks')
        case.check(f'{what}: its libc', made['facts'].get('glibc') == '2.31' and 'note:libc-limits' in findings(made) and
                   'note:missing' not in findings(made), made)
    hostile_caches(place)


def hostile_caches(place):
    root, dice = f'{place}/cache0', random.Random(7)
    good = cache([('libown.so', f'{FAR}/libown.so'), ('libc.so.6', f'{FAR}/libc.so.6')])
    bad = [b'', good[:20], good[:47], good[:60], cache([], order='>'), cache([('libc.so.6', f'{FAR}/libc.so.6')], order='>'),
           good[:20] + b'\xff\xff\xff\xff' + good[24:], cache([('libown.so', ''), ('libc.so.6', 'libc.so.6')]),
           cache([('libc.so.6', '/../../../../../../../lib/x86_64-linux-gnu/libc.so.6')])]
    for _ in range(60):
        data = bytearray(good)
        for _ in range(dice.randint(1, 8)):
            data[dice.randrange(len(data))] = dice.choice((0, 1, 0x7f, 0x80, 0xff))
        bad.append(bytes(data[:dice.choice((len(data), dice.randrange(len(data))))]))
    for number, data in enumerate(bad):
        put(root, CACHE, data)
        done = case.run('doctor', '--json', '--image', root, '--program', 'asks')
        if done.returncode not in (0, NOTHING) or done.stderr or json.loads(done.stdout)['kind'] != 'doctor':
            case.check(f'a hostile ld.so.cache, {number}', False, done)
        elif number < 9 and 'glibc' in json.loads(done.stdout)['facts']:
            case.check(f'a hostile ld.so.cache, {number}: leads to no libc', False, done)
    case.check(f'{len(bad)} hostile caches', True)
    os.unlink(root + CACHE)
    os.mkfifo(root + CACHE)
    examine('ld.so.cache, a FIFO', root, NOTHING)


def own_libcs(place):
    """A loader with its own libc beside it, as Nix, Homebrew or a vendor's folder has them."""
    root = glibc(f'{place}/owns', '2.36')
    put(root, '/usr/bin/usual', program(imports=['dlsym']))
    for folder, version, find_object in (('/opt/old/lib', '2.12', False), ('/nix/store/a-glibc-2.40/lib', '2.40', True),
                                         ('/opt/mid/lib64', '2.31', False)):
        loader = f'{folder}/ld-linux-x86-64.so.2'
        put(root, loader, elf())
        put(root, f'{folder}/libc.so.6', libc_file(version, find_object=find_object))
        put(root, f'/usr/bin/of-{version}', program(interp=loader, imports=['dlsym']))
    os.symlink('/opt/mid/lib64/ld-linux-x86-64.so.2', f'{root}/lib64/ld-again.so')
    os.symlink('../../lib64/ld-again.so', f'{root}/usr/bin/ld-twice.so')
    put(root, '/usr/bin/by-link', program(interp='/usr/bin/ld-twice.so', imports=['dlsym']))
    made = examine('libcs beside their own loaders', root, 0)
    case.check('libcs beside their own loaders: each program by its own', states(made) == {
        '/usr/bin/usual': SERVED, '/usr/bin/of-2.12': NOT, '/usr/bin/of-2.40': SERVED, '/usr/bin/of-2.31': SERVED,
        '/usr/bin/by-link': SERVED}, made['programs'])
    case.check('libcs beside their own loaders: all are told, each once', sorted((one['version'], one['state']) for one in
               made['libcs']) == [('2.12', NOT), ('2.31', SERVED), ('2.36', SERVED), ('2.40', SERVED)], made['libcs'])
    for name, version, limited in (('usual', '2.36', False), ('of-2.40', '2.40', False), ('of-2.31', '2.31', True),
                                   ('by-link', '2.31', True)):
        made = examine(f'the program {name}', root, 0, '--program', name)
        case.check(f'the program {name}: glibc {version}', made['facts']['glibc'] == version and
                   ('note:libc-limits' in findings(made)) == limited, made)
    root = f'{place}/store'
    put(root, '/nix/store/b-musl/lib/ld-musl-x86_64.so.1', elf())
    put(root, '/bin/app', program(interp='/nix/store/b-musl/lib/ld-musl-x86_64.so.1', needed=[]))
    made = examine('no loader in a usual folder', root, 1)
    case.check('no loader in a usual folder: its libc is told all the same', [(one['libc'], one['state']) for one in made['libcs']] ==
               [('musl', PASSED)] and states(made) == {'/bin/app': PASSED}, made)
    text = case.run('doctor', '--image', root).stdout
    case.check('no loader in a usual folder: and in the text', 'no libc' not in text, text)


def other_processors(place):
    """ld.so passes over a library of another processor or of 32 bits, and looks on."""
    small = b'\x7fELF\1\1\1' + bytes(64)
    root = glibc(f'{place}/mixed', '2.36')
    for folder, data in (('/opt/32', small), ('/opt/arm', elf(ARM64, imports=['dladdr'])), ('/opt/big', elf(S390)),
                         ('/opt/own', elf(imports=['dlopen'], needed=['libc.so.6']))):
        put(root, f'{folder}/libown.so', data)
    put(root, '/opt/32/libc.so.6', small)
    put(root, '/opt/arm/libc.so.6', libc_file('2.31', ARM64))
    put(root, '/usr/bin/asks', program(needed=['libown.so', 'libc.so.6'], runpath='/opt/32:/opt/arm:/opt/big:/opt/own'))
    put(root, '/lib/libc.so.6', small)
    made = examine('libraries of other processors come first', root, 0)
    case.check('libraries of other processors come first: they are passed over', calls(made) == {'/usr/bin/asks': ['dlopen']} and
               states(made) == {'/usr/bin/asks': SERVED}, made['programs'])
    made = examine('libraries of other processors come first, one program', root, 0, '--program', 'asks')
    case.check('libraries of other processors come first: the libc', made['facts'].get('glibc') == '2.36', made['facts'])
    # One folder for all, as distributions without folders of processors have it: the libc of 32 bits lies in /lib.
    root = put(f'{place}/flat', LOADER[X86], elf())
    put(root, '/lib/libc.so.6', small)
    put(root, '/usr/lib64/libc.so.6', libc_file('2.35'))
    put(root, '/usr/bin/asks', program(imports=['dlsym']))
    made = examine('a libc of 32 bits in /lib', root, 0)
    case.check('a libc of 32 bits in /lib: the other is found', [one['version'] for one in made['libcs']] == ['2.35'], made['libcs'])


def musl_is_no_wrapper(place):
    """musl is one object, which defines what is wrapped: it is the libc, and no wrapper in front of it."""
    for number, name in enumerate(('libc.musl-x86_64.so.1', 'libc.so')):
        root = put(f'{place}/one-object{number}', '/lib/ld-musl-x86_64.so.1', elf(defines=['dlsym', 'dlopen', 'dlinfo']))
        os.symlink('ld-musl-x86_64.so.1', f'{root}/lib/{name}')
        put(root, '/bin/app', program(interp='/lib/ld-musl-x86_64.so.1', needed=[name], imports=['dlsym']))
        made = examine(f'musl as {name}', root, 1, '--program', '/bin/app')
        case.check(f'musl as {name}: is no wrapper', 'warn:wrapper' not in findings(made), findings(made))
    if not shutil.which('musl-gcc'):
        print('SKIP: no process of musl: musl-gcc is not here (Debian: musl-tools)')
        return
    path = case.compile_c(place, 'musl-waits', '#include <stdio.h>\n#include <unistd.h>\n'
                          'int main(void) { puts("ready"); fflush(stdout); return pause(); }\n')
    subprocess.run(['musl-gcc', '-o', path, path + '.c'], check=True)
    child = subprocess.Popen([path], stdout=subprocess.PIPE, env=case.clean_env(LD_PRELOAD=case.LIB))
    child.stdout.readline()
    done = case.run('doctor', '--json', child.pid)
    child.kill()
    child.wait()
    found = findings(case.document(done, 'doctor'))
    case.check('a process of musl: passed through, for that reason alone', 'stop:musl' in found and 'warn:wrapper' not in found,
               found)


def not_unpacked(place):
    path = f'{place}/image.tar'
    subprocess.run(['tar', '-cf', path, '-C', f'{place}/flat', '.'], check=True)
    case.one_error('a tar', case.run('doctor', '--image', path), case.TARGET, 'unpack')
    os.makedirs(f'{place}/saved')
    with open(f'{place}/saved/manifest.json', 'w') as f:
        json.dump([{'Config': 'x.json', 'RepoTags': ['x:1'], 'Layers': ['x/layer.tar']}], f)
    case.one_error('what docker save wrote', case.run('doctor', '--image', f'{place}/saved'), case.TARGET, 'unpack')
    root = put(glibc(f'{place}/has-manifest', '2.36'), '/manifest.json', b'{}', 0o644)
    put(root, '/usr/bin/x', program())
    examine('a root that has such a file, too', root, NOTHING)


with case.workshop() as folder:
    caches(folder)
    own_libcs(folder)
    other_processors(folder)
    musl_is_no_wrapper(folder)
    not_unpacked(folder)
case.end()
