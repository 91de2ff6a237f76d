#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The whole way of a rollout, by the program, on a live service under load: doctor, sample, observe, verify,
5 %, 50 %, 100 %, off and on again, a mismatch, the breaker, the kill file, recovery. No request is
lost on the way.

way.py C SERVICE PLUGIN [LIAR]    LIAR: a library whose map lies, for the mismatch
way.py go WORK                    builds the Go service and its plugin there first
"""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

import case

CLIENTS = 3
# Keys of the fleet; their places are told by the segments. The last one is in at 5 %.
KEYS = [*(f'web-{n}' for n in range(9)), 'web-23']


class Client(threading.Thread):
    """Asks without a pause over one connection, and holds each answer against what it must be."""

    def __init__(self, path, questions):
        super().__init__()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(240)
        self.socket.connect(path)
        self.stream = self.socket.makefile('rw')
        self.questions = questions
        self.asked = self.right = 0
        self.wrong = []
        self.over = False

    def run(self):
        while not self.over:
            for name, pattern in self.questions:
                self.asked += 1
                try:
                    self.stream.write(name + '\n')
                    self.stream.flush()
                    line = self.stream.readline()
                except OSError as error:
                    line = str(error)
                if re.fullmatch(pattern, line):
                    self.right += 1
                else:
                    self.wrong.append((name, line))
                    return

    def end(self):
        self.over = True
        self.join()
        self.socket.close()


class Load:
    """The service under `symfast run` (plain: without it), with clients; what they asked is added up over the way."""
    asked = right = 0
    wrong = []

    def __init__(self, way, *words, clients=CLIENTS, plain=False, **extra):
        self.way = way
        self.folder = way.folder
        way.number += 1
        self.path = f'{self.folder}/s{way.number}'
        self.err = open(f'{self.path}.err', 'w+')
        env = case.clean_env(SYMFAST_SHM_DIR=f'{self.folder}/shm', SYMFAST_SHM='start', **extra)
        start = [] if plain else [case.CLI, 'run', *words, '--']
        self.child = subprocess.Popen([*start, way.service, self.path, way.plugin], env=env, stderr=self.err)
        self.pid = self.child.pid
        until(lambda: os.path.exists(self.path))
        self.clients = []
        for _ in range(clients):
            self.clients.append(until(lambda: Client(self.path, way.questions)))
        for client in self.clients:
            client.start()

    def run(self, *words):
        return case.run(*words, SYMFAST_SHM_DIR=f'{self.folder}/shm')

    def stat(self):
        return json.loads(self.run('stat', '-j', self.pid).stdout or '{}')

    def counter(self, *names):
        counters = self.stat().get('counters', {})
        return sum(counters.get(name, 0) for name in names)

    def cpu_of_a_request(self):
        """CPU time in microseconds, over some thousand of them."""
        def now():
            total = 0
            for task in os.listdir(f'/proc/{self.pid}/task'):
                with open(f'/proc/{self.pid}/task/{task}/schedstat') as f:
                    total += int(f.read().split()[0]) / 1e3
            return total
        cpu, asked = now(), self.asked_by_clients()
        until(lambda: self.asked_by_clients() > asked + 4000)
        return (now() - cpu) / (self.asked_by_clients() - asked)

    def asked_by_clients(self):
        return sum(client.asked for client in self.clients)

    def grows(self, *names):
        """By how much the counters grow while the clients ask 600 times, however long that takes."""
        before, asked = self.counter(*names), self.asked_by_clients()
        until(lambda: self.asked_by_clients() > asked + 600)
        return self.counter(*names) - before

    def rests(self, *names):
        """Nobody counts these any more; a thread that lost the processor within a hit may, once."""
        return until(lambda: self.grows(*names) == 0)

    def end(self):
        for client in self.clients:
            client.end()
            Load.asked += client.asked
            Load.right += client.right
            Load.wrong += client.wrong
        self.child.terminate()
        self.child.wait()
        self.err.seek(0)
        self.errors = self.err.read()
        self.err.close()

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.end()


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
        if time.monotonic() > end:
            raise AssertionError('waited in vain')
        time.sleep(0.01)


class Way:
    """What the two services differ in: who they are, and which counters tell that they are served."""

    def __init__(self, folder, service, plugin, questions, hits):
        self.folder, self.service, self.plugin = folder, service, plugin
        self.questions, self.hits = questions, hits
        self.number = 0
        os.makedirs(f'{folder}/shm', exist_ok=True)


def look(way):
    done = case.run('doctor', '-j', way.service)
    made = case.document(done, 'doctor')
    case.check('doctor: it can be served', done.returncode == 0 and made['can_serve'], done)
    if 'go.hit' in way.hits:
        case.check(f'doctor: the detour knows {made["facts"]["go"]}',
                   made['facts']['go_detour'] == 'known', made['facts'])


def unprepared(way):
    """What symfast sample says of the service as it is, beside what the shim then saves."""
    functions = ('plugin.open',) if 'go.hit' in way.hits else ('dlsym', 'dlopen', 'dlclose')
    with Load(way, plain=True) as s:
        # On a busy machine few samples find it on a CPU; with more of them the interval gets narrow enough.
        for seconds in (0.5, 1, 2, 4, 8, 16, 32, 64):
            done = s.run('sample', s.pid, '-j', '-r', 200, '-d', f'{seconds}s')
            if 'built without libunwind' in done.stderr:
                print('SKIP: sample: built without libunwind')
                return
            made = case.document(done, 'sample')['processes'][0]
            if made['samples']['on_cpu'] > 60 and made['verdict']['word'] in ('may help', 'retain'):
                break
        stock = s.cpu_of_a_request()
    rows = [f for f in made['functions'] if f['name'] in functions]
    low, high = (sum(f[key] for f in rows) for key in ('cpu_low', 'cpu_high'))
    case.check(f'sample: {" ".join(functions)} take their share, and the verdict says so', rows and high > 0.02 and
               made['verdict']['word'] in (('may help',) if 'go.hit' in way.hits else ('may help', 'retain', 'unknown')),
               made)
    case.check('sample: no thread was stopped for more than 1 % and one stop',
               made['stops']['share'] < 0.01 + made['stops']['longest'] / 5e8, made['stops'])
    if 'go.hit' not in way.hits:
        return  # most of its time is the kernel's, for waking the clients: too uneven to be compared
    with Load(way, '-m', 'on') as s:
        served = s.cpu_of_a_request()
    print(f'     sample: {low:.0%} to {high:.0%} of the CPU time; the shim then saves {1 - served / stock:.0%} '
          f'({stock:.1f} to {served:.1f} us a request)')


def observe(way):
    with Load(way, '-m', 'observe') as s:
        case.check('observe: libc answers', s.grows(*way.hits) == 0 and
                   s.stat()['mode'] == 'observe')
        if 'go.hit' not in way.hits:
            case.check('observe: what repeats is counted', s.grows('observe.repeat') > 100)
            # The kernel counts CPU time in ticks of 10 ms.
            d = until(lambda: (d := s.stat().get('savings', {})).get('cpu', 0) > 0 and d)
            case.check('observe: what would be saved', d['asked'] >= d['repeats'] > 100 and
                       d['libc'] > 0 and
                       d['saved']['least'] <= d['saved']['likely'] <= d['saved']['most'] <= d['cpu'], d)
            text = s.run('stat', s.pid).stdout
            case.check('and said in words', re.search(
                r'^estimate: (would save nothing|would (save|cost) .* % \(.* to .*\) of .* CPU time.*|cannot say, because .+)$', text,
                re.M), text)


def verify(way):
    with Load(way, '-m', 'verify') as s:
        case.check('verify: libc answers', s.grows(*way.hits) == 0)
        if 'go.hit' not in way.hits:
            case.check('verify: answers are compared', s.grows('verify.same') > 100)
        d = s.stat()
        case.check('verify: no mismatch, the breaker is closed', (d['mismatches'], d['breaker']) ==
                   (0, 'closed'), d)


def fleet(way, share):
    """Starts one service per key with one client each; who was chosen, and where each key lies."""
    started = [(key, Load(way, '-m', 'on', clients=1, SYMFAST_CANARY=share, WAY_KEY=key,
                          SYMFAST_CANARY_KEY='env:WAY_KEY')) for key in KEYS]
    try:
        listed = {p['pid']: p for p in json.loads(started[0][1].run('list', '-j').stdout)[
            'processes']}
        stats = {key: s.stat() for key, s in started}
        chosen = {key for key, s in started if stats[key]['control']['canary']['chosen']}
        case.check(f'{share}: list shows who is on', {key for key, s in started if
                   listed[s.pid]['mode'] == 'on'} == chosen, listed)
        for _, s in started:
            until(lambda s=s: s.asked_by_clients() > 20)
        served = {key for key, s in started if s.counter(*way.hits) > 0}
        case.check(f'{share}: nobody else is served', served <= chosen, served)
        return chosen, {key: d['control']['canary']['bucket'] for key, d in stats.items()}
    finally:
        for _, s in started:
            s.end()


def canary(way):
    last, places = set(), None
    for share in (5, 50, 100):
        chosen, seen = fleet(way, f'{share}%')
        places = places or seen
        wanted = {key for key in KEYS if places[key] < share * 100}
        case.check(f'{share} %: those whose place is below it, {len(wanted)} of {len(KEYS)}',
                   chosen == wanted, f'{chosen} {places}')
        case.check(f'{share} %: whoever was in stays in, and there is somebody',
                   last <= chosen and len(chosen) > 0, f'{last} {chosen}')
        # All are in at 100 %: their places are not asked for.
        case.check(f'{share} %: the same places as before', share == 100 or seen == places, seen)
        last = chosen


def switch(way):
    with Load(way, '-m', 'on') as s:
        case.check('on: the shim answers', s.grows(*way.hits) > 100)
        for _ in range(3):
            case.status('ctl off', s.run('ctl', s.pid, 'off'), 0)
            case.check('off: it does not', s.rests(*way.hits))
            case.status('ctl on', s.run('ctl', s.pid, 'on'), 0)
            case.check('on again: it does', s.grows(*way.hits) > 100)
        kind = 'go' if 'go.hit' in way.hits else 'dlsym'
        rows = [json.loads(line) for line in s.run('top', '-j', '-n', '2', '-d', '1',
                                                   s.pid).stdout.splitlines()]
        case.check('top sees the rate', any(r['function'] == kind and r['hits_per_second'] > 0
                                            for r in rows[-1]['rates']), rows)
        text = s.run('metrics', s.pid).stdout
        case.check('metrics tell of it', re.search(rf'symfast_hits_total{{.*fn="{kind}"}} [1-9]',
                                                   text), text)
        case.status('a page of it', s.run('report', '-H', f'{s.folder}/page.html', s.pid), 0)


def arms(way):
    """A/B in one process: both arms answer, are timed and shown. Threads are few: their share is not
    looked at; a Go host's calls are many."""
    with Load(way, '-m', 'ab:50') as s:
        go = 'go.hit' in way.hits
        function, stock = ('plugin.Open', 'go.bypass.stock') if go else ('dlsym', 'bypass.stock')

        def both():
            row = [r for r in s.stat()['latencies'] if r['function'] == function]
            return row and all(row[0][arm] and row[0][arm]['count'] > 30
                               for arm in ('libc', 'map')) and row[0]
        row = until(both)
        # One thread may have the processor for a while: both are waited for, and read at one moment.
        counters = until(lambda: (c := s.stat()['counters']) and c[stock] > 1000 and
                         sum(c[name] for name in way.hits) > 1000 and c)
        fast, slow = sum(counters[name] for name in way.hits), counters[stock]
        case.check('ab: a ratio for four quantiles', len(row['ratios']) == 4, row)
        case.check('ab: the document says so', s.stat()['control']['ab_percent'] == 50)
        if go:
            case.check(f'ab: half of the calls each, {fast} and {slow}',
                       0.4 < fast / (fast + slow) < 0.6)
            opened = s.counter('go.ab.ended')
            case.check('ab: ends are seen', 0 < opened <= s.counter('go.ab.sent'), opened)
        text = s.run('stat', s.pid).stdout
        case.check('ab: stat shows both', re.search(
            rf'^{function} +libc .*\n({function})? +map .*\n +map/libc at P50 ', text, re.M), text)
        done = s.run('report', '-H', f'{s.folder}/page.html', s.pid)
        case.status('ab: a page of it', done, 0)
        with open(f'{s.folder}/page.html') as f:
            page = f.read()
        case.check('ab: the page has both rows', all(
            f'<td>{function}<td>{arm}' in page for arm in ('libc', 'map')), page[-900:])
        case.status('ctl off', s.run('ctl', s.pid, 'off'), 0)
        case.check('ab: off ends both arms', s.rests(*way.hits, stock))
        case.status('ctl on', s.run('ctl', s.pid, 'on'), 0)
        case.check('ab: on again is A/B again', until(lambda: s.grows(*way.hits) > 0) and
                   until(lambda: s.grows(stock) > 0))


