#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""symfast sample, of programs with known shares: what it tells, and that they come to no harm.

sample.py TARGET SLOW PLUG
"""
import concurrent.futures
import gzip
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import case

TARGET, SLOW, PLUG = sys.argv[1:4]
NOBODY = 65534
ALONE = 65531  # a user of whom no other test has processes
# How long a sample may go on until it has enough, on a machine that is busy with other things.
PATIENCE = 60


class Target:
    """One of target.c's programs; ends when its input does."""

    def __init__(self, *words, prefix=(), wait=True, program=TARGET, user=None, **variables):
        self.child = subprocess.Popen([*prefix, program, *map(str, words)], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True, env=case.clean_env(**variables), user=user, group=user,
                                      extra_groups=None if user is None else [])
        self.pid = self.child.pid
        if wait and self.child.stdout.readline() != 'ready\n':
            sys.exit(f'{words} did not start')

    def end(self):
        """What it says at its end, and how it ended."""
        out, _ = self.child.communicate(timeout=PATIENCE)
        return out.strip(), self.child.returncode

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.child.kill()
        self.child.communicate()


def file_of(pid, name, tid=None):
    with open(f'/proc/{pid}/{f"task/{tid}/" if tid else ""}{name}') as f:
        return f.read()


def until(what, get):
    """Waits for what comes, or never will."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if get():
            return True
        time.sleep(0.005)
    return case.check(what, False, f'not within {PATIENCE} s')


def uses_time(pid):
    def used():
        return sum(int(file_of(pid, 'schedstat', tid).split()[0]) for tid in os.listdir(f'/proc/{pid}/task'))
    before = used()
    return until('the process goes on', lambda: used() > before)


def goes_on(pid):
    """It uses CPU time, and nobody traces it."""
    return uses_time(pid) and '\nTracerPid:\t0\n' in file_of(pid, 'status')


def state(pid):
    return file_of(pid, 'stat').rsplit(')', 1)[1].split()[0]


def sample(pid, *words, enough=None):
    """The process's part of the document; `enough`: looks for longer until that says so."""
    seconds = 0.5
    while True:
        done = case.run('sample', pid, '-j', '-r', 200, '-d', f'{seconds}s', *words)
        document = case.json.loads(done.stdout) if done.returncode == 0 else None
        if document is None:
            case.check(f'sample {pid}', False, done)
            return {}, {}
        one = document['processes'][0]
        if enough is None or enough(one) or seconds > PATIENCE:
            return one, {f['name']: f for f in one['functions']}
        seconds *= 2


def stacks(rows):
    return [[frame['name'] for frame in row['frames']] for row in rows]


def many(process):
    return process['samples']['on_cpu'] >= 12


def mostly(share):
    """More than that of its CPU time stands in dlsym: a dozen samples may say less by chance, not again and again."""
    return lambda process: many(process) and any(
        f['name'] == 'dlsym' and f['cpu_share'] > share for f in process['functions'])


def looks_up():
    """All of its time in dlsym: the share, the call site, the stops."""
    with Target('lookup') as target:
        one, functions = sample(target.pid, enough=mostly(0.5))
        share = functions.get('dlsym', {})
        case.check('busy in dlsym: most of the CPU time, within its interval',
                   share and share['cpu_low'] <= share['cpu_share'] <= share['cpu_high'] and
                   share['cpu_share'] > 0.5, functions)
        case.check('called from look_up, called from repeat, called from main',
                   one['sites'] and stacks(one['sites'])[0][:3] == ['look_up', 'repeat', 'main'], one['sites'][:1])
        case.check('verdict: may help', one['verdict']['word'] == 'may help' and
                   any('observe' in line for line in one['verdict']['text']), one['verdict'])
        stops = one['stops']
        case.check('stops are counted, and at most 1 % of the time or one stop more',
                   stops['count'] >= 12 and 0 < stops['mean'] <= stops['longest'] and
                   stops['share'] * 1e9 <= 0.01 * 1e9 + stops['longest'], stops)
        outputs(target)
        case.check('it goes on', goes_on(target.pid))
        case.check('and ends by itself', target.end()[1] == 0)


def looks_up_and_writes():
    """A system call between the look-ups, which take most of the time: a thread is met where it is, not at the call."""
    with Target('mixed') as target:
        one, functions = sample(target.pid, enough=mostly(0.3))
        case.check('look-ups between system calls: most of the CPU time all the same',
                   functions.get('dlsym', {}).get('cpu_share', 0) > 0.3, one)


