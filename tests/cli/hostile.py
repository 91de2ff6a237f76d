#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Segments that are foreign, cut, damaged or made to hurt: one clear error, or an answer, never more."""
import os
import random
import shutil
import stat
import struct
import subprocess

import case

BIG = b'\xff' * 8
# what is changed: field, bytes (None: whole field of 0xff), words of the error; '' where it is told
DAMAGE = [
    ('header.magic', b'SYMSLOW\0', 'no statistics segment'),
    ('header.version', struct.pack('<I', 2), 'another format'),
    ('header.header_size', struct.pack('<I', 4), 'impossible size'),
    ('header.header_size', struct.pack('<I', 0x7fffffff), 'impossible size'),
    ('header.size', BIG, 'truncated'),
    ('header.size', struct.pack('<Q', 1 << 40), 'truncated'),
    ('header.size', struct.pack('<Q', 1700), 'outside the file'),
    ('header.pid', struct.pack('<I', 1), 'another process'),
    ('header.uid', struct.pack('<I', 77), 'another owner'),
    ('header.counters', None, 'outside the file'),
    ('header.go', None, 'outside the file'),
    ('header.go_fill', None, 'outside the file'),
    ('header.histograms', None, 'outside the file'),
    ('header.objects', None, 'outside the file'),
    ('header.sites', None, 'outside the file'),
    ('header.functions_offset', BIG[:4], 'outside the file'),
    ('header.functions_bytes', BIG[:4], 'outside the file'),
    ('header.functions_count', BIG[:4], 'outside the file'),
    # What fits, and is more than any release writes.
    ('header.functions_count', struct.pack('<I', 65), 'too large'),
    ('header.counters', struct.pack('<IIIIIII', 4096, 65537, 1, 4096, 8, 1, 1), 'too large'),
    ('header.counters', struct.pack('<IIIIIII', 4096, 2048, 1025, 8192, 8200, 1, 1), 'too large'),
    ('header.objects', struct.pack('<IIII', 4096, 128, 1025, 0), 'too large'),
    ('header.sites', struct.pack('<IIII', 4096, 232, 2049, 0), 'too large'),
    ('header.histograms', struct.pack('<IIII', 4096, 4000, 129, 0), 'too large'),
]
COMMANDS = [['stat'], ['stat', '-j'], ['metrics'], ['sites'], ['sites', '-f'], ['report', '-j'],
            ['top', '-n', 1, '-d', 0.1], ['ctl']]


def put(path, data):
    with open(path, 'wb') as f:
        f.write(data)
    os.chmod(path, 0o600)


def words_for(command, pid):
    return [*command, pid, *(['off'] if command[0] == 'ctl' else [])]


def damage(made, good, at):
    for field, data, error in DAMAGE:
        offset, size = at[field]
        data = data or b'\xff' * size
        put(made.path, good[:offset] + data + good[offset + len(data):])
        for command in COMMANDS:
            case.one_error(f'{" ".join(map(str, command))}: {field} = {data[:8].hex()}',
                           made.run(*words_for(command, made.pid)), case.TARGET, error)
        done = made.run('list')
        case.check(f'list goes on, and tells: {field}', done.returncode == case.TARGET and
                   error in done.stderr and done.stderr.count('\n') == 1 and
                   done.stdout.startswith('     pid'), done)


def cuts(made, good):
    for size in (0, 1, 500, 1024, 1500, 1648, 2048, 5000, len(good) - 1):
        put(made.path, good[:size])
        case.one_error(f'cut to {size} bytes', made.run('stat', made.pid), case.TARGET)
    put(made.path, good + b'more')
    case.status('longer than it says', made.run('stat', made.pid), 0)


def foreign(made, good):
    os.unlink(made.path)
    rows = [('a folder', lambda: os.mkdir(made.path), 'regular'),
            ('a fifo', lambda: os.mkfifo(made.path), 'regular'),
            ('a symbolic link', lambda: os.symlink('/dev/zero', made.path), 'symbolic link'),
            ('readable by others', lambda: (put(made.path, good), os.chmod(made.path, 0o644)),
             'open to other users'),
            ('text', lambda: put(made.path, b'hello ' * 1000), 'no statistics segment')]
    for what, make, error in rows:
        make()
        case.one_error(f'a segment that is {what}', made.run('stat', made.pid), case.TARGET, error)
        case.one_error(f'ctl of one that is {what}', made.run('ctl', made.pid, 'on'), case.TARGET,
                       error)
        os.rmdir(made.path) if os.path.isdir(made.path) else os.unlink(made.path)
    for name in ('symfast.', 'symfast.0', 'symfast.x.1', 'symfast.0.1x', 'symfast.0.99999999999',
                 'symfast.-1.5', 'symfast.0.0'):
        put(f'{made.folder}/{name}', b'')
    done = made.run('list')
    case.check('files of other names are no business of ours', done.returncode == 0 and
               done.stderr == '', done)
    for name in os.listdir(made.folder):
        os.unlink(f'{made.folder}/{name}')


