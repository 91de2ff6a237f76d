#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""symfast doctor --image: roots of every libc and processor, made here; and roots that lie, loop, wait or lead out."""
import json
import os
import random
import shutil
import stat
import struct
import subprocess

import case
from roots import (NOTHING, X86, ARM64, RISCV, S390, LOADER, MUSL, CPU, OLDEST_SERVED, SERVED, PASSED, NOT, elf, put, banner, glibc,
                   program, examine, findings, states)


# ---- which libc ----

def wanted_of(version, machine):
    number = tuple(map(int, version.split('.')))
    if number < (2, 17):
        return NOT
    return SERVED if number >= OLDEST_SERVED[machine] else PASSED


def libcs(place):
    for number, (version, machine, words, find) in enumerate((
            ('2.5', X86, True, None), ('2.16', X86, True, None), ('2.17', X86, True, None), ('2.27', X86, True, None),
            ('2.28', X86, True, None), ('2.31', X86, False, None), ('2.34', X86, True, False), ('2.34', X86, True, True),
            ('2.34', X86, False, True), ('2.35', X86, True, None), ('2.36', ARM64, True, None), ('2.36', ARM64, False, None),
            ('2.31', ARM64, True, None), ('2.43', X86, False, None), ('2.100', X86, True, None), ('2.36', RISCV, True, None))):
        root = glibc(f'{place}/libc{number}', version, machine, words, find)
        put(root, '/usr/bin/plain', program(machine))
        put(root, '/usr/bin/asks', program(machine, imports=['dlsym']))
        state = wanted_of(version, machine) if machine in (X86, ARM64) else NOT
        what = f'glibc {version}, {CPU[machine]}, {"text" if words else "versions"}, find_object {find}'
        made = examine(what, root, 0 if state == SERVED else 1)
        case.check(f'{what}: {state}', [(one['libc'], one['version'], one['machine'], one['state']) for one in made['libcs']] ==
                   [('glibc', version, CPU[machine], state)], made['libcs'])
        case.check(f'{what}: and so are its programs', states(made) == {'/usr/bin/plain': state, '/usr/bin/asks': state},
                   made['programs'])
        case.check(f'{what}: with the reason', all((one['reason'] == '') == (state == SERVED) for one in
                                                    made['libcs'] + made['programs']), made)
    if shutil.which('musl-gcc'):
        musl_of_this_machine(place)


def limits(place):
    """Served, but not all of it: the older libc, or one without _dl_find_object."""
    for number, (version, machine, find, limited) in enumerate((('2.28', X86, False, True), ('2.33', X86, True, True),
            ('2.34', X86, False, True), ('2.34', X86, True, False), ('2.35', X86, True, False), ('2.36', ARM64, True, False))):
        root = put(glibc(f'{place}/limit{number}', version, machine, True, find), '/usr/bin/asks', program(machine, imports=['dlsym']))
        made = examine(f'glibc {version}, find_object {find}', root, 0, '--program', 'asks')
        case.check(f'glibc {version}, find_object {find}: limits are told', ('note:libc-limits' in findings(made)) == limited,
                   findings(made))


