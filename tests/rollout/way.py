#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The whole way of a rollout, on a live C service: way.py SERVICE PLUGIN LIBRARY LIAR [STEP...]

Each step starts the service, does to it what an operator does, and reads the segment. In every step
the service itself checks each request: none may be lost or wrong.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import segment
from segment import (BY_BREAKER, BY_CANARY, BY_CTL, BY_FILE, CLOSED, HALF, OBSERVE, OFF, ON, OPEN,
                     VERIFY, Segment, path_of)

SERVICE, PLUGIN, LIBRARY, LIAR = (os.path.abspath(word) for word in sys.argv[1:5])


class Service:
    """A service under the library; leaving the block ends it and judges its requests."""

    def __init__(self, library=None, threads=3, wants_segment=True, **settings):
        env = {k: v for k, v in os.environ.items() if not k.startswith(('SYMFAST', 'LD_'))}
        settings = {'SYMFAST_SHM_DIR': segment.DIRECTORY, **settings}
        env.update(LD_PRELOAD=library or LIBRARY, SYMFAST_STATS='1', **settings)
        self.wants_segment = wants_segment
        self.scribbled = False
        self.directory = settings['SYMFAST_SHM_DIR']
        self.process = subprocess.Popen([SERVICE, PLUGIN, str(threads)], env=env, text=True, errors='replace',
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)

    def __enter__(self):
        if self.wants_segment:
            self.segment = until(lambda: Segment(self.process.pid, self.directory))
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.process.kill()
            self.process.communicate()
            return
        if self.process.poll() is None:
            self.out, self.err = self.process.communicate(timeout=240)
        else:
            self.out, self.err = self.process.communicate()
        if self.process.returncode == -signal.SIGKILL:
            return
        found = re.search(r'^requests (\d+) wrong 0$', self.out, re.M)
        demand(self.process.returncode == 0 and found and int(found.group(1)) > 100,
               f'requests: {self.out!r} {self.err[-300:]!r}')
        own = path_of(self.process.pid, self.directory)
        marked = self.wants_segment and (self.segment['mismatches'] or self.segment['breaker_trips'])
        demand(os.path.exists(own) == bool(marked) or self.scribbled, f'the file is there: {os.path.exists(own)}')
        if os.path.exists(own):
            os.unlink(own)

    def counted(self, *names):
        return sum(self.segment.counter(name) for name in names)

    def grows(self, *names):
        """By how much these counters grow together while 500 requests begin, however long that takes."""
        before, begun = self.counted(*names), self.counted(*OPENS)
        until(lambda: self.counted(*OPENS) >= begun + 500)
        return self.counted(*names) - before

    def rests(self, *names):
        """No thread counts these any more. One that lost the processor within a hit may do so yet, once."""
        return until(lambda: self.grows(*names) == 0)


HITS = ('dlsym.hit', 'dlsym.shared', 'dlsym.negative')
OTHERS = ('dlvsym', 'dlopen', 'dlclose')  # timed beside dlsym
OPENS = ('dlopen.hit', 'dlopen.real', 'dlopen.pass')


def demand(fact, text):
    if not fact:
        raise AssertionError(text)


def until(get, seconds=240):
    """The first value of get() that is true and no exception. The time is for what never comes."""
    end = time.monotonic() + seconds
    while True:
        try:
            value = get()
            if value:
                return value
        except (OSError, ValueError):
            pass
        demand(time.monotonic() < end, 'waited in vain')
        time.sleep(0.005)


def observe():
    with Service(SYMFAST='observe') as s:
        until(lambda: s.segment.counter('observe.repeat') > 1000)
        demand(s.grows(*HITS) == 0, 'answered from the map')
        count, ticks, longest, _, buckets = s.segment.histogram('dlsym', 0)
        demand(count > 1000 and ticks > count and longest > 0 and sum(buckets) > 1000, 'histogram')
        demand(s.segment.histogram('dlsym', 1)[0] == 0, 'a histogram of the map')
        demand(s.segment['word'] == OBSERVE, 'word')
    demand(re.search(r'^symfast: observed \d+ look-ups, \d+ asked before', s.err, re.M), s.err)
    demand(re.search(r'^symfast: estimate: would (save nothing|(save|cost) \d+\.\d\d % \(.* to .*\) of \d+ ms)', s.err, re.M),
           s.err)


