#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Debian's Prometheus on live processes: nothing fires on healthy ones, each alert fires where it must, from
pending to firing, and goes on to when its process has ended; the queries of the dashboard and of the canary
analysis are asked.

prometheus.py SERVICE PLUGIN LIAR     a service that looks names up, its plugin, and a library whose map lies
The times of the shipped rules are shortened, nothing else. The server listens on loopback alone.
"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import case

SERVICE, PLUGIN, LIAR = (os.path.abspath(word) for word in sys.argv[1:4])
DEPLOY = f'{os.environ["SYMFAST_ROOT"]}/docs/deploy'
SHORT = {'1m': '1s', '10m': '1s', '1h': '1s', '30m': '20s'}


def until(get, what, seconds=240):
    """The first value of get() that is true. The time is for what never comes."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = get()
        if value:
            return value
        time.sleep(0.05)
    raise SystemExit(f'FAIL never: {what}')


class Prometheus:
    def __init__(self, folder, target):
        self.folder = folder
        with open(f'{DEPLOY}/prometheus/rules.yml', encoding='utf-8') as f:
            text = re.sub(r'(for: |\[)(\d+[mh])\b', lambda m: m[1] + SHORT[m[2]], f.read())
        with open(f'{folder}/rules.yml', 'w', encoding='utf-8') as f:
            f.write(text)
        with open(f'{DEPLOY}/prometheus/prometheus.yml', encoding='utf-8') as f:
            # A scrape that takes longer than its interval is given up: not on a machine that is busy.
            text = f.read().replace('scrape_interval: 15s', 'scrape_interval: 500ms').replace(
                'evaluation_interval: 15s', 'evaluation_interval: 250ms').replace('127.0.0.1:9405', target)
        with open(f'{folder}/prometheus.yml', 'w', encoding='utf-8') as f:
            f.write(text)
        self.child = None
        until(self.start, 'Prometheus starts')

    def start(self):
        """A free port may be taken by the time the server wants it."""
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            self.port = s.getsockname()[1]
        with open(f'{self.folder}/log', 'w', encoding='utf-8') as log:
            self.child = subprocess.Popen(
                ['prometheus', f'--config.file={self.folder}/prometheus.yml', f'--storage.tsdb.path={self.folder}/data',
                 f'--web.listen-address=127.0.0.1:{self.port}', '--log.level=warn'], stdout=log, stderr=log,
                env=case.clean_env(GOMAXPROCS=1))
        until(lambda: self.ready() or self.child.poll() is not None, 'Prometheus is ready or gone')
        return self.child.poll() is None

    def get(self, path, **query):
        url = f'http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(query)}'
        try:
            with urllib.request.urlopen(url, timeout=120) as reply:
                return reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()

    def ready(self):
        try:
            return 'Ready' in self.get('/-/ready')
        except OSError:
            return False

    def ask(self, query):
        """[(labels, value)] of a query; SystemExit where it is none."""
        reply = json.loads(self.get('/api/v1/query', query=query))
        if reply['status'] != 'success':
            raise SystemExit(f'FAIL {query}: {reply}')
        result = reply['data']['result']
        if reply['data']['resultType'] == 'scalar':
            return [({}, float(result[1]))]
        return [(row['metric'], float(row['value'][1])) for row in result]

    def ever(self, name, state, **labels):
        """Was the alert in that state at any time?"""
        more = ''.join(f',{label}="{value}"' for label, value in labels.items())
        return self.ask(f'count_over_time(ALERTS{{alertname="{name}",alertstate="{state}"{more}}}[1h])')

    def now(self, name, **labels):
        more = ''.join(f',{label}="{value}"' for label, value in labels.items())
        return self.ask(f'ALERTS{{alertname="{name}",alertstate="firing"{more}}}')

    def rounds(self, count):
        """So many scrapes and as many evaluations of the rules from here on."""
        begin = time.time()
        until(lambda: sum(v for _, v in self.ask(f'count_over_time(up[{int(time.time() - begin) + 1}s])')) >= count + 4,
              'scrapes')
        last = until(self.evaluated, 'the rules are evaluated')
        for _ in range(3):
            last = until(lambda last=last: self.evaluated() != last and self.evaluated(), 'evaluations')

    def evaluated(self):
        return json.loads(self.get('/api/v1/rules'))['data']['groups'][0]['lastEvaluation']

    def end(self):
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(120)


def service(folder, library, mode, **more):
    env = case.clean_env(LD_PRELOAD=library, SYMFAST=mode, SYMFAST_SHM='start', SYMFAST_SAMPLE='1/64',
                         **{'SYMFAST_SHM_DIR': f'{folder}/shm', **more})
    return subprocess.Popen([SERVICE, PLUGIN, '1'], env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def sleeper(folder, **more):
    # Linked with libdl, which a program needs before glibc 2.34 to be served at all.
    return subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], stderr=subprocess.DEVNULL, env=case.clean_env(
        LD_PRELOAD=case.LIB, SYMFAST_SHM='start', SYMFAST_SHM_DIR=f'{folder}/shm', **more))


def listener(folder):
    child = subprocess.Popen([case.CLI, 'metrics', '--all', '--listen', '127.0.0.1:0'], text=True,
                             stderr=subprocess.PIPE, env=case.clean_env(SYMFAST_SHM_DIR=f'{folder}/shm'))
    return child, re.search(r'http://(.*)/metrics', child.stderr.readline())[1]


# ---- what is asked ----

def analysis(p):
    """The queries of the canary analysis, for all tracks: name -> the condition holds. Asked until there are data."""
    with open(f'{DEPLOY}/kubernetes/analysis.yaml', encoding='utf-8') as f:
        text = f.read().split('\n  metrics:\n')[1]
    found = {}
    for name, condition, query in re.findall(r'- name: (\w+)\n.*?successCondition: (.*?)\n.*?query: (.*?)\n', text,
                                             re.S):
        query = query.replace('"{{args.track}}"', '""').replace('[5m]', '[20s]')
        rows = until(lambda query=query: p.ask(query), f'data for {query}')
        found[name] = len(rows) == 1 and eval(condition, {'result': [v for _, v in rows]})
    return found


def dashboard(p):
    with open(f'{DEPLOY}/grafana/symfast.json', encoding='utf-8') as f:
        board = json.load(f)
    exprs = [(panel['title'], target['expr']) for panel in board['panels'] for target in panel['targets']]
    exprs += [(one['name'], one['expr']) for one in board['annotations']['list']]
    for title, expr in exprs:
        query = expr.replace('$__rate_interval', '20s')
        query = re.sub(r'"\$(job|instance|exe)"', '".*"', query)
        case.check(f'dashboard: {title}: no variable is left', '$' not in query, query)
        case.check(f'dashboard: {title}: {expr[:40]}', until(lambda query=query: p.ask(query), f'data for {query}'))
    for variable in board['templating']['list']:
        found = re.match(r'label_values\((.*), (\w+)\)$', variable.get('definition', ''))
        if found:
            query = re.sub(r'"\$\w+"', '".*"', found[1])
            case.check(f'dashboard: variable {variable["name"]}', until(
                lambda query=query, name=found[2]: any(name in labels for labels, _ in p.ask(query)), query))
    ids = [panel['id'] for panel in board['panels']]
    case.check('dashboard: panels have numbers of their own', len(ids) == len(set(ids)))


# ---- the way ----

def healthy(p, pids):
    until(lambda: {row[0]['pid'] for row in p.ask('symfast_mode')} >= set(pids), 'the processes are scraped')
    p.rounds(4)
    case.check('nothing fires, or is about to, on what is healthy', not p.ask('count_over_time(ALERTS[1h])'),
               p.ask('count_over_time(ALERTS[1h])'))
    case.check('the canary analysis holds', analysis(p) == {'mismatches': True, 'breaker': True, 'answered': True},
               analysis(p))


def trips(p, folder, child):
    pid = str(child.pid)
    case.check('no breaker is open so far, and its series is there', p.ask(
        f'max_over_time(symfast_breaker{{state="open",pid="{pid}"}}[1h]) == 0') and not p.ask(
            'max_over_time(symfast_breaker{state="open"}[1h]) > 0'))
    case.status('ctl verify', case.run('ctl', pid, 'verify', SYMFAST_SHM_DIR=f'{folder}/shm'), 0)
    for name in ('SymfastBreakerOpen', 'SymfastMismatch'):
        until(lambda name=name: p.now(name, pid=pid), f'{name} fires')
        case.check(f'{name} fires', True)
    case.check('SymfastBreakerOpen was pending before', p.ever('SymfastBreakerOpen', 'pending', pid=pid))
    case.check('for that process alone', not p.ask(f'count_over_time(ALERTS{{pid!="{pid}"}}[1h])'),
               p.ask('count_over_time(ALERTS[1h])'))
    case.check('the canary analysis fails', not analysis(p)['breaker'] and not analysis(p)['mismatches'], analysis(p))
    # Its end changes nothing: what it leaves goes on to be told of.
    child.stdin.close()
    child.wait(120)
    until(lambda: p.ask(f'symfast_processes{{pid="{pid}",state="ended"}} == 1'), 'it has ended')
    p.rounds(2)
    for name in ('SymfastBreakerOpen', 'SymfastMismatch'):
        until(lambda name=name: p.now(name, pid=pid), f'{name} fires when it has ended')
        rows = p.ask(f'count(count_over_time(ALERTS{{alertname="{name}",alertstate="firing"}}[1h]))')
        case.check(f'{name} fires when it has ended, as the same alert', rows == [({}, 1.0)], rows)


def before_the_first_scrape(p, folder):
    """A process whose breaker opened, and that ended, before anybody looked: its file is there, with all that it was."""
    child = service(folder, LIAR, 'verify', SYMFAST_SHM_DIR=f'{folder}/past')
    child.stdin.close()
    child.wait(120)
    name = f'symfast.{os.geteuid()}.{child.pid}'
    case.check('a process that ended leaves its file', os.listdir(f'{folder}/past') == [name], os.listdir(f'{folder}/past'))
    os.rename(f'{folder}/past/{name}', f'{folder}/shm/{name}')
    for alert in ('SymfastBreakerOpen', 'SymfastMismatch'):
        until(lambda alert=alert: p.now(alert, pid=child.pid), f'{alert} fires for what was before the first scrape')
        case.check(f'{alert} fires for what was before the first scrape', p.ask(
            f'min_over_time(symfast_mismatch_total{{pid="{child.pid}"}}[1h])')[0][1] == 1)


def others(p, folder):
    """One that cannot be served; one that the canary did not choose; one that is on and answers nothing."""
    refused = sleeper(folder, LD_DYNAMIC_WEAK='1')
    out = sleeper(folder, SYMFAST_CANARY='0%')
    useless = subprocess.Popen([os.environ['SYMFAST_MADE'], f'{folder}/shm', '--pass'], stdout=subprocess.DEVNULL)
    try:
        until(lambda: p.now('SymfastStandsAside', pid=refused.pid), 'SymfastStandsAside fires')
        until(lambda: p.now('SymfastOfNoUse', exe=os.path.realpath(os.environ['SYMFAST_MADE'])), 'SymfastOfNoUse')
        until(lambda: p.ask(f'symfast_pass{{pid="{out.pid}",reason="canary"}} == 1'), 'the canary is told of')
        for name, who in (('SymfastStandsAside', 'who cannot be served'), ('SymfastOfNoUse', 'who answers nothing')):
            case.check(f'{name} fires for {who} alone', len(p.ask(
                f'count_over_time(ALERTS{{alertname="{name}",alertstate="firing"}}[1h])')) == 1)
        dashboard(p)
    finally:
        for child in (refused, out, useless):
            child.kill()
            child.wait()


def main(folder):
    os.mkdir(f'{folder}/shm')
    os.mkdir(f'{folder}/past')
    processes = [service(folder, case.LIB, 'on'), service(folder, LIAR, 'on'), service(folder, case.LIB, 'observe')]
    scraped, target = listener(folder)
    p = Prometheus(folder, target)
    try:
        healthy(p, [str(one.pid) for one in processes])
        trips(p, folder, processes[1])
        before_the_first_scrape(p, folder)
        others(p, folder)
        case.check('Prometheus ends well', p.end() == 0)
        with open(f'{folder}/log', encoding='utf-8') as f:
            said = ''.join(line for line in f if 'Received SIGTERM' not in line)
        case.check('and had nothing to say of what it read', said == '', said)
    finally:
        for child in (*processes, scraped, p.child):
            child.kill()
            child.wait()


if not shutil.which('prometheus'):
    print('SKIP: no Prometheus (Debian: prometheus)')
    sys.exit(case.SKIP)
with case.workshop() as place:
    main(place)
case.end()
