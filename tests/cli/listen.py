#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""symfast metrics --listen: formats by Accept, methods and paths, addresses, signals, and clients that mean harm.
And what a scrape tells: states, records of the dead, bounded numbers of series."""
import http.client
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import time

import case

OPEN = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
TEXT = 'text/plain; version=0.0.4; charset=utf-8'
ACCEPTS = [
    (None, TEXT), ('*/*', TEXT), ('', TEXT), ('text/html', TEXT),
    # Prometheus 2.42, 3.x, and one that asks for protobuf first
    ('application/openmetrics-text; version=1.0.0,application/openmetrics-text; version=0.0.1;q=0.75,'
     'text/plain;version=0.0.4;q=0.5,*/*;q=0.1', OPEN),
    ('application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;'
     'q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1', OPEN),
    ('application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,'
     'text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.2', TEXT),
    ('text/plain;version=0.0.4', TEXT), ('application/openmetrics-text', OPEN),
    ('Application/OpenMetrics-Text ; Version=1.0.0', OPEN), ('application/openmetrics-text; q=0', TEXT),
    ('application/openmetrics-text;version=2.0.0', TEXT), ('application/openmetrics-text;q=banana', TEXT),
    (',;,;=;q=,' * 20 + 'application/openmetrics-text', OPEN), ('x' * 3000, TEXT),
]
# of each alert and of the dashboard: there from the first scrape on
FROM_THE_START = ['symfast_mismatch_total{', 'symfast_breaker_trips_total{', 'symfast_breaker{.*state="open"',
                  'symfast_breaker{.*state="half-open"', 'symfast_pass{.*reason="refusal"', 'symfast_mode{.*mode="pass"',
                  'symfast_hits_total{.*fn="dlsym"', 'symfast_canary_chosen{', 'symfast_go_refused{',
                  'symfast_mismatch_timestamp_seconds{', 'symfast_processes{.*state="ended"']


FIELDS = case.fields()


class Listening:
    """symfast metrics --listen on a port of the kernel's choice."""

    def __init__(self, folder, *words, address='127.0.0.1:0'):
        self.child = subprocess.Popen([case.CLI, 'metrics', '--all', '--listen', address, *words], text=True,
                                      env=case.clean_env(SYMFAST_SHM_DIR=folder), stderr=subprocess.PIPE)
        line = self.child.stderr.readline()
        found = re.fullmatch(r'symfast: metrics at http://(\[[0-9a-f:]+\]|[0-9.]+):(\d+)/metrics\n', line)
        if found is None:
            self.child.kill()
            raise SystemExit(f'FAIL does not listen at {address}: {line}')
        self.host, self.port = found[1].strip('[]'), int(found[2])

    def ask(self, method='GET', path='/metrics', accept=None, body=None):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=120)
        connection.request(method, path, body, {} if accept is None else {'Accept': accept})
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        return reply, text

    def text(self):
        return self.ask()[1]

    def raw(self, data):
        s = socket.create_connection((self.host, self.port), timeout=120)
        try:
            s.sendall(data)
        except OSError:
            pass
        return s

    def end(self, number=signal.SIGTERM):
        self.child.send_signal(number)
        status = self.child.wait(120)
        self.said = self.child.stderr.read()
        self.child.stderr.close()
        return status

    def __enter__(self):
        return self

    def __exit__(self, *why):
        if self.child.poll() is None:
            self.end()


def formats(server):
    for accept, wanted in ACCEPTS:
        reply, text = server.ask(accept=accept)
        case.check(f'Accept {str(accept)[:50]}: {wanted[:28]}', reply.status == 200 and
                   reply.getheader('Content-Type') == wanted and text.endswith('# EOF\n') == (wanted == OPEN),
                   (reply.status, reply.getheaders()))
    reply, text = server.ask()
    for pattern in FROM_THE_START:
        case.check(f'there from the start: {pattern}', re.search('^' + pattern, text, re.M), text[:300])
    if case.needs('promtool', 'prometheus'):
        done = subprocess.run(['promtool', 'check', 'metrics'], input=text, capture_output=True, text=True)
        case.check('promtool says nothing to the text format', (done.returncode, done.stdout, done.stderr) ==
                   (0, '', ''), done)
    text = server.ask(accept=OPEN)[1]
    strict(text)
    once(text)