def other_roots(place):
    root = put(f'{place}/musl', MUSL[X86], elf())
    put(root, '/bin/busybox', program(interp=MUSL[X86], needed=['libc.musl-x86_64.so.1']))
    for name in ('sh', 'ls', 'cat'):
        os.symlink('/bin/busybox', f'{root}/bin/{name}')
    made = examine('musl', root, 1)
    case.check('musl: one program, whatever its names', [one['path'] for one in made['programs']] == ['/bin/busybox'] and
               states(made) == {'/bin/busybox': PASSED} and
               made['libcs'][0]['libc'] == 'musl' and made['libcs'][0]['state'] == PASSED, made)
    root = put(f'{place}/scratch', '/server', elf(kind=2))
    made = examine('static alone', root, 1)
    case.check('static alone: no libc, and the reason', made['libcs'] == [] and made['programs'][0]['id'] == 'static' and
               states(made) == {'/server': NOT}, made)
    os.makedirs(f'{place}/empty')
    made = examine('an empty root', f'{place}/empty', 1)
    case.check('an empty root: said', 'stop:no-program' in findings(made) and made['libcs'] == [], made)
    root = glibc(glibc(f'{place}/both', '2.36'), '2.31', ARM64)
    put(root, '/lib/ld-linux.so.2', b'\x7fELF\1\1\1' + bytes(64))
    put(root, '/usr/bin/a', program())
    put(root, '/usr/bin/b', program(ARM64))
    put(root, '/usr/bin/c', b'\x7fELF\1\1\1' + bytes(64))
    put(root, '/usr/bin/d', program(S390, interp=LOADER[X86]))
    put(root, '/usr/bin/script', b'#!/usr/bin/a\n')
    put(root, '/usr/bin/data', program(), 0o644)
    put(root, '/usr/bin/e', program(interp='/lib/ld-other.so'))
    os.chmod(put(root, '/usr/bin/f', program()) + '/usr/bin/f', 0o4755)
    arm = wanted_of('2.31', ARM64)
    made = examine('several libcs', root, NOTHING)
    case.check('several libcs: each has its own', {(one['machine'], one['state']) for one in made['libcs']} ==
               {('x86_64', SERVED), ('aarch64', arm), ('32 bits', NOT)}, made['libcs'])
    case.check('several libcs: each program by its own', states(made) == {
        '/usr/bin/a': SERVED, '/usr/bin/b': arm, '/usr/bin/c': NOT, '/usr/bin/d': NOT, '/usr/bin/e': NOT, '/usr/bin/f': NOT},
        made['programs'])
    case.check('several libcs: the reasons', {one['path'][-1]: one['id'] for one in made['programs'] if one['state'] == NOT} ==
               {'c': 'format', 'd': 'machine', 'e': 'loader', 'f': 'secure'}, made['programs'])


def musl_of_this_machine(place):
    path = case.compile_c(place, 'by-musl', 'int main(void) { return 0; }\n')
    subprocess.run(['musl-gcc', '-o', path, path + '.c'], check=True)
    root = f'{place}/real-musl'
    os.makedirs(f'{root}/bin')
    shutil.copy(path, f'{root}/bin/by-musl')
    interp = f'/lib/ld-musl-{os.uname().machine}.so.1'
    put(root, interp, open(os.path.realpath(interp), 'rb').read())
    made = examine('a root with the real musl', root, 1)
    case.check('a root with the real musl: passed through', states(made) == {'/bin/by-musl': PASSED} and
               made['libcs'][0]['libc'] == 'musl', made)


def this_machine(place):
    """Its own libc, copied, and by /proc."""
    root = f'{place}/own'
    for line in subprocess.run(['ldd', '/bin/true'], capture_output=True, text=True).stdout.splitlines():
        path = next((word for word in line.split() if word.startswith('/')), None)
        if path:
            put(root, path, open(path, 'rb').read())
    put(root, '/bin/true', open('/bin/true', 'rb').read())
    made = examine('the libc of this machine', root, NOTHING)
    version = os.confstr('CS_GNU_LIBC_VERSION').split()[1]
    case.check('the libc of this machine: its version', [one['version'] for one in made['libcs']] == [version], made['libcs'])
    asked = case.run('doctor', '--json', '/bin/true')
    made = examine('the root of a process', f'/proc/{os.getpid()}/root', asked.returncode, '--program', '/bin/true')
    have, want = made['facts'], json.loads(asked.stdout)['facts']
    case.check('the root of a process: as without --image', {key: have[key] for key in want} == want, f'{have} {want}')


def process(place):
    """symfast doctor PID: a process's root is as good a place for such links."""
    root, path = f'{place}/own', case.compile_c(place, 'waits', '#include <stdio.h>\n#include <unistd.h>\n'
                                                'int main(void) { puts("ready"); fflush(stdout); return pause(); }\n')
    shutil.copy(path, f'{root}/bin/waits')
    [libc] = [f'{folder}/{name}' for folder, _, names in os.walk(root) for name in names if name == 'libc.so.6']
    os.makedirs(f'{root}/real')
    os.rename(libc, f'{root}/real/libc.so')
    os.symlink('/real/libc.so', libc)
    try:
        child = subprocess.Popen(['/bin/waits'], preexec_fn=lambda: os.chroot(root), cwd='/', stdout=subprocess.PIPE, env={})
    except (OSError, subprocess.SubprocessError) as error:
        print(f'SKIP: no chroot here: {error}')
        return
    child.stdout.readline()
    done = case.run('doctor', '--json', child.pid)
    child.kill()
    child.wait()
    made = case.document(done, 'doctor')
    case.check('a process whose libc is a link in its root', made['facts'].get('glibc') ==
               os.confstr('CS_GNU_LIBC_VERSION').split()[1], f'{made["facts"]} {findings(made)}')


# ---- which program ----