def lie(way, liar):
    with Load(way, '-m', 'verify', '-l', liar) as s:
        until(lambda: s.stat()['control']['breaker']['trips'] > 0)
        d = s.stat()
        case.check('a mismatch opens the breaker: off, counted, its function told',
                   (d['mode'], d['set_by'], d['control']['mismatch']['function']) ==
                   ('off', 'breaker', 'dlsym') and d['mismatches'] >= 1 and
                   d['control']['breaker']['trips'] == 1, d)
        text = s.run('metrics', s.pid).stdout
        case.check('the alert would fire', re.search(r'symfast_mismatch_total{[^}]*} [1-9]', text)
                   and re.search(r'symfast_breaker_trips_total{[^}]*} 1\n', text), text)
        case.check('the map no longer answers', s.rests(*way.hits))
        case.status('ctl may put it on again', s.run('ctl', s.pid, 'on'), 0)
        case.check('and then it answers', s.grows(*way.hits) > 100)
    case.check('one line in the log', len([line for line in s.errors.splitlines()
                                           if 'breaker' in line]) == 1, s.errors)
    verify(way)  # recovery: the right library, started anew


def kill_file(way):
    off = f'{way.folder}/off'
    with Load(way, '-m', 'on', SYMFAST_KILL_FILE=off) as s:
        case.check('on until the kill file is there', s.grows(*way.hits) > 100)
        open(off, 'w').close()
        start = time.monotonic()
        until(lambda: s.stat()['mode'] == 'off')
        print(f'note: seen after {time.monotonic() - start:.2f} s')
        case.check('off, by the kill file', s.stat()['set_by'] == 'kill file')
        case.check('the shim does not answer', s.rests(*way.hits))
        os.unlink(off)
        until(lambda: s.stat()['mode'] == 'on')
        case.check('on again when it is gone', s.grows(*way.hits) > 100)