def strict(text):
    """The strict parser of OpenMetrics: as many samples as lines, none twice."""
    parse = ('import sys; from prometheus_client.openmetrics.parser import text_string_to_metric_families as p; '
             'print(sum(len(f.samples) for f in p(sys.stdin.read())))')
    if subprocess.run(['/usr/bin/python3', '-c', 'import prometheus_client'], capture_output=True).returncode:
        print('SKIP: no strict parser (Debian: python3-prometheus-client)')
        return
    done = subprocess.run(['/usr/bin/python3', '-c', parse], input=text, capture_output=True, text=True)
    lines = [line for line in text.splitlines() if not line.startswith('#')]
    case.check('a strict parser of OpenMetrics takes it', done.stdout.strip() == str(len(lines)), done.stderr)


def once(text):
    names = [line.rsplit(' ', 1)[0] for line in text.splitlines() if not line.startswith('#')]
    case.check('no sample twice', len(set(names)) == len(names) > 0, len(names) - len(set(names)))


def methods(server):
    get, text = server.ask()
    head, nothing = server.ask('HEAD')
    case.check('HEAD: the head of GET, no body', head.status == 200 and nothing == '' and
               head.getheader('Content-Type') == get.getheader('Content-Type'))
    for method in ('POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH', 'CONNECT', 'BREW'):
        reply, _ = server.ask(method, body='x' if method in ('POST', 'PUT', 'PATCH') else None)
        case.check(f'{method}: 405, and what is allowed', reply.status == 405 and reply.getheader('Allow') ==
                   'GET, HEAD', reply.status)
    for path, status in (('/', 200), ('/metrics?x=1', 200), ('/metrics/', 404), ('/../etc/passwd', 404),
                         ('//metrics', 404), ('/' + 'a' * 2000, 404)):
        reply, _ = server.ask(path=path)
        case.check(f'{path[:20]}: {status}', reply.status == status, reply.status)