def programs(place):
    root = glibc(f'{place}/programs', '2.36')
    put(root, '/usr/sbin/asks', program(imports=['dlopen'], needed=['libc.so.6', 'libown.so']))
    put(root, '/opt/own/libown.so', elf(imports=['dladdr'], needed=['libc.so.6']))
    put(root, '/usr/bin/plain', program())
    put(root, '/srv/far/away', program(imports=['dlsym']))
    put(root, '/usr/sbin/by-runpath', program(needed=['libown.so'], runpath='/opt/own'))
    put(root, '/srv/app/by-origin', program(needed=['libown.so'], runpath='$ORIGIN/../../opt/own'))
    put(root, '/start.sh', b'#!/bin/sh\nset -e\nexec /usr/sbin/asks "$@"\n')
    put(root, '/bin/sh', program(imports=['dlsym']))
    made = examine('a scan', root, 0)
    calls = {one['path']: sorted(one['calls']) for one in made['programs']}
    case.check('a scan: what is called, by a library too', calls == {'/usr/sbin/asks': ['dlopen'], '/usr/bin/plain': [],
               '/usr/sbin/by-runpath': ['dladdr'], '/bin/sh': ['dlsym']}, calls)
    case.check('a scan: what is not loaded anywhere is said to be missing', 'far' not in str(made), made)
    for word, path, wanted in (('/srv/far/away', '/srv/far/away', 0), ('asks', '/usr/sbin/asks', 0),
                               ('usr/bin/plain', '/usr/bin/plain', NOTHING), ('/start.sh', '/usr/sbin/asks', 0),
                               ('/srv/app/by-origin', '/srv/app/by-origin', 0),
                               ('/usr/../../../usr/bin/plain', '/usr/bin/plain', NOTHING)):
        made = examine(f'--program {word}', root, wanted, '--program', word)
        case.check(f'--program {word}: {path}', made['facts']['program'] == path and made['facts']['glibc'] == '2.36' and
                   'programs' not in made, made['facts'])
    for word in ('/usr/bin/env', 'env', '/no/such', '/usr/bin', '/etc/passwd'):
        case.one_error(f'--program {word}, which the root does not have', case.run('doctor', '--image', root, '--program', word),
                       case.TARGET)
    text = case.run('doctor', '--image', root).stdout
    case.check('as text: libc, programs, what to expect', 'glibc 2.36, x86_64: served' in text and '/usr/sbin/asks' in text and
               '4 programs; 4 of them would be served, and 3' in text and '\x1b' not in text, text)
    put(root, '/etc/ld.so.preload', b'/usr/lib/libother.so\n')
    made = examine('ld.so.preload', root, 0)
    case.check('ld.so.preload: told', 'libother.so' in findings(made)['note:preload'], made['findings'])
    put(root, '/etc/symfast.conf', b'[/usr/sbin/asks]\nSYMFAST=observe\n', 0o644)
    made = examine('the settings file of the root', root, 0)
    case.check('the settings file of the root: who is not in it is passed through', states(made)['/usr/sbin/asks'] == SERVED and
               states(made)['/usr/bin/plain'] == PASSED, states(made))


