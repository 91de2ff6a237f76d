# SPDX-License-Identifier: BSD-2-Clause
"""The cases of the benchmark: which program with which arguments, and what is worth showing."""
import glob
import os
from dataclasses import dataclass, field

CALL = ('call', 'p99', 'p99.9')
CROWD = CALL + ('rate', 'preempted')
FINE = ('g99', 'g99.9')
STARTS = 200
NAMES = (1, 64, 1024, 16384)
THREADS = (1, 2, '2pin', 8, 64, 1000)
CONTROLS = ('empty', 'off')  # what any preloaded object costs; what ours costs while it does nothing
WALKING = ('serial', 'free')
INSTEAD = ('mutex', 'rwlock', 'own', 'ck')


@dataclass
class Case:
    """One row group: the same work once per arm. The first arm is the yardstick."""
    name: str
    program: str
    args: list
    show: tuple
    arms: list = field(default_factory=lambda: ['stock', 'symfast'])
    skip: str = ''


class Place:
    """Where the build put things and where the system has them; None when it does not."""

    def __init__(self, build):
        self.bench = os.path.join(build, 'tests', 'bench')
        self.many_names = os.path.join(self.bench, 'libbench_names.so')
        self.other = os.path.join(self.bench, 'libbench_other_000.so')
        self.plain = os.path.join(self.bench, 'libbench_plain_000.so')
        self.others = os.path.join(self.bench, 'others')
        pam = glob.glob('/lib/*/security/pam_unix.so')
        self.empty = os.path.join(self.bench, 'libbench_empty.so')
        self.churned = pam[0] if pam else self.other
        llvm = sorted(glob.glob('/usr/lib/*/libLLVM-[0-9][0-9].so.1') + glob.glob('/usr/lib/*/libLLVM.so.[0-9]*'))
        self.llvm = os.path.basename(llvm[0]) if llvm else ''
        self.gtk = bool(glob.glob('/usr/lib/*/libgtk-3.so.0'))
        self.start = os.path.exists(os.path.join(self.bench, 'start'))
        self.two_cpus = {0, 1} <= os.sched_getaffinity(0)


def crowd(threads):
    """Arguments for so many threads; a large crowd needs longer for each to have its turn."""
    if threads == '2pin':
        return ['--threads', 2, '--pin', '--ms', 100]
    return ['--threads', threads, '--ms', {64: 300, 1000: 1000}.get(threads, 100)]


def hits(place):
    for names in NAMES:
        source = 'mixed' if names <= 64 else place.many_names
        for threads in THREADS:
            case = Case(f'hit/{names}/{threads}', 'lookup',
                        ['--kind', 'hit', '--set', source, '--names', names, *crowd(threads)],
                        CALL if threads == 1 else CROWD)
            if names == 64:
                case.show += FINE
            if threads == '2pin' and not place.two_cpus:
                case.skip = 'CPU 0 and 1 are not both ours'
            if names == 64 and threads in (1, '2pin', 64):
                case.arms += INSTEAD
            if names == 64 and threads == 1:
                case.arms.insert(2, 'off')
            yield case


def other_lookups(place):
    base = ['--names', 64, *crowd(1)]
    for kind in ('fresh', 'same'):
        yield Case(f'{kind}/64/1', 'lookup', ['--kind', kind, '--set', 'mixed', *base], CALL)
    for names in (4096, 16384):
        yield Case(f'llvm/{names}/1', 'lookup',
                   ['--kind', 'hit', '--set', place.llvm, '--names', names, *crowd(1)],
                   CALL, skip='' if place.llvm else 'libLLVM is not installed')
    for kind in ('default', 'next', 'version'):
        case = Case(f'{kind}/64/1', 'lookup', ['--kind', kind, '--set', 'libc', *base], CALL)
        if kind == 'next':
            case.arms[1:1] = CONTROLS
        yield case


def failures(place):
    for kind, threads in (('fail', 1), ('fail', '2pin'), ('error', 1)):
        case = Case(f'{kind}/64/{threads}', 'missing',
                    ['--kind', kind, '--set', 'mixed', '--names', 64, *crowd(threads)], CALL)
        if kind == 'fail' and threads == 1:
            case.arms.append('off')
        if threads == '2pin' and not place.two_cpus:
            case.skip = 'CPU 0 and 1 are not both ours'
        yield case
    yield Case('unique/1', 'missing', ['--kind', 'unique', '--ms', 300], CALL + ('growth',),
               ['stock', *CONTROLS, 'symfast'])