def hostile(server):
    case.check('as before', 'symfast_mode' in server.text())
    with open(f'/proc/{server.child.pid}/status') as f:
        before = int(re.search(r'VmRSS:\s+(\d+)', f.read())[1])
    whole = [b'\0' * 4096, b'\xff\xfe' * 2000, b'GET', b'GET / HTTP/9.9\r\n\r\n', b'GET /metrics HTTP/1.1\r\n',
             b'GET /' + b'a' * (1 << 20), b'GET / HTTP/1.1\r\n' + b'X: y\r\n' * 100000,
             b'GET / HTTP/1.1\r\nHost: a\r\nX: ' + b'b' * (1 << 20), b'POST /metrics HTTP/1.1\r\nHost: a\r\n'
             b'Content-Length: 99999999999999999999\r\n\r\n', b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: '
             b'chunked\r\n\r\nffffffffffffffff\r\n', b'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n' * 200,
             b'HEAD /metrics HTTP/1.0\r\n\r\n', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', b'\x16\x03\x01\x02\x00\x01']
    for data in whole:
        server.raw(data).close()
    case.check('garbage, and it answers', 'symfast_mode' in server.text())
    # More than it takes at a time, and none of them says anything: those who ask wait a while.
    silent = [server.raw(b'GET /metr') for _ in range(60)]
    case.check('sixty silent clients, and it answers', 'symfast_mode' in server.text())
    for s in silent:
        s.close()
    for _ in range(20):
        server.text()
    with open(f'/proc/{server.child.pid}/status') as f:
        after = int(re.search(r'VmRSS:\s+(\d+)', f.read())[1])
    case.check('of so much memory', after < before + 16384, f'{before} to {after} KiB')
    case.check('it runs', server.child.poll() is None)


def addresses(folder):
    with Listening(folder) as server:
        case.one_error('a port in use', case.run('metrics', '-a', '-l', f'127.0.0.1:{server.port}'), case.FAILED,
                       'Address already in use')
    for address in ('', 'x', '127.0.0.1', '127.0.0.1:', ':x', '127.0.0.1:65536', '127.0.0.1:-1', 'localhost:0',
                    '1.2.3:80:90', '[::1]', '::1:0', '[127.0.0.1]:0', '[::1:0', '/tmp/socket:0'):
        case.one_error(f'{address!r} is no address', case.run('metrics', '-a', '-l', address), case.USAGE,
                       'not an address and port')
    case.one_error('an address of others', case.run('metrics', '-a', '-l', '192.0.2.1:0'), case.FAILED,
                   'Cannot assign requested address')
    for words in (['-a', '-l', ':0', '-j'], ['-a', '-l', ':0', '-t', folder], ['1', '-l', ':0'],
                  ['-a', '-b', 'host'], ['-a', '-j', '-b', 'exe']):
        case.one_error(f'metrics {" ".join(words)}', case.run('metrics', *words), case.USAGE)
    with Listening(folder, address=':0') as server:
        server.host = '127.0.0.1'
        case.check('without an address IPv4 is there', server.ask()[0].status == 200)
    try:
        socket.socket(socket.AF_INET6).bind(('::1', 0))
    except OSError:
        print('SKIP: no IPv6 here')
        return
    with Listening(folder, address='[::1]:0') as server:
        case.check('IPv6', server.ask()[0].status == 200)
        try:
            socket.create_connection(('127.0.0.1', server.port), timeout=5).close()
            case.check('and it alone', False)
        except OSError:
            case.check('and it alone', True)


def signals(folder):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        with Listening(folder) as server:
            silent = server.raw(b'GET /')
            server.text()
            case.check(f'{number.name}: ends with 0 and no word', server.end(number) == 0 and server.said == '',
                       server.said)
            silent.close()


def directory(folder):
    gone = f'{folder}-gone'
    with Listening(folder) as server:
        os.rename(folder, gone)
        reply, text = server.ask()
        case.check('no directory: 503 and why', reply.status == 503 and folder in text and 'No such file' in text,
                   (reply.status, text))
        os.rename(gone, folder)
        case.check('and it is there again', server.ask()[0].status == 200)
        junk = f'{folder}/symfast.{os.geteuid()}.1'
        with open(junk, 'wb'):
            os.chmod(junk, 0o600)
        for _ in range(3):
            text = server.text()
        case.check('a file that cannot be used is counted', '\nsymfast_segments_unreadable 1\n' in text)
        os.unlink(junk)
        case.check('while it is there', '\nsymfast_segments_unreadable 0\n' in server.text())
        server.end()
        case.check('and told of once', server.said.count('\n') == 1 and junk in server.said, server.said)


# ---- what a scrape tells ----

def put(path, name, value, form='I'):
    """Writes one field of a segment."""
    offset, _ = FIELDS[name]
    with open(path, 'r+b') as f:
        f.seek(offset)
        f.write(value if isinstance(value, bytes) else struct.pack('<' + form, value))


def copy(made, pid, suffix='', **fields):
    """The same segment as of another process; of a pid namespace that is not ours it counts as alive."""
    path = f'{made.folder}/symfast.{os.geteuid()}.{pid}{suffix}'
    with open(made.path, 'rb') as f, open(path, 'wb') as g:
        g.write(f.read(1 << 17))
        g.truncate(1 << 20)
    os.chmod(path, 0o600)
    put(path, 'header.pid', pid)
    for name, value in fields.items():
        put(path, name.replace('__', '.'), value, 'Q' if name in ('header__pid_space', 'header__made_ns') else 'I')
    return path


def value(text, name, **labels):
    """The sum of the samples of that name with these labels."""
    rows = [line for line in text.splitlines() if re.match(rf'symfast_{name}[{{ ]', line) and
            all(f'{label}="{value}"' in line for label, value in labels.items())]
    return sum(float(line.rsplit(' ', 1)[1]) for line in rows) if rows else None


def states(folder):
    with case.Made(folder) as made:
        ask = lambda **labels: value(made.run('metrics', '-a').stdout, **labels)  # noqa: E731
        pid = made.pid
        case.check('closed', (ask(name='breaker', pid=pid, state='closed'), ask(name='breaker', pid=pid, state='open')) ==
                   (1, 0))
        for breaker, word, state in ((1, 0, 'open'), (2, 3, 'half-open'), (1, 1, 'closed'), (0, 1, 'closed')):
            put(made.path, 'control.breaker', breaker)
            put(made.path, 'control.word', word)
            case.check(f'breaker {breaker} under mode word {word}: {state}', ask(name='breaker', pid=pid, state=state)
                       == 1 == ask(name='breaker', pid=pid))
        for reason, word in ((0, 'setting'), (1, 'canary'), (5, 'refusal')):
            put(made.path, 'control.phase', 2)
            put(made.path, 'control.reason', reason)
            put(made.path, 'control.why', b'a "quoted" reason\0')
            text = made.run('metrics', '-a').stdout
            case.check(f'passes through because of {word}', value(text, 'pass', reason=word) == 1 and
                       value(text, 'mode', mode='pass') == 1 and
                       (r'why="a \"quoted\" reason"} 1' in text) == (word == 'refusal'), text[-900:])


def records(folder):
    """What is left of a process that has ended: only if it found something, and not for ever."""
    with case.Made(folder) as made:
        pid = made.pid
        put(made.path, 'header.made_ns', time.time_ns(), 'Q')
    text = case.run('metrics', '-a', SYMFAST_SHM_DIR=folder).stdout
    case.check('one that found nothing is left out', value(text, 'mode') is None, text[:300])
    put(made.path, 'control.mismatches', 2, 'Q')
    put(made.path, 'control.breaker_trips', 1)
    put(made.path, 'control.breaker', 1)
    put(made.path, 'control.word', 0)
    text = case.run('metrics', '-a', SYMFAST_SHM_DIR=folder).stdout
    case.check('one that found a mismatch is seen', (value(text, 'mismatch_total', pid=pid), value(
        text, 'breaker', pid=pid, state='open'), value(text, 'processes', state='ended'), value(text, 'mode')) ==
        (2, 1, 1, 0), text[-900:])
    put(made.path, 'header.made_ns', time.time_ns() - 8 * 86400 * 10 ** 9, 'Q')
    text = case.run('metrics', '-a', SYMFAST_SHM_DIR=folder).stdout
    case.check('for a week', value(text, 'mismatch_total') is None, text[:300])
    done = case.run('list', '--clean', SYMFAST_SHM_DIR=folder)
    case.check('list --clean removes it', os.listdir(folder) == [], done)


def labels(folder):
    with case.Made(folder) as made:
        copy(made, made.pid, '.4711', header__pid_space=4711)
        copy(made, made.pid, '.1', control__mismatches=3, header__made_ns=time.time_ns())
        text = made.run('metrics', '-a').stdout
        case.check('the same pid of another namespace is another series', value(text, 'mismatch_total', pidns=4711) == 0
                   and value(text, 'mismatch_total', pid=made.pid) == 3, text[-500:])
        strict(text)
        once(text)
        done = made.run('list', '--clean')
        case.check('the record of an earlier program is swept', not os.path.exists(f'{made.path}.1') and
                   os.path.exists(made.path), done)


def bounds(folder):
    with case.Made(folder) as made:
        for n in range(270):
            path = copy(made, 100000 + n, header__pid_space=4711)
            put(path, 'header.exe', f'/bin/{n % 3}'.encode() + b'\0')
        text = made.run('metrics', '-a').stdout
        pids = set(re.findall(r'pid="(\d+)"', text))
        case.check('so many processes, the rest as one', len(pids) == 256 and value(
            text, 'processes', exe='other', state='live') == 15, len(pids))
        once(text)
        text = made.run('metrics', '-a', '--by', 'exe').stdout
        case.check('by program: four programs, all processes', 'pid=' not in text and value(
            text, 'processes', state='live') == 271 and value(text, 'mode', exe='/bin/1', mode='on') == 90 and
            value(text, 'hits_total', exe='/bin/1', fn='dlsym') == 90 * 1980, text[:500])
        once(text)


def sums(folder):
    """Of a program's counters none falls when one of its processes ends."""
    with Listening(folder, '--by', 'exe') as server:
        with case.Made(folder) as made:
            first = value(server.text(), 'hits_total', fn='dlsym')
        with case.Made(folder) as made:
            put(made.path, 'header.made_ns', time.time_ns(), 'Q')
            text = server.text()
            case.check('those of the dead count on', (first, value(text, 'hits_total', fn='dlsym'), value(
                text, 'processes', state='live'), value(text, 'latency_seconds_count', fn='dlsym', arm='map')) ==
                (1980, 3960, 1, 2000), text[:400])
            put(made.path, 'control.mismatches', 1, 'Q')
            server.text()
        text = server.text()
        case.check('and a mismatch is seen as long as its file', (value(text, 'mismatch_total'), value(
            text, 'hits_total', fn='dlsym')) == (1, 3960), text[:400])
        case.run('list', '--clean', SYMFAST_SHM_DIR=folder)
        text = server.text()
        case.check('then no more, and the counts stay', (value(text, 'mismatch_total'), value(
            text, 'hits_total', fn='dlsym'), value(text, 'processes')) == (0, 3960, 0), text[:400])


with case.workshop() as place:
    shm = f'{place}/shm'
    for part in (states, records, labels, bounds, sums, directory, addresses, signals):
        os.mkdir(shm)
        part(shm)
        shutil.rmtree(shm)
    os.mkdir(shm)
    with case.Made(shm), Listening(shm) as one:
        formats(one)
        methods(one)
        hostile(one)
case.end()