def bundles(place):
    root = glibc(f'{place}/bundle/rootfs', '2.36')
    put(root, '/usr/bin/asks', program(imports=['dlopen']))
    put(root, '/opt/bin/own', program())
    put(root, '/opt/entry', b'#!/bin/bash\nexec /usr/bin/asks\n')

    def config(args, cwd='/', env=(), path='rootfs'):
        with open(f'{place}/bundle/config.json', 'w') as f:
            json.dump({'ociVersion': '1.0.0', 'root': {'path': path}, 'process': {'args': args, 'cwd': cwd, 'env': list(env)}}, f)

    for args, cwd, env, program_, wanted in (
            (['/usr/bin/asks', '-x'], '/', [], '/usr/bin/asks', 0), (['own'], '/', ['PATH=/bin:/opt/bin'], '/opt/bin/own', NOTHING),
            (['./entry'], '/opt', [], '/usr/bin/asks', 0), (['asks'], '/', ['LD_PRELOAD=/x/liba.so'], '/usr/bin/asks', 0),
            (['asks'], '/', ['LD_AUDIT=/x/liba.so'], '/usr/bin/asks', 1), ([], '/', [], None, 0)):
        config(args, cwd, env)
        made = examine(f'a bundle that starts {args} {env}', root, wanted)
        case.check(f'a bundle that starts {args}: {program_}', made['facts'].get('program') == program_ and
                   'note:config' in findings(made), made['facts'])
        case.check('and its environment counts', ('note:preload' in findings(made)) == ('LD_PRELOAD=/x/liba.so' in env) and
                   ('stop:audit' in findings(made)) == ('LD_AUDIT=/x/liba.so' in env), findings(made))
    config(['/usr/bin/asks'])
    for folder, name in ((f'{place}/bundle', 'rootfs'), (f'{place}/bundle', './rootfs//'), (root, '.'), (root, '../rootfs')):
        made = json.loads(case.run('doctor', '--json', '--image', name, cwd=folder).stdout)
        # A bundle is looked for by the name that was given.
        case.check(f'the root as {name}', made['facts'].get('program') == (None if name == '.' else '/usr/bin/asks') and
                   made['libcs'][0]['state'] == SERVED, made['facts'])
    made = examine('--program goes before it', root, NOTHING, '--program', '/opt/bin/own')
    case.check('--program goes before it: so it is', made['facts']['program'] == '/opt/bin/own', made['facts'])
    case.one_error('a bundle that starts what is not there', (config(['gone']), case.run('doctor', '--image', root))[1], case.TARGET,
                   'gone')
    os.makedirs(f'{place}/bundle/other')
    config(['/usr/bin/asks'], path='other')
    case.check('a config.json of another root says nothing', 'note:config' not in findings(examine('another root', root, 0)))
    os.unlink(f'{place}/bundle/config.json')
    for what, data in (('damaged', b'{"process": '), ('deep', b'[' * 100000), ('of lists', b'[]'), ('huge', b' ' * (5 << 20)),
                       ('of wrong types', b'{"root": {"path": 5}, "process": {"args": {}, "env": [1, null], "cwd": []}}')):
        with open(f'{place}/bundle/config.json', 'wb') as f:
            f.write(data)
        case.check(f'a config.json, {what}, is none', 'note:config' not in findings(examine(f'config.json, {what}', root, 0)))
    os.unlink(f'{place}/bundle/config.json')
    os.mkfifo(f'{place}/bundle/config.json')
    examine('config.json, a FIFO', root, 0)


# ---- roots that mean harm ----

def links(place):
    """What the host has and the root does not must not be found, on any way."""
    root = glibc(f'{place}/links', '2.31')
    shutil.copy('/bin/true', f'{place}/outside')
    os.makedirs(f'{root}/usr/bin')
    for name, target in (('absolute', '/usr/bin/env'), ('up', '../../../../../../../../../../usr/bin/env'),
                         ('beside', '../../../outside'), ('loop', 'loop'), ('a', 'b'), ('b', 'a'), ('dir', '/'), ('self', '.'),
                         ('proc', '/proc/self/exe'), ('fd', '/dev/fd/0'), ('gone', '/no/such'), ('passwd', '/etc/passwd'),
                         ('long', 'x/' * 1500), ('inside', '/../../usr/lib/../bin/real'), ('file-up', 'real/../real'),
                         ('slash', 'real/')):
        os.symlink(target, f'{root}/usr/bin/{name}')
    put(root, '/usr/bin/real', program())
    old = wanted_of('2.31', X86)
    status = NOTHING if old == SERVED else 1
    made = examine('links', root, status)
    case.check('links: what is inside is found once, and nothing outside', states(made) == {'/usr/bin/real': old},
               made['programs'])
    for word in ('absolute', 'up', 'beside', 'loop', 'a', 'proc', 'passwd', 'gone', 'long', 'file-up', 'slash', 'dir'):
        case.one_error(f'links: --program {word}', case.run('doctor', '--image', root, '--program', f'/usr/bin/{word}'), case.TARGET)
    made = examine('links: an absolute one with ..', root, status, '--program', '/usr/bin/inside')
    case.check('links: leads to the file in the root', made['facts']['program'] == '/usr/bin/real', made['facts'])
    # The folders of the libc are links to the host's; the loader's is a link in the root.
    root = f'{place}/linked-libs'
    put(root, '/usr/bin/real', program(runpath='/../../../../lib/x86_64-linux-gnu:/proc/self/root/lib/x86_64-linux-gnu'))
    put(root, '/real/ld.so', elf())
    os.makedirs(f'{root}/lib64')
    os.symlink('/real/ld.so', root + LOADER[X86])
    for name in ('lib', 'usr/lib', 'usr/lib64'):
        os.symlink('../' * 20 + 'lib', f'{root}/{name}')
    made = examine('links to libraries', root, NOTHING, '--program', '/usr/bin/real')
    case.check('links to libraries: no libc of the host', 'glibc' not in made['facts'] and 'no libc.so.6' in
               findings(made)['warn:libc'], made)
    # A folder that is a link to itself, forty folders deep, and names that do something to a terminal.
    root = glibc(f'{place}/odd', '2.36')
    path = '/' + '/'.join(['d'] * 100)
    put(root, f'{path}/deep', program())
    case.one_error('a hundred folders deep', case.run('doctor', '--image', root, '--program', f'{path}/deep'), case.TARGET)
    put(root, '/usr/bin/odd\n\x1b[31m\xff', program())
    done = case.run('doctor', '--image', root)
    case.check('a name with control characters', done.returncode == NOTHING and '\x1b' not in done.stdout and
               '\nodd' not in done.stdout, repr(done.stdout))
    examine('and in JSON', root, NOTHING)
    chain = f'{root}/usr/bin/chain'
    for number in range(60):
        os.symlink(f'chain{number + 1}', f'{chain}{number}')
    shutil.copy(f'{place}/links/usr/bin/real', f'{chain}60')
    made = examine('a chain of 60 links', root, NOTHING)
    case.check('a chain of 60 links: its end is found by its own name', f'/usr/bin/chain60' in states(made), states(made))