def printed(target, *words, wanted):
    """What it prints, of a time that is long enough for that."""
    for seconds in (0.3, 1, 3, 9, 27):
        done = case.run('sample', target.pid, '-r', 200, '-d', f'{seconds}s', *words)
        if done.returncode != 0 or wanted in done.stdout:
            break
    return done


def outputs(target):
    text = printed(target, wanted='dlsym').stdout
    for words in ('rounds', 'stopped: ', 'dlsym', 'look_up', 'Would symfast help?'):
        case.check(f'in the text: {words}', words in text, text)
    folded = printed(target, '-f', wanted='dlsym_[cpu] ')
    case.check('folded: outermost first, function and state, count', folded.returncode == 0 and
               all(line.rsplit(' ', 1)[1].isdigit() for line in folded.stdout.splitlines()) and
               'main;repeat;look_up;dlsym_[cpu] ' in folded.stdout, folded)
    with case.workshop() as folder:
        for seconds in (0.3, 1, 3, 9, 27):
            done = case.run('sample', target.pid, '-r', 200, '-d', f'{seconds}s', '-p', f'{folder}/p.gz')
            with gzip.open(f'{folder}/p.gz') as f:
                data = f.read()
            if b'look_up' in data:
                break
        case.check('pprof: whole, with names and kinds', (done.returncode, done.stdout, done.stderr) == (0, '', '')
                   and all(word in data for word in (b'samples', b'waited', b'look_up', b'dlsym')), done)


def waits():
    """Three threads wait for the lock; who has it is in a slow constructor."""
    with Target('lock', SLOW) as target:
        one, functions = sample(target.pid, enough=lambda p: p['lock']['owners_seen'] >= 5 and
                                p['lock']['waits'] >= 20)
        lock = one['lock']
        case.check('dlsym waits, for more than half of the three threads\' time',
                   functions.get('dlsym', {}).get('lock_share', 0) > 0.2 and lock['waiting_threads'] > 0.8, functions)
        case.check('the owner stands in the constructor, in dlopen',
                   any('slow_constructor' in names and 'dlopen' in names and 'load_and_unload' in names
                       for names in stacks(lock['owners'])), lock['owners'])
        case.check('that is time inside of dlopen, of what it called',
                   functions.get('dlopen', {}).get('inside_time_share', 0) > 0, functions)
        waiting = [row for row in one['sites'] if row['arm'] == 'lock' and row['function'] == 'dlsym']
        case.check('who waits is named, with the time', waiting and waiting[0]['frames'][0]['name'] == 'look_up' and
                   waiting[0]['waited'] > 0, one['sites'])
        case.check('it may help', one['verdict']['word'] in ('may help', 'retain') and
                   any('wait for the loader' in line for line in one['verdict']['text']), one['verdict'])


def cost(what, argument, times, preload, **variables):
    """CPU milliseconds of so many rounds."""
    words = [what, argument, times] if what == 'churn' else [what, times]
    with Target(*words, LD_PRELOAD=case.LIB if preload else None, **variables) as target:
        return float(target.child.stdout.readline())


def beside_the_preload():
    """The verdict of an unprepared process, and what the preload then gives."""
    rows = [('lookup', None, 20000, 'may help', {}),
            ('churn', PLUG, 1000, 'retain', {'SYMFAST_RETAIN': os.path.basename(PLUG)})]
    if case.GLIBC < (2, 35):
        print('SKIP: before glibc 2.35 nothing is retained')
        rows.pop()
    for what, argument, times, wanted, variables in rows:
        words = [what, argument] if argument else [what]
        with Target(*words) as target:
            one, functions = sample(target.pid, enough=lambda p, wanted=wanted: many(p) and p['verdict']['word'] == wanted)
        stock, shim = (cost(what, argument, times, preload, **variables) for preload in (False, True))
        most = sum(f['cpu_high'] for f in functions.values() if f['served'] == 'yes')
        case.check(f'{what}: verdict {wanted}', one['verdict']['word'] == wanted, one['verdict'])
        print(f'     {what}: at most {min(most, 1):.0%} of {stock:.0f} ms, the preload saves {1 - shim / stock:.0%}')
        case.check(f'{what}: and so it does', shim < stock * 0.8, (stock, shim))