def crash(way):
    s = Load(way, '-m', 'on')
    until(lambda: s.counter(*way.hits) > 100)
    for client in s.clients:
        client.end()
    s.child.kill()
    s.end()
    d = s.stat()
    case.check('what a killed service left is read', d['state'] == 'ended' and
               sum(d['counters'].get(name, 0) for name in way.hits) > 100, d)
    done = s.run('list', '-c')
    case.check('and cleaned away', 'removed' in done.stdout and not [
        name for name in os.listdir(f'{way.folder}/shm') if name.endswith(f'.{s.pid}')], done)


def build_go(work):
    """The Go service and its plugin, by the go command of this machine."""
    here = os.path.join(os.environ['SYMFAST_ROOT'], 'tests/cli/way/live')
    os.makedirs(work, exist_ok=True)
    env = case.clean_env(GOTOOLCHAIN='local', GOPROXY='off', GO111MODULE='on', GOFLAGS='-mod=mod',
                         GOCACHE=os.environ.get('SYMFAST_GO_CACHE', f'{work}/cache'))
    for words in (['-o', f'{work}/service', '.'], ['-buildmode=plugin', '-o', f'{work}/plug.so',
                                                   './plug']):
        done = subprocess.run(['go', 'build', *words], cwd=here, env=env, capture_output=True,
                              text=True)
        if done.returncode:
            print(f'SKIP: the Go service does not build here: {done.stderr[-300:]}')
            sys.exit(case.SKIP)