def special(place):
    """What must not be opened, cannot be read, or is too big."""
    root = glibc(f'{place}/special', '2.36')
    put(root, '/usr/bin/real', program())
    os.mkfifo(f'{root}/usr/bin/fifo')
    os.chmod(f'{root}/usr/bin/fifo', 0o777)
    os.makedirs(f'{root}/etc')
    os.mkfifo(f'{root}/etc/ld.so.preload')
    os.mkfifo(f'{root}/etc/symfast.conf')
    sock = __import__('socket').socket(__import__('socket').AF_UNIX)
    os.chdir(f'{root}/usr/bin')
    sock.bind('sock')
    os.chdir('/')
    os.chmod(f'{root}/usr/bin/sock', 0o777)
    if os.geteuid() == 0:
        try:
            os.mknod(f'{root}/usr/bin/zero', stat.S_IFCHR | 0o777, os.makedev(1, 5))
        except OSError as error:
            print(f'SKIP: no device can be made here: {error}')
    with open(f'{root}/usr/bin/huge', 'wb') as f:
        f.write(program())
        f.truncate(6 << 30)
    os.chmod(f'{root}/usr/bin/huge', 0o755)
    made = examine('FIFOs, devices, sockets and a file of 6 GiB', root, 1)
    case.check('and the program beside them is looked at', '/usr/bin/real' in states(made) and len(states(made)) == 1 and
               '1 files' in findings(made)['warn:big'], made)
    case.check('a settings file that is none turns the shim off', 'regular file' in made['programs'][0]['reason'], made)
    case.one_error('--program, a FIFO', case.run('doctor', '--image', root, '--program', '/usr/bin/fifo'), case.TARGET, 'regular')
    os.unlink(f'{root}/etc/symfast.conf')
    for name in (LOADER[X86], '/usr/lib/x86_64-linux-gnu/libc.so.6'):
        os.unlink(root + name)
        os.mkfifo(root + name)
        case.check(f'a FIFO as {name}', case.run('doctor', '--image', root).returncode in (1, NOTHING))
    unreadable(place)


def unreadable(place):
    root = glibc(f'{place}/unreadable', '2.36')
    put(root, '/usr/bin/real', program())
    put(root, '/usr/bin/secret', program(), 0o711)
    put(root, '/usr/sbin/hidden', program())
    os.chmod(f'{root}/usr/sbin', 0o600)
    words = [case.CLI, 'doctor', '--json', '--image', root]
    if os.geteuid() == 0:
        if not shutil.which('setpriv'):
            return
        os.chmod(place, 0o755)
        words = ['setpriv', '--reuid=65534', '--clear-groups', *words]
    done = subprocess.run(words, capture_output=True, text=True, env=case.clean_env())
    os.chmod(f'{root}/usr/sbin', 0o755)
    if 'ermission' in done.stderr and not done.stdout:
        print(f'SKIP: another user cannot run the program here: {done.stderr}')
        return
    made = json.loads(done.stdout)
    case.check('what cannot be read is counted, the rest is told', done.returncode == NOTHING and
               states(made) == {'/usr/bin/real': SERVED} and 'warn:unreadable' in findings(made), made)