def texts(made, good, at):
    """Escape sequences, broken UTF-8 and HTML in every text; none reaches a terminal or a page."""
    evil = b'\x1b[31m\x9b\xff<script>"&\n\r\xc2\x9b\xe2\x80'
    data = bytearray(good)
    for field in ('header.exe', 'header.library', 'control.why', 'control.mismatch_function',
                  'control.go_state'):
        offset, size = at[field]
        data[offset:offset + size] = (evil * 20)[:size]
    offset = at['header.counters'][0]
    names = struct.unpack_from('<I', good, offset)[0]
    data[names:names + 5] = b'\x1b[1m\n'
    put(made.path, bytes(data))
    for command in (['stat'], ['metrics'], ['list'], ['stat', '-j'], ['report', '-H',
                                                                      f'{made.folder}/page']):
        done = made.run(*command, *([] if command == ['list'] else [made.pid]))
        out = done.stdout + done.stderr
        if command[0] == 'report':
            with open(f'{made.folder}/page', encoding='utf-8') as f:
                out = f.read()
            case.check('no markup in the page', '<script' not in out and '&lt;script' in out)
        case.check(f'{command[0]}: nothing that moves a cursor', done.returncode == 0 and
                   not any(c in out for c in '\x1b\x9b\x9d\r'), repr(out[:300]))


def documents(made):
    done = made.run('stat', '-j', made.pid)
    evil = done.stdout.replace('"on"', '"\\u001b[31m<b>"').replace('plugin.so', '\\u009b2J')
    path = f'{made.folder}/evil.json'
    with open(path, 'w') as f:
        f.write(evil)
    done = made.run('stat', path)
    case.check('a saved document is cleaned, too', done.returncode == 0 and
               '\x1b' not in done.stdout and '\x9b' not in done.stdout, repr(done.stdout[:200]))
    for text in ('{"symfast":"0","kind":"stat","format":1}', '{', '{"a":' * 5000,
                 '{"symfast":"0","kind":"stat","format":1,"functions":{}}'):
        with open(path, 'w') as f:
            f.write(text)
        for command in (['stat'], ['report', '-H', f'{made.folder}/page'], ['sites']):
            case.one_error(f'{command[0]} of {text[:40]}', made.run(*command, path), case.TARGET)


def squat(folder):
    """Root, and a name that says root, made by somebody else; and the other way round."""
    if os.geteuid() != 0:
        print('SKIP: squatted names: not root')
        return
    with case.Made(folder) as made:
        with open(made.path, 'rb') as f:
            good = f.read()
        header_uid, _ = offsets['header.uid']
        for name_uid, header, owner in ((0, 65534, 65534), (0, 0, 65534), (0, 65534, 0), (65534, 0, 0),
                                        (65534, 0, 65534), (65534, 65534, 0)):
            os.unlink(made.path)
            path = f'{folder}/symfast.{name_uid}.{made.pid}'
            put(path, good[:header_uid] + struct.pack('<I', header) + good[header_uid + 4:])
            os.chown(path, owner, 0)
            what = f'name {name_uid}, header {header}, owner {owner}'
            for command in (*COMMANDS, ['list']) if name_uid == 0 else (['list'], ['top', '-n', 1, '-d', 0.1]):
                words = ['list'] if command == ['list'] else words_for(command, made.pid)
                if name_uid != 0 and command[0] == 'top':
                    words = command
                done = made.run(*words)
                case.check(f'{" ".join(map(str, command))}: {what}: refused',
                           done.returncode == (0 if words[0] == 'top' and name_uid else case.TARGET) and
                           bool(done.stderr) and ('another user' in done.stderr or
                                                             'another owner' in done.stderr), done)
            with open(path, 'rb') as f:
                case.check(f'{what}: not written', f.read()[1024:1648] == good[1024:1648])
            os.unlink(path)
            put(made.path, good)