def main():
    liar = None
    with case.workshop() as folder:
        if sys.argv[1] == 'C':
            service, plugin = sys.argv[2:4]
            liar = sys.argv[4] if len(sys.argv) > 4 else None
            questions = [('truth_value', '41\n'), ('lie_value', '42\n'), ('truth_value', '41\n'),
                         ('no_value', r'none: .*undefined symbol: no_value\n')]
            hits = ('dlsym.hit', 'dlsym.shared', 'dlsym.negative')
        else:
            if not case.needs('go', 'golang-go'):
                sys.exit(case.SKIP)
            if case.GLIBC < (2, 35):
                print('SKIP: before glibc 2.35 plugin.Open is libc\'s and Go\'s own')
                sys.exit(case.SKIP)
            work = os.path.abspath(sys.argv[2])
            build_go(work)
            service, plugin = f'{work}/service', f'{work}/plug.so'
            questions = [('TruthValue', '41\n'), ('LieValue', '42\n'),
                         ('NoValue', r'none: plugin: symbol NoValue not found in plugin .*\n')]
            hits = ('go.hit', 'go.checked')
        way = Way(folder, service, plugin, questions, hits)
        for step in (look, unprepared, observe, verify, canary, arms, switch, kill_file, crash):
            step(way)
        if liar:
            lie(way, liar)
        case.check(f'{Load.asked} requests: none lost, none answered wrongly', Load.asked > 1000 and
                   Load.asked == Load.right and not Load.wrong, Load.wrong)
        shutil.rmtree(folder)
        os.mkdir(folder)
    case.end()


main()