def liars(place):
    """Mutated programs, loaders and libcs: each run ends, with one of its exit codes."""
    dice = random.Random(14)
    good = [program(imports=['dlsym', 'dlopen'], needed=['libc.so.6', 'libx.so'], runpath='/x:$ORIGIN'),
            elf(versions=['libc.so.6', 'GLIBC_2.17', 'GLIBC_2.36'], text=banner('2.36'), defines=['_dl_find_object']), elf()]
    root = f'{place}/liars'
    for number in range(600):
        data = bytearray(good[0])
        for _ in range(dice.randint(1, 6)):
            at = dice.choice((dice.randrange(64), dice.randrange(64, 232), dice.randrange(len(data))))
            data[at] = dice.choice((0, 1, 0x7f, 0x80, 0xff, dice.randrange(256)))
        put(root, f'/usr/bin/p{number}', bytes(data[:dice.choice((len(data), len(data), dice.randrange(len(data))))]))
    for number in range(12):
        for path, data in ((LOADER[X86], good[2]), ('/lib/x86_64-linux-gnu/libc.so.6', good[1]), ('/x/libx.so', good[2])):
            data = bytearray(data)
            for _ in range(dice.randint(0, 4)):
                data[dice.randrange(len(data))] = dice.choice((0, 1, 0x7f, 0xff))
            put(root, path, bytes(data[:dice.choice((len(data), dice.randrange(len(data)))) if number else len(data)]))
        done = case.run('doctor', '--json', '--image', root)
        if not (done.returncode in (0, 1, NOTHING) and done.stderr == '' and json.loads(done.stdout)['kind'] == 'doctor'):
            case.check(f'liars, round {number}', False, done)
    case.check('600 mutated programs with 12 mutated libcs', True)
    # A ring of versions, and texts that are none.
    ring = bytearray(elf(versions=['libc.so.6', 'GLIBC_2.36']))
    at = ring.index(struct.pack('<HHHHIII', 1, 0, 1, 1, 0, 20, 28))
    struct.pack_into('<I', ring, at + 44, (1 << 32) - 28)
    for what, libc in (('a ring of versions', bytes(ring)), ('a version of letters', elf(text='GNU C Library release version x.y')),
                       ('no version', elf()), ('a long version', elf(text='GNU C Library release version ' + '9' * 300)),
                       ('half a banner', elf(text='GNU C Library'))):
        put(root, '/lib/x86_64-linux-gnu/libc.so.6', libc)
        put(root, LOADER[X86], good[2])
        done = case.run('doctor', '--json', '--image', root)
        case.check(f'a libc with {what}', done.returncode in (0, 1, NOTHING) and len(json.loads(done.stdout)['libcs']) == 1, done)


def nothing_runs(place):
    root = glibc(f'{place}/runs', '2.36')
    put(root, '/usr/bin/marks', f'#!/bin/sh\ntouch {place}/ran\n'.encode())
    source = f'#include <stdlib.h>\nint main(void) {{ return system("touch {place}/ran"); }}\n'
    shutil.copy(case.compile_c(place, 'marks', source), f'{root}/usr/bin/marks2')
    for words in ([], ['--program', 'marks'], ['--program', 'marks2']):
        case.run('doctor', '--image', root, *words)
    case.check('nothing of the root was run', not os.path.exists(f'{place}/ran'))


def usage(place):
    root = f'{place}/programs'
    case.one_error('no such folder', case.run('doctor', '--image', '/no/such'), case.TARGET, '/no/such')
    case.one_error('a file', case.run('doctor', '--image', '/bin/true'), case.TARGET, '/bin/true')
    case.one_error('an empty name', case.run('doctor', '--image', ''), case.TARGET)
    os.makedirs(f'{place}/layout')
    open(f'{place}/layout/oci-layout', 'w').close()
    case.one_error('an OCI layout', case.run('doctor', '--image', f'{place}/layout'), case.TARGET, 'umoci unpack')
    case.one_error('--program alone', case.run('doctor', '--program', '/bin/true'), case.USAGE, '--image')
    case.one_error('an image and a word', case.run('doctor', '--image', root, '/bin/true'), case.USAGE, '--program')
    case.one_error('an empty program', case.run('doctor', '--image', root, '--program', ''), case.TARGET, 'empty')


with case.workshop() as folder:
    libcs(folder)
    limits(folder)
    other_roots(folder)
    this_machine(folder)
    process(folder)
    programs(folder)
    bundles(folder)
    links(folder)
    special(folder)
    liars(folder)
    nothing_runs(folder)
    usage(folder)
case.end()