def verify():
    with Service(SYMFAST='verify') as s:
        until(lambda: s.segment.counter('verify.same') > 1000)
        demand(s.grows(*HITS) == 0, 'answered from the map')
        demand(s.segment['mismatches'] == 0 and s.segment['breaker'] == CLOSED, 'mismatch')


def live():
    """off, observe, verify, on: each takes effect at once, and back."""
    with Service(SYMFAST='on') as s:
        demand(s.grows(*HITS) > 1000, 'no hits')
        for word, counter in ((OFF, 'bypass.off'), (OBSERVE, 'bypass.observe'),
                              (VERIFY, 'bypass.verify'), (999, 'bypass.off')):
            s.segment.set(word)
            s.rests(*HITS)
            demand(s.grows(counter) > 100, f'word {word}: not counted as {counter}')
            s.segment.set(ON)
            demand(s.grows(*HITS) > 1000, f'after word {word}: no hits')
        demand(s.segment['reason'] == BY_CTL and s.segment['ctl_count'] == 8, 'who')


def sampled():
    """One hit in so many is timed in each thread, and nothing else is different."""
    with Service(SYMFAST='on', SYMFAST_SAMPLE='1/64', SYMFAST_SHM='start') as s:
        until(lambda: s.segment.counter('sample.hit') > 200 and
              all(s.segment.histogram(f, 1)[0] > 0 for f in OTHERS))
        s.segment.set(OFF)
        s.rests(*HITS, 'sample.hit')  # the numbers belong together only when nobody counts
        hits, samples = (s.segment.counter(name) for name in ('dlsym.hit', 'sample.hit'))
        demand(hits / 100 < samples < hits / 40, f'{samples} of {hits}')
        count, ticks, _, _, buckets = s.segment.histogram('dlsym', 1)
        timed = sum(s.segment.histogram(f, 1)[0] for f in ('dlsym', *OTHERS))
        demand(count == sum(buckets) and timed >= samples > count and ticks > count,
               f'histogram: {count} {sum(buckets)} {timed} {samples} {ticks}')
        demand(s.segment.histogram('dlsym', 0)[0] == 0, 'libc was timed')
    with Service(SYMFAST='on', SYMFAST_SAMPLE='0') as s:
        demand(s.grows('dlsym.hit') > 5000 and s.segment.counter('sample.hit') == 0, 'samples')
        demand(all(s.segment.histogram(f, 1)[0] == 0 for f in ('dlsym', *OTHERS)), 'timed hits')


def checked():
    """Serving, and one hit in sixteen compared: fine, until the map lies."""
    with Service(SYMFAST='verify:1/16') as s:
        until(lambda: s.segment.counter('verify.same') > 1000)
        s.segment.set(OFF)
        s.rests(*HITS, 'verify.same')
        hits, same = (s.segment.counter(name) for name in ('dlsym.hit', 'verify.same'))
        demand(hits / 40 < same < hits / 8, f'{same} of {hits}')
        demand(s.segment['mismatches'] == 0 and s.segment['check_every'] == 16, 'mismatch')
    with Service(LIAR, SYMFAST='verify:1/16') as s:
        until(lambda: s.segment['breaker'] == OPEN)
        demand(s.segment['word'] == OFF, 'word')


def arms():
    """A/B: some threads are libc's, some the map's; both have durations."""
    with Service(threads=4, SYMFAST='ab:50') as s:
        until(lambda: s.segment.histogram('dlsym', 0)[0] > 1000 and
              s.segment.histogram('dlsym', 1)[0] > 1000)
        for counter in ('dlsym.hit', 'bypass.stock'):  # neither arm is idle
            until(lambda c=counter: s.grows(c) > 100)
        until(lambda: all(s.segment.histogram(f, arm)[0] > 100 for f in OTHERS for arm in (0, 1)))
    demand('symfast: state ab\n' in s.err, s.err)