def nothing_to_gain():
    with Target('compute') as target:
        one, functions = sample(target.pid, enough=lambda p: p['samples']['on_cpu'] >= 5)
        case.check('a program that computes: nothing of the loader', not functions and not one['sites'] and
                   one['verdict']['word'] in ('no', 'unknown'), one)


def python():
    """A Python program that nobody prepared."""
    text = ("import _ctypes, sys; h = _ctypes.dlopen(None, 2); print('ready', flush=True)\n"
            "import threading; threading.Thread(target=lambda: (sys.stdin.read(), __import__('os')._exit(0)),"
            " daemon=True).start()\n"
            "while True:\n for n in ('qsort', 'getenv', 'fopen', 'printf') * 100: _ctypes.dlsym(h, n)\n")
    child = subprocess.Popen([sys.executable, '-c', text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                             env=case.clean_env())
    child.stdout.readline()
    # Some tenths of its time are dlsym's: look until there are samples enough to tell.
    one, functions = sample(child.pid, enough=lambda p: p['verdict']['word'] == 'may help')
    frames = [frame for row in one['sites'] for frame in row['frames']]
    child.stdin.close()
    child.wait()
    child.stdout.close()
    case.check('Python: dlsym, called from _ctypes', functions.get('dlsym', {}).get('cpu_share', 0) > 0 and
               any('_ctypes' in frame['object'] for frame in frames), one)
    case.check('Python: it may help', one['verdict']['word'] == 'may help', one['verdict'])


def caught(pid):
    """The signals that a process has handlers for, as bits."""
    return int(next(line for line in file_of(pid, 'status').splitlines() if line.startswith('SigCgt:')).split()[1], 16)


def killed():
    """kill -9 of symfast at any moment: the process goes on, untraced."""
    with Target('lookup') as target:
        bad = []
        for _ in range(12):
            child = subprocess.Popen([case.CLI, 'sample', str(target.pid), '-r', '1000', '-d', '30s'],
                                     stdout=subprocess.DEVNULL, env=case.clean_env())
            time.sleep(random.uniform(0.002, 0.04))
            child.kill()
            child.wait()
            if not goes_on(target.pid):
                bad.append(file_of(target.pid, 'status'))
        case.check('kill -9, 12 times: the process goes on, untraced', not bad, bad)
        child = subprocess.Popen([case.CLI, 'sample', str(target.pid), '-d', '60s'], stdout=subprocess.PIPE,
                                 env=case.clean_env(), text=True)
        until('it catches the signal', lambda: caught(child.pid) & 1 << signal.SIGINT - 1)
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=PATIENCE)
        case.check('an interrupt ends it with what is known', child.returncode == 0 and 'Would symfast help?' in out,
                   (child.returncode, out))
        case.check('the target ended by itself', target.end()[1] == 0)


def in_background(pid, seconds):
    return subprocess.Popen([case.CLI, 'sample', str(pid), '-j', '-r', '1000', '-d', f'{seconds}s'],
                            stdout=subprocess.PIPE, env=case.clean_env(), text=True)


def finish(child):
    return case.json.loads(child.communicate(timeout=PATIENCE)[0])['processes'][0]


def stopped_while(target, act):
    """Samples for a second at a time, doing that, until a thread was stopped some times; how often it was."""
    stops, end = 0, time.monotonic() + PATIENCE
    while stops < 5 and time.monotonic() < end:
        child = in_background(target.pid, 1)
        while child.poll() is None:
            act()
            time.sleep(0.002)
        stops += finish(child)['stops']['count']
    return stops


def signals():
    """None is lost, none doubled, each with its own siginfo."""
    sent = 0
    with Target('signals') as target:
        def send():
            nonlocal sent
            try:
                for _ in range(40):
                    os.kill(target.pid, signal.SIGRTMIN)
                    sent += 1
            except BlockingIOError:  # no room for more now
                pass
        stops = stopped_while(target, send)
        said = target.end()
        case.check(f'{sent} signals during {stops} stops: each counted once, from us',
                   stops >= 5 and said == (f'{sent} 0', 0), said)


def events():
    """epoll_wait gives no EINTR."""
    with Target('events') as target:
        stops = stopped_while(target, lambda: None)
        counted, wrong = target.end()[0].split()
        case.check(f'epoll_wait: {stops} stops, {counted} calls, no EINTR',
                   stops >= 5 and int(counted) > 0 and wrong == '0', wrong)