def loads(place):
    yield Case('reopen/0/1', 'reopen', ['--object', place.other, *crowd(1)], CALL,
               ['stock', 'symfast', 'off'])
    yield Case('reopen/0/2pin', 'reopen', ['--object', place.other, *crowd('2pin')], CROWD,
               skip='' if place.two_cpus else 'CPU 0 and 1 are not both ours')
    for name, kind in (('300', 'plain'), ('300soname', 'other')):
        yield Case(f'reopen/{name}/1', 'reopen',
                   ['--object', place.other, '--others', os.path.join(place.others, kind),
                    *crowd(1)], CALL)
    for pace, more in (('busy', []), ('paced', ['--pause-us', 100])):
        for threads in (1, 2):
            yield Case(f'beside/{pace}/{threads}', 'beside',
                       ['--object', place.churned, '--set', 'mixed', '--names', 64,
                        '--threads', threads, '--ms', 1000, *more],
                       ('p50', 'p99', 'p99.9', 'max', 'loads'))


def addresses(place):
    """dladdr: 1024 addresses again and again, a quarter of a million once each, stack traces."""
    objects = {
        'libc': ('address', 'libc.so.6', ''),
        'gtk': ('address', 'libgtk-3.so.0', '' if place.gtk else 'libgtk-3.so.0 is not installed'),
        'llvm': ('address', place.llvm, '' if place.llvm else 'libLLVM is not installed'),
        'functions': ('address_functions', 'self', ''),
    }
    for name, (program, object_, skip) in objects.items():
        def case(kind, names, threads, shown, program=program, object_=object_, skip=skip):
            return Case(f'{kind}/{name}/{threads}', program,
                        ['--kind', kind, '--set', object_, '--names', names, *crowd(threads)],
                        shown, skip=skip)
        yield case('dladdr', 1024, 1, CALL + FINE)
        yield case('once', 262144, 1, CALL)
        yield case('first', 64, 1, ('scan', 'worst', 'sum'))
        if name in ('libc', 'llvm'):
            yield case('trace', 1024, 1, CALL)
        yield case('dladdr', 1024, 64, CROWD + FINE)


def walks(place):
    """The list is as long as the name says in the stock arm; the shim itself is one object more."""
    for objects in (5, 46, 296):
        for kind in ('walk', 'find'):
            yield Case(f'phdr/{kind}/{objects}', 'phdr',
                       ['--kind', kind, '--names', objects,
                        *(['--others', os.path.join(place.others, 'plain')] if objects > 5 else []),
                        *crowd(1)], CALL, ['stock', 'symfast', *WALKING])
    for kind in ('walk', 'find'):
        for threads in (1, 2):
            yield Case(f'phdr/beside/{kind}/{threads}', 'phdr',
                       ['--kind', kind, '--names', 46, '--object', place.churned,
                        '--others', os.path.join(place.others, 'plain'), '--threads', threads,
                        '--ms', 1000], ('p50', 'p99', 'p99.9', 'max', 'loads'),
                       ['stock', 'symfast', *WALKING])


def controls(place):
    for kind in ('empty', 'copy'):
        yield Case(f'{kind}/64/1', 'lookup',
                   ['--kind', kind, '--set', 'mixed', '--names', 64, *crowd(1)], CALL)
    yield Case('start', 'start', ['true'], ('p50', 'p99', 'rss', 'private'),
               ['stock', *CONTROLS, 'symfast'],
               skip='' if place.start else 'start needs a static libc')


def all_cases(place):
    for group in (controls, hits, other_lookups, failures, loads, addresses, walks):
        yield from group(place)


def command(case, arm, place, library, quick):
    """The environment to add and the command line of one arm of a case."""
    preloaded = arm in ('symfast', 'off', *WALKING)
    mode = 'off' if arm == 'off' else 'on'
    lib = library if preloaded else place.empty if arm == 'empty' else 'none'
    if case.program == 'start':
        times = 10 if quick else STARTS
        return {}, [os.path.join(place.bench, 'start'), str(times), lib, mode, '/bin/true']
    args = list(case.args)
    if quick:
        args[args.index('--ms') + 1] = 10
    program = case.program
    if arm in INSTEAD:
        program = 'instead'
        args[args.index('--kind') + 1] = arm
    env = {'LD_PRELOAD': library, 'SYMFAST': mode} if preloaded else {}
    if arm == 'empty':
        env = {'LD_PRELOAD': lib}
    if arm in WALKING:
        env['SYMFAST_PHDR'] = arm
    return env, [os.path.join(place.bench, program), *map(str, args), '--preload', lib]
