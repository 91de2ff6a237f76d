#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Segments that are foreign, cut, damaged or made to hurt: one clear error, or an answer, never more."""
import os
import random
import shutil
import struct

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
    for command in (['stat'], ['metrics'], ['list'], ['stat', '-j'], ['report', '-h',
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
        for command in (['stat'], ['report', '-h', f'{made.folder}/page'], ['sites']):
            case.one_error(f'{command[0]} of {text[:40]}', made.run(*command, path), case.TARGET)


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
    fuzz(one, whole, 300)
    shutil.rmtree(place)
    os.mkdir(place)
case.end()