def job_control():
    """SIGSTOP stays one, and SIGCONT ends it."""
    with Target('compute') as target:
        kept, met = True, False
        # Where a sample met it stopped each time, as it may on a busy machine, it is told so: once more, for longer.
        for seconds in (0.7, 1.5, 3, 6, 12, 24):
            child = in_background(target.pid, seconds)
            while child.poll() is None:
                os.kill(target.pid, signal.SIGSTOP)
                kept = kept and until('it stops', lambda: state(target.pid) == 'T')
                time.sleep(0.02)
                kept = kept and state(target.pid) in 'Tt'
                os.kill(target.pid, signal.SIGCONT)
                kept = kept and uses_time(target.pid)
            child.communicate()
            met = child.returncode == 0
            if met or not kept:
                break
        case.check('stopped and continued all the while: it was what was asked for', kept and met, (kept, met))
        os.kill(target.pid, signal.SIGSTOP)
        until('it stops', lambda: state(target.pid) == 'T')
        case.one_error('a stopped process', case.run('sample', target.pid, '-d', '100ms'), case.TARGET, 'SIGSTOP')
        case.check('and it stays stopped', state(target.pid) == 'T')


def come_and_go():
    with Target('come') as target:
        one = finish(in_background(target.pid, 1))
        said = target.end()
        case.check('threads and children that come and go: none missed', said[0].endswith(' 0') and said[1] == 0 and
                   one['samples']['running'] + one['samples']['asleep'] > 0, said)
    with Target('exec', 60, wait=False) as target:
        child = in_background(target.pid, 20)
        child.communicate(timeout=PATIENCE)
        case.check('a process that runs itself 60 times, from a thread: it got through',
                   target.end() == ('whole', 0) and child.returncode in (0, case.TARGET), child.returncode)


# A 32-bit program that pauses for ever: ELF header, program header, mov $29, %eax; int $0x80; jmp.
PAUSE32 = bytes.fromhex('7f454c46010101000000000000000000' '02000300010000005480040834000000'
                        '00000000000000003400200001000000' '00000000' '01000000000000000080040800800408'
                        '5d0000005d0000000500000000100000' 'b81d000000cd80ebf7')


def pause32(folder):
    with open(f'{folder}/bytes', 'wb') as f:
        f.write(PAUSE32)
    path = copy_of(f'{folder}/bytes', folder, 'pause32')
    try:
        child = subprocess.Popen([path])
    except OSError:
        return None
    time.sleep(0.1)
    return child if child.poll() is None else None


def refusals():
    """What cannot be looked at: one line each, with what to do."""
    rows = [('no process id', ['x'], case.USAGE, 'not a process id'), ('nothing', [], case.USAGE, '--all'),
            ('both', ['-a', '1'], case.USAGE, '--all'), ('no time', ['1', '-d', 'soon'], case.USAGE, 'duration'),
            ('a time below zero', ['1', '-d', '-1s'], case.USAGE, 'duration'),
            ('no rate', ['1', '-r', '0'], case.USAGE, 'rate'), ('no process', ['4194304'], case.TARGET, 'No such')]
    if os.path.exists('/proc/2/comm') and file_of(2, 'comm') == 'kthreadd\n':
        rows.append(('a thread of the kernel', ['2'], case.TARGET, 'kernel'))
    for what, words, wanted, text in rows:
        case.one_error(what, case.run('sample', *words), wanted, text)
    with Target('compute') as target:
        thread = next(t for t in os.listdir(f'/proc/{target.pid}/task') if t != str(target.pid))
        case.one_error('a thread of a process', case.run('sample', thread), case.TARGET, f'process {target.pid}: name')
        with Target('trace', target.pid) as tracer:
            case.one_error('a process that is traced', case.run('sample', target.pid), case.TARGET,
                           f'by process {tracer.pid} already')
        if os.geteuid() == 0:
            strangers(target)
    zombie = subprocess.Popen(['true'], stdin=subprocess.DEVNULL)
    until('it ends', lambda: state(zombie.pid) == 'Z')
    case.one_error('what is left of a process', case.run('sample', zombie.pid), case.TARGET, 'has ended')
    zombie.wait()
    with case.workshop() as folder:
        child = pause32(folder)
        if child is not None:
            case.one_error('a 32-bit program', case.run('sample', child.pid), case.TARGET, '32-bit')
            child.kill()
            child.wait()


def copy_of(program, folder, name=None):
    """By cp: a child that another test begins meanwhile would hold this process's file open for writing: ETXTBSY."""
    path = os.path.join(folder, name or os.path.basename(program))
    subprocess.run(['cp', program, path], check=True)
    os.chmod(path, 0o755)
    return path