def sites():
    """Who looks up: the service's own functions, by object and offset."""
    with Service(SYMFAST='on', SYMFAST_SITES='1/4', SYMFAST_SAMPLE='1/64') as s:
        symbols = subprocess.run(['nm', SERVICE], capture_output=True, text=True, check=True).stdout
        at = {name: (int(start, 16), int(start, 16) + 4096)
              for start, _, name in re.findall(r'^(\w+) (\w) (\w+)$', symbols, re.M)}
        low, high = at['request']
        until(lambda: {'dlsym', 'dlopen'} <= {
            function for function, _, frames in s.segment.sites() for path, offset in frames
            if os.path.basename(path) == os.path.basename(SERVICE) and low <= offset < high})
        rows = s.segment.sites()
        demand(all(offset < 1 << 26 for _, _, frames in rows for _, offset in frames), 'an address')


def sites_file():
    """SYMFAST_SITES_FILE at exit: the lines of `symfast sites --folded`; nothing from who has sampled
    nothing; one line for a path where nothing can be written."""
    with tempfile.TemporaryDirectory() as folder:
        def run(path, sites='1/4', **extra):
            env = dict(os.environ, LD_PRELOAD=LIBRARY, SYMFAST_SITES=sites, SYMFAST_SAMPLE='1/8',
                       SYMFAST_SITES_FILE=path, **extra)
            done = subprocess.Popen([SERVICE, PLUGIN, '2'], env=env, text=True, stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            _, err = done.communicate('')
            demand(done.returncode == 0, err)
            return done.pid, err

        pid, err = run(f'{folder}/sites.%p')
        demand(os.listdir(folder) == [f'sites.{pid}'] and err == '', f'{os.listdir(folder)} {err}')
        path = f'{folder}/sites.{pid}'
        demand(os.stat(path).st_mode & 0o777 == 0o600, 'mode')
        with open(path) as f:
            lines = f.read().splitlines()
        for line in lines:
            demand(re.fullmatch(r'([!-:<-~]+;)*\w+_\[(map|libc)\] [1-9]\d*', line), line)
        for words in (r';rollout_service\+0x[0-9a-f]+;dlsym_\[', r'dlopen_\[', r'dlclose_\['):
            demand(any(re.search(words, line) for line in lines), f'{words}: {lines[:5]}')
        demand(any('__libc_start_main;' in line for line in lines), f'no names: {lines[:5]}')
        os.unlink(path)
        for words in ({'sites': '0'}, {'SYMFAST': 'off'}):
            run(path, **words)
            demand(os.listdir(folder) == [], f'{words}: {os.listdir(folder)}')
        _, err = run(f'{folder}/no/such/folder')
        demand(re.fullmatch(r'symfast: SYMFAST_SITES_FILE="\S+/no/such/folder" cannot be written: '
                            r'error 2\n', err), err)
        _, err = run('relative')
        demand(re.fullmatch(r'symfast: SYMFAST_SITES_FILE="relative" is not an absolute path, or nothing; '
                            r'using none\n', err), err)


def canary():
    """The same pods at every start; who is in at 5 % is in at 50 %; 100 % is everybody."""
    def chosen(share, pod):
        env = dict(os.environ, LD_PRELOAD=LIBRARY, SYMFAST_CANARY=share, SYMFAST_VERBOSE='1',
                   SYMFAST_CANARY_KEY='pod', POD_NAME=pod)
        done = subprocess.run([SERVICE, PLUGIN, '1'], env=env, text=True, input='',
                              capture_output=True, check=True)
        if share == '100%':
            demand('symfast: state on\n' in done.stderr, done.stderr)
            return True
        said = re.search(r'canary \S+ by pod, place \d+ of 10000: (not )?chosen', done.stderr)
        state = 'state pass: "canary' if said.group(1) else 'state on: '
        demand(state in done.stderr or 'state on\n' in done.stderr, done.stderr)
        return not said.group(1)

    pods = [f'web-{i}' for i in range(24)]
    sets = {share: {pod for pod in pods if chosen(share, pod)} for share in ('5%', '50%', '100%')}
    demand(sets['5%'] <= sets['50%'] <= sets['100%'] == set(pods), f'{sets}')
    demand(6 <= len(sets['50%']) <= 18, f'{sets}')
    demand({pod for pod in pods[:8] if chosen('50%', pod)} == sets['50%'] & set(pods[:8]), 'again')
    # Nobody at 0 %: the note says why, and nobody listens to it.
    with Service(SYMFAST_CANARY='0%') as s:
        demand(s.segment['phase'] == 2 and s.segment['reason'] == BY_CANARY, 'phase')
        demand('not chosen' in s.segment['why'], s.segment['why'])
        s.segment.set(ON)
    demand('state pass: "canary 0% by host' in s.err, s.err)


def wrong():
    """Settings that limit what is served, got wrong: the whole library is off, and says why in one line."""
    rows = [('SYMFAST', 'bogus', ''), ('SYMFAST', '', ''), ('SYMFAST_DISABLE', 'maybe', ''),
            ('SYMFAST_CANARY', '101%', ''), ('SYMFAST_CANARY', '0,5%', ''), ('SYMFAST_KILL_FILE', 'x', ''),
            ('SYMFAST_CANNARY', '5%', 'nearest is SYMFAST_CANARY;'),
            ('SYMFAST_DISABLED', '1', 'nearest is SYMFAST_DISABLE;'),
            ('SYMFAST_KILLFILE', '/x', 'nearest is SYMFAST_KILL_FILE;')]
    env = {k: v for k, v in os.environ.items() if not k.startswith('SYMFAST')}
    env.update(LD_PRELOAD=LIBRARY, SYMFAST_STATS='1')

    def lines(**more):
        done = subprocess.run([SERVICE, PLUGIN, '1'], env=dict(env, **more), text=True, input='',
                              capture_output=True, check=True)
        return done.stderr.splitlines()

    for name, value, more in rows:
        said = lines(**{name: value})
        demand(name in said[0] and said[0].endswith('; using SYMFAST=off') and more in said[0], f'{said}')
        demand(said[1:] == ['symfast: state pass: "a setting is wrong"'], f'{said}')
    for name, value in (('SYMFAST', 'OFF'), ('SYMFAST', 'Off')):
        demand(lines(**{name: value}) == ['symfast: state pass'], f'{name}={value}')
    for value in ('1', 'true', 'YES', 'On'):
        demand(lines(SYMFAST_DISABLE=value, SYMFAST='bogus') == [], f'disable {value}')
    said = lines(SYMFAST_SAMPEL='1/64')
    demand('the nearest is SYMFAST_SAMPLE; ignored' in said[0] and said[1] == 'symfast: state on', f'{said[:2]}')


def listed():
    """A settings file serves the programs it names, with their settings, and no other; the environment comes
    after it, but cannot add a program."""
    kinds = os.path.join(os.path.dirname(SERVICE), 'rollout_kinds')
    env = {k: v for k, v in os.environ.items() if not k.startswith('SYMFAST')}
    with tempfile.TemporaryDirectory() as folder:
        conf = f'{folder}/symfast.conf'
        env.update(LD_PRELOAD=LIBRARY, SYMFAST_CONF=conf)

        def run(text, *command, **more):
            with open(conf, 'w') as f:
                f.write(text)
            done = subprocess.run(command, env=dict(env, **more), text=True, input='', capture_output=True,
                                  check=True)
            return done.stderr

        service, other = (SERVICE, PLUGIN, '1'), (kinds, 's', 'truth', PLUGIN, '1000')
        text = f'# who is served\nSYMFAST_STATS=1\n[{SERVICE}]\nSYMFAST_SHM=off\n'
        demand(re.search(r'^symfast: dlsym.hit \d', run(text, *service), re.M), 'not served')
        # A child of a program that is served is served only if it is named itself.
        demand('dlsym.hit' in run(text, 'sh', '-c', ' '.join(service)), 'the child is not served')
        demand(run(text, *other) == '' and run(text, *other, SYMFAST='on', SYMFAST_STATS='1') == '', 'served')
        demand(re.fullmatch(r'symfast: state pass: "this program is in no section of \S+symfast.conf"\n',
                            run(text, *other, SYMFAST_VERBOSE='1')), 'no reason')
        demand('symfast: state pass\n' == run(text, *service, SYMFAST='off'), 'the environment comes after')
        text += '[*/rollout_*]\nSYMFAST=observe\n'
        demand('observe.repeat' in run(text, *other) and 'dlsym.hit' in run(text, *service), 'by glob')
        for wrong in ('[service]\n', 'STATS=1\n', 'SYMFAST=of\n', '[*]\nSYMFAST_CANNARY=1%\n'):
            said = run(f'SYMFAST_STATS=1\n{wrong}', *service).splitlines()
            demand(len(said) == 2 and said[0].startswith(f'symfast: {conf}:') and
                   said[0].endswith('; using SYMFAST=off') and
                   said[1] == 'symfast: state pass: "a setting is wrong"', f'{wrong}: {said}')
        os.chmod(conf, 0o666)
        demand('can be written by others; using SYMFAST=off' in run('', *service), 'mode')


KINDS = (('s', 'dlsym', 'dlsym'), ('v', 'dlvsym', 'dlvsym'), ('d', 'default', 'default'),
         ('x', 'next', 'next'), ('X', 'next', 'next'),
         ('n', 'negative', 'dlsym'), ('N', 'negative', 'default'), ('o', 'dlopen', 'dlopen'),
         ('a', 'dladdr', 'dladdr'), ('A', 'dladdr', 'dladdr'), ('b', 'backtrace', 'backtrace_symbols'),
         ('B', 'backtrace', 'backtrace_symbols'), ('y', 'symbolize', 'symfast_symbolize'))


# Before glibc 2.34 a comparison may leave an error of libc's: what follows it clears that first, and is not compared.
HIDES = tuple(map(int, os.confstr('CS_GNU_LIBC_VERSION').split()[1].split('.'))) < (2, 34)
LEAST = 2500 if HIDES else 3000


def kinds():
    """Everything that is served is compared, alone and while serving; a lie of each kind is found, and the host
    gets the truth. Said at the end, by kind."""
    program = os.path.join(os.path.dirname(SERVICE), 'rollout_kinds')
    env = {k: v for k, v in os.environ.items() if not k.startswith('SYMFAST')}
    env.update(SYMFAST_STATS='1', SYMFAST_SAMPLE='0')
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(PLUGIN, f'{folder}/truth.so')
        shutil.copy(PLUGIN, f'{folder}/lie_.so')

        def run(library, mode, kind, prefix, rounds=4000):
            plug = f'{folder}/lie_.so' if prefix == 'lie' and kind == 'o' else f'{folder}/truth.so'
            done = subprocess.run([program, kind, prefix, plug, str(rounds)], text=True, capture_output=True,
                                  env=dict(env, LD_PRELOAD=library, SYMFAST=mode), timeout=60, check=False)
            demand(done.stdout == '0 wrong\n' and done.returncode == 0,
                   f'{mode} {kind} {prefix}: {done.stdout} {done.stderr}')
            return dict(re.findall(r'^symfast: (\S+) (\d+)$', done.stderr, re.M)), done.stderr

        for mode, part in (('verify', 1), ('verify:1/1', 1), ('verify:1/64', 64)):
            for kind, counter, function in KINDS:
                counts, said = run(LIBRARY, mode, kind, 'lie')
                compared = int(counts.get(f'compared.{counter}', 0))
                demand(LEAST / part < compared <= 9000 / part, f'{mode} {kind}: {compared} compared: {said}')
                demand('verify.mismatch' not in counts and 'breaker:' not in said, f'{mode} {kind}: {said}')
                line = re.search(r'^symfast: compared with libc: (.*); different: 0$', said, re.M)
                word = {'default': 'RTLD_DEFAULT', 'next': 'RTLD_NEXT', 'backtrace': 'backtrace_symbols',
                        'symbolize': 'symfast_symbolize'}.get(counter, counter)
                demand(line and f'{word} {compared}' in line[1] and 'estimate' not in said, f'{mode} {kind}: {said}')
                counts, said = run(LIAR, mode, kind, 'lie')
                lines = [line for line in said.splitlines() if 'breaker:' in line]
                demand(len(lines) == 1 and f'breaker: {function} of "' in lines[0] and 'lie_' in lines[0] and
                       counts['verify.mismatch'] == '1', f'{mode} {kind}: the lie: {said}')
                demand('symfast: state off: "breaker"' in said, f'{mode} {kind}: not off: {said}')
        # Somebody who asks nothing is told so.
        _, said = run(LIBRARY, 'verify', 's', 'truth', 1)
        demand(re.search(r'compared with libc: (nothing|dlsym \d; different: 0)\n', said), said)
        _, said = run(LIBRARY, 'on', 's', 'truth')
        demand('compared' not in said, said)


def breaker():
    """A map that lies: at the first comparison everything is passed through, and said so once."""
    for how in ({'SYMFAST': 'verify'}, {'SYMFAST': 'on'}):
        with Service(LIAR, **how) as s:
            if how['SYMFAST'] == 'on':
                demand(s.grows(*HITS) > 1000, 'no hits')
                s.segment.set(VERIFY)
            until(lambda: s.segment['breaker'] == OPEN and s.segment['breaker_trips'] > 0)
            demand(s.segment['word'] == OFF and s.segment['reason'] == BY_BREAKER, 'word')
            demand(s.segment['mismatch_function'] == 'dlsym', 'function')
            demand((s.segment['mismatch_map'], s.segment['mismatch_libc']) == (1, 1), 'kinds')
            s.rests(*HITS)
            demand(s.grows('bypass.off') > 100, 'not passed through')
            s.segment.set(ON)
            demand(s.grows(*HITS) > 1000, 'ctl could not turn it on again')
        lines = [line for line in s.err.splitlines() if 'breaker:' in line]
        demand(len(lines) == 1 and 'lie_value' in lines[0] and '0x' not in lines[0], f'{lines}')


def retry():
    """Half open after its time, and open again at the next lie; without a lie it closes."""
    with Service(LIAR, SYMFAST='verify', SYMFAST_BREAKER_RETRY_S='1') as s:
        until(lambda: s.segment['breaker_trips'] >= 2)
        until(lambda: s.segment['word'] == OFF)  # perhaps it is half open by now
    with Service(SYMFAST='on', SYMFAST_BREAKER_RETRY_S='1') as s:
        s.segment['breaker'] = HALF
        s.segment.set(VERIFY)
        until(lambda: s.segment['breaker'] == CLOSED)


def scribbled():
    """Whatever another process of the user writes into the segment, the host goes on and is answered right."""
    settings = {'SYMFAST_SAMPLE': '1/64', 'SYMFAST_SITES': '1/256', 'SYMFAST_BREAKER_RETRY_S': '1'}
    for word in (ON, OBSERVE, VERIFY):
        with Service(SYMFAST='on', **settings) as s:
            until(lambda: s.segment.counter('dlsym.hit') > 1000)
            s.scribbled = True
            for fill in (b'\xff', b'A', b'\x01', None, b'\0', b'\xff'):
                for at in range(0, len(s.segment.map), 4096):
                    s.segment.map[at:at + 4096] = os.urandom(4096) if fill is None else fill * 4096
                    s.segment['word'] = word
                time.sleep(0.03)
            s.process.stdin.write('f')
            s.process.stdin.flush()
            demand(s.process.stdout.readline().split()[2:] == ['20000', '0'], 'the child')


def killfile():
    """The file puts it out within a second, and its removal on again; what ctl says in between stands."""
    with tempfile.TemporaryDirectory() as folder:
        path = f'{folder}/off'
        with Service(SYMFAST='on', SYMFAST_KILL_FILE=path) as s:
            demand(s.grows(*HITS) > 1000, 'no hits')
            for _ in range(2):
                open(path, 'w').close()
                began = time.monotonic()
                until(lambda: s.segment['word'] == OFF and s.segment['kill_file_seen'])
                demand(s.segment['reason'] == BY_FILE, 'reason')
                print(f'    seen after {time.monotonic() - began:.2f} s')
                s.rests(*HITS)
                os.unlink(path)
                until(lambda: s.segment['word'] == ON)
            s.segment.set(OBSERVE)
            time.sleep(0.5)
            demand(s.segment['word'] == OBSERVE, 'the file decided where there was none')
        open(path, 'w').close()
        with Service(SYMFAST='on', SYMFAST_KILL_FILE=path) as s:
            demand(s.segment['word'] == OFF and s.grows(*HITS) == 0, 'on in spite of the file')
            # A child has no thread that looks: its own calls do.
            s.process.stdin.write('f')
            s.process.stdin.flush()
            child = int(s.process.stdout.readline().split()[1])
            demand(Segment(child)['word'] == OFF, 'the child is on')


def idle_child():
    """A child that made no call while the file was put there and its parent's word was put out."""
    with tempfile.TemporaryDirectory() as folder:
        path = f'{folder}/off'
        with Service(SYMFAST='on', SYMFAST_KILL_FILE=path) as s:
            until(lambda: s.counted(*HITS) > 1000)
            s.process.stdin.write('i')
            s.process.stdin.flush()
            pid = int(s.process.stdout.readline().split()[1])
            open(path, 'w').close()
            until(lambda: s.segment['word'] == OFF and s.segment['kill_file_seen'])
            os.kill(pid, signal.SIGUSR1)
            child = until(lambda: Segment(pid))
            demand(child['word'] == OFF, 'the child is on')
            os.unlink(path)
            until(lambda: s.segment['word'] == ON)
            until(lambda: child['word'] == ON and sum(child.counter(name) for name in HITS) > 1000)


def forks():
    """A child counts for itself, and has a file of its own."""
    with Service(SYMFAST='on') as s:
        until(lambda: s.segment.counter('dlsym.hit') > 1000)
        s.process.stdin.write('f')
        s.process.stdin.flush()
        word, pid, requests, wrong = s.process.stdout.readline().split()
        demand((word, requests, wrong) == ('child', '20000', '0'), f'{requests} {wrong}')
        child = Segment(int(pid))
        demand(child.u32(24) == int(pid) and child.u32(56) == s.process.pid, 'pids')
        looked = sum(child.counter(name) for name in (*HITS, 'dlsym.learn', 'dlsym.pass'))
        demand(looked <= 20000 * 23 and looked > 20000 * 21, f'{looked} look-ups')


def crash():
    with Service(SYMFAST='on') as s:
        until(lambda: s.segment.counter('dlsym.hit') > 1000)
        s.process.send_signal(signal.SIGKILL)
        s.process.wait()
        left = Segment(s.process.pid)
        demand(left.counter('dlsym.hit') > 1000, 'nothing left to read')
        os.unlink(path_of(s.process.pid))


def nowhere():
    """Without a place for the file everything else works."""
    for settings in ({'SYMFAST_SHM': 'off'}, {'SYMFAST_SHM_DIR': '/nonexistent'},
                     {'SYMFAST_SHM_DIR': '/proc'}):
        began = time.time() - 1
        with Service(wants_segment=False, **settings) as s:
            for own in (path_of(s.process.pid), path_of(s.process.pid, '/dev/shm')):
                # An earlier process of that number may have left one.
                demand(not os.path.exists(own) or os.stat(own).st_mtime < began, 'a file')
        demand(re.search(r'dlsym.hit [1-9]', s.err), s.err)


STEPS = (observe, verify, live, sampled, checked, arms, sites, sites_file, canary, wrong, listed, kinds, breaker, retry, scribbled,
         killfile, idle_child, forks, crash, nowhere)


def main():
    """In a directory of its own: processes of other tests that run now clear away what the killed leave in theirs."""
    with tempfile.TemporaryDirectory(prefix='symfast-way-') as segment.DIRECTORY:
        sys.exit(1 if run_steps() else 0)


def run_steps():
    bad = 0
    for step in STEPS:
        if sys.argv[5:] and step.__name__ not in sys.argv[5:]:
            continue
        began = time.monotonic()
        try:
            step()
            verdict = 'ok'
        except (AssertionError, subprocess.SubprocessError, OSError, ValueError) as error:
            verdict = f'NOT OK: {type(error).__name__} {error}'
            bad += 1
        print(f'{step.__name__}: {verdict} ({time.monotonic() - began:.1f} s)')
    return bad


if __name__ == '__main__':
    main()