def exchanged(made, good):
    """ctl writes what it has checked, whatever has the name by then."""
    put(made.path, good)
    if not shutil.which('strace'):
        print('SKIP: exchanged files: strace is not here')
        return
    done = subprocess.run(['strace', '-f', '-e', 'trace=open,openat', case.CLI, 'ctl', str(made.pid), 'verify'],
                          env=case.clean_env(SYMFAST_SHM_DIR=made.folder), capture_output=True, text=True,
                          check=False)
    opened = [line for line in done.stderr.splitlines() if f'symfast.{os.geteuid()}.' in line]
    case.check('ctl opens the segment once, to write', len(opened) == 1 and 'O_RDWR' in opened[0], opened)


def cost(made, path, commands):
    """CPU seconds and MiB of the dearest of them."""
    seconds, memory = 0, 0
    for command in commands:
        words = ['/usr/bin/env', 'python3', '-c', MEASURE, case.CLI, *map(str, command), path]
        done = subprocess.run(words, env=case.clean_env(SYMFAST_SHM_DIR=made.folder), capture_output=True,
                              text=True, errors='replace', timeout=280, check=False)
        used, most = done.stderr.split()[-2:]
        seconds = max(seconds, float(used))
        memory = max(memory, int(most) // 1024)
    return seconds, memory


MEASURE = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss, file=sys.stderr)
"""
READERS = [['stat'], ['stat', '-j'], ['sites'], ['sites', '-f'], ['report', '-j'], ['report', '-H', '/dev/null']]


def heavy(made, good, at, folder):
    """The dearest segments that pass all checks: 2048 sites of 24 frames in as many files, which are as dear."""
    size = 4 << 20
    data = bytearray(good + bytes(size - len(good)))

    def put_at(field, form, *values):
        struct.pack_into(form, data, at[field][0], *values)

    put_at('header.size', '<Q', size)
    sites, texts, names = 1 << 20, 2 << 20, 3 << 20
    put_at('header.sites', '<IIII', sites, 232, 2048, 2048)
    # Half of the frames in files of their own, half in paths that are not there, as long as may be.
    big = f'{folder}/big'
    with open(big, 'wb') as f:
        f.write(b'\x7fELF')
        f.truncate(200 << 20)
    for i in range(300):
        os.link(big, f'{folder}/{i}')
    for i in range(300):
        path = f'{folder}/{i}'.encode() + b'\0'
        data[texts + i * 512:texts + i * 512 + len(path)] = path
    for i in range(texts + 300 * 512, names, 512):
        data[i:i + 511] = b'/' + b'x' * 500 + b'%09d' % i + b'x'
    for i in range(2048):
        row = sites + 232 * i
        struct.pack_into('<QQQQHHHH', data, row, i + 1, 1, 1, 1, 0, 0, 24, 0)
        for k in range(24):
            n = i * 24 + k
            struct.pack_into('<I', data, row + 40 + 4 * k, texts + n % 2048 * 512)
            struct.pack_into('<I', data, row + 136 + 4 * k, n)
    for group in ('counters', 'go', 'go_fill'):
        put_at(f'header.{group}', '<IIIIIII', names, 65536, 1024, 65536, 8192, 100, 100)
    for i in range(1024):
        name = f'{"dlsym" if i % 2 else "bypass"}.x{i}'.encode() + b'\0'
        data[names + i * 32:names + i * 32 + 31] = name.ljust(31, b'\1')[:30] + b'\0'
    put(made.path, bytes(data))
    for command in READERS:
        seconds, memory = cost(made, str(made.pid), [command])
        case.check(f'the dearest segment, {command[:2]}: {seconds:.1f} s, {memory} MiB', seconds < 10 and
                   memory < (400 if command[0] == 'sites' else 100))
    data[at['header.size'][0]:at['header.size'][0] + 8] = struct.pack('<Q', 16 << 20)
    put(made.path, bytes(data) + bytes(12 << 20))
    case.one_error('a segment of 16 MiB', made.run('stat', made.pid), case.TARGET, 'larger than any segment')


def strange_objects(made, good, at, folder):
    """A segment names what it likes: only regular files are opened."""
    device, pipe = f'{folder}/device', f'{folder}/pipe'
    os.mkfifo(pipe)
    try:
        os.mknod(device, stat.S_IFCHR | 0o600, os.makedev(1, 5))
    except OSError:
        device = '/dev/zero'
    sites = struct.unpack_from('<I', good, at['header.sites'][0])[0]
    text = struct.unpack_from('<I', good, sites + 40)[0]
    for path in (device, pipe, folder, f'{folder}/none', '/dev/tty'):
        data = bytearray(good)
        data[text:text + len(path) + 1] = path.encode() + b'\0'
        put(made.path, bytes(data))
        done = made.run('sites', made.pid)
        name = path.rsplit('/', maxsplit=1)[-1]
        case.check(f'sites of {path}: by name and offset', done.returncode == 0 and f'{name}+0x100' in done.stdout,
                   done)
        if not shutil.which('strace'):
            continue
        done = subprocess.run(['strace', '-e', 'trace=open,openat', case.CLI, 'sites', str(made.pid)],
                              env=case.clean_env(SYMFAST_SHM_DIR=made.folder), capture_output=True, text=True,
                              check=False)
        opened = [line for line in done.stderr.splitlines() if f'"{path}"' in line and 'O_PATH' not in line]
        case.check(f'{path} is not opened', opened == [], opened)


def other_space(folder, at):
    """A segment of another pid namespace of this machine has nanoseconds; one of another machine or boot has not."""
    for what, seconds, unit in (('this boot', 0, 'ns'), ('a boot before', -3600, 'ticks'), ('a later one', 3600, 'ticks')):
        subprocess.run(['/bin/true'], env=case.clean_env(LD_PRELOAD=case.LIB, SYMFAST_SHM='keep', SYMFAST_SHM_DIR=folder),
                       check=True)
        path, = [f'{folder}/{name}' for name in os.listdir(folder)]
        with open(path, 'rb') as f:
            data = bytearray(f.read())
        struct.pack_into('<Q', data, at['header.pid_space'][0], 42)
        struct.pack_into('<QQ', data, at['header.ticks_last'][0], 0, 0)
        made, = struct.unpack_from('<Q', data, at['header.made_ns'][0])
        struct.pack_into('<Q', data, at['header.made_ns'][0], made + seconds * 1000000000)
        put(path, bytes(data))
        done = case.run('stat', '-j', path)
        got = case.document(done, 'stat')
        case.check(f'of another pid namespace, {what}: {unit}', got.get('state') == 'elsewhere' and
                   got.get('unit') == unit, done.stdout[:300])
        os.unlink(path)


def fuzz(made, good, rounds):
    """Bytes changed at random, most of them where the offsets lie."""
    seed = int(os.environ.get('SYMFAST_TEST_SEED', '1'))
    chance = random.Random(seed)
    seen = {0: 0, case.TARGET: 0}
    for n in range(rounds):
        data = bytearray(good)
        for _ in range(chance.randint(1, 6)):
            place = chance.choice([528, 1700, 4096, 40000])
            at = chance.randrange(place)
            value = chance.choice([b'\0', b'\1', b'\xff', b'\xff\xff\xff\xff', b'\0\0\0\x80',
                                   bytes([chance.randrange(256)])])
            data[at:at + len(value)] = value
        put(made.path, bytes(data))
        command = chance.choice(COMMANDS)
        done = made.run(*words_for(command, made.pid))
        if not case.check(f'seed {seed}, round {n}, {command}', done.returncode in seen and
                          (done.returncode == 0 or done.stderr.count('\n') == 1),
                          f'{done.returncode} {done.stderr[:300]}') or n == rounds - 1:
            break
        seen[done.returncode] += 1
    case.check(f'some are read, some refused: {seen}', min(seen.values()) > rounds // 20)


offsets = case.fields()
with case.workshop() as place, case.Made(place) as one:
    with open(one.path, 'rb') as f:
        whole = f.read()
    os.unlink(one.path)
    put(one.path, whole)
    damage(one, whole, offsets)
    cuts(one, whole)
    foreign(one, whole)
    texts(one, whole, offsets)
    put(one.path, whole)
    documents(one)
    exchanged(one, whole)
    strange_objects(one, whole, offsets, place)
    with case.workshop() as room:
        other_space(room, offsets)
    with case.workshop() as room:
        heavy(one, whole, offsets, room)
    fuzz(one, whole, 300)
    shutil.rmtree(place)
    os.mkdir(place)
with case.workshop() as place:
    squat(place)
case.end()