def sample_by(user, program, *words):
    return subprocess.run([program, 'sample', *map(str, words)], capture_output=True, text=True, user=user, group=user,
                          extra_groups=[], stdin=subprocess.DEVNULL, env=case.clean_env(), cwd='/', check=False)


def strangers(target):
    """Another user's process; a program of everybody's folder is run, so that the user gets to it."""
    with case.workshop() as folder:
        os.chmod(folder, 0o755)
        program = copy_of(case.CLI, folder)
        done = sample_by(NOBODY, program, target.pid)
        case.one_error('a process of root, by another user', done, case.TARGET, 'belongs to user root')
        own = subprocess.Popen(['sleep', '600'], user=NOBODY, group=NOBODY, extra_groups=[])
        until('it sleeps', lambda: 'sleep' in os.readlink(f'/proc/{own.pid}/exe') and state(own.pid) == 'S')
        done = sample_by(NOBODY, program, own.pid, '-d', '100ms')
        case.check('a process of one\'s own, without any right', done.returncode == 0 and
                   'Would symfast help?' in done.stdout, done)
        own.kill()
        own.wait()


def container():
    """Namespaces of pids and mounts of its own: by the pid that it has here; files and owner are found."""
    if os.geteuid() != 0 or not shutil.which('unshare') or \
            subprocess.run(['unshare', '-p', '-m', '-f', '--mount-proc', 'true'], capture_output=True).returncode != 0:
        print('SKIP: no namespaces here')
        return
    with Target('lock', SLOW, prefix=['unshare', '-p', '-m', '-f', '--mount-proc', '--kill-child']) as outer:
        inner = int(file_of(outer.pid, f'task/{outer.pid}/children').split()[0])
        one, functions = sample(inner, enough=lambda p: p['lock']['owners_seen'] >= 3)
        case.check('in a container: waits and owner, whose number is another there', 'dlsym' in functions and
                   any('slow_constructor' in names for names in stacks(one['lock']['owners'])), one)


def deleted():
    """The program's file is gone: an update of packages does that. In /dev/shm it is a file as well."""
    for where in (None, '/dev/shm'):
        if where and os.statvfs(where).f_flag & os.ST_NOEXEC:
            print(f'SKIP: no program is started from {where} here')
            continue
        with case.workshop(where) as folder:
            program = copy_of(TARGET, folder)
            child = subprocess.Popen([program, 'lookup'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            child.stdout.readline()
            os.unlink(program)
            one, functions = sample(child.pid, enough=many)
            child.communicate(timeout=PATIENCE)
            case.check(f'a deleted program ({where}): its call sites are found', 'dlsym' in functions and
                       any(frame['object'] == program for row in one['sites'] for frame in row['frames']), one)


def everything():
    """
    As a user who may trace this test's own programs alone: the processes of other tests that run now are counted,
    traced by them, or about to ask for a tracer, and may not be stopped.
    """
    if os.geteuid() != 0:
        print('SKIP: --all: not root, so it would stop the processes of other tests')
        return
    with case.workshop() as folder:
        os.chmod(folder, 0o755)
        program = copy_of(case.CLI, folder)
        with Target('lookup', program=copy_of(TARGET, folder), user=ALONE) as target:
            def found():
                done = sample_by(ALONE, program, '--all', '-j', '-d', '500ms')
                made = case.json.loads(done.stdout) if done.returncode == 0 else {'processes': []}
                return any(p['pid'] == target.pid for p in made['processes'])
            until('all processes: ours is among them', found)
            done = sample_by(ALONE, program, '--all', '-d', '100ms')
            case.check('and in the text, a line for each', done.returncode == 0 and 'helps?' in done.stdout, done)


if 'built without libunwind' in case.run('sample', 4194304).stderr:
    print('SKIP: built without libunwind')
    sys.exit(case.SKIP)


def timed(test):
    begin = time.monotonic()
    test()
    print(f'     {test.__name__}: {time.monotonic() - begin:.1f} s', flush=True)


# Together: most of them wait most of the time.
with concurrent.futures.ThreadPoolExecutor(3) as pool:
    list(pool.map(timed, (looks_up, waits, looks_up_and_writes, beside_the_preload, come_and_go, everything, killed, job_control, python,
                          signals, events, refusals, container, deleted, nothing_to_gain)))
case.end()
