#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""docs/deploy: every recipe is checked by whoever would read it, and run as far as one machine can."""
import copy
import os
import re
import shutil
import subprocess
import sys
import urllib.request

import case
import manifests

ROOT = os.environ['SYMFAST_ROOT']
DEPLOY = f'{ROOT}/docs/deploy'


def read(name):
    with open(f'{DEPLOY}/{name}', encoding='utf-8') as f:
        return f.read()


def load(name):
    return manifests.load_all(read(name))[0]


def settings():
    with open(f'{ROOT}/docs/settings.md', encoding='utf-8') as f:
        return set(re.findall(r'^\| `(SYMFAST\w*)`', f.read(), re.M))


# ---- systemd ----

def verify(folder, text, name='service.service'):
    os.makedirs(f'{folder}/{name}.d', exist_ok=True)
    with open(f'{folder}/{name}', 'w') as f:
        f.write('[Service]\nExecStart=/bin/sleep 1\n')
    with open(f'{folder}/{name}.d/symfast.conf', 'w') as f:
        f.write(text)
    return subprocess.run(['systemd-analyze', 'verify', '--man=no', f'{folder}/{name}'],
                          capture_output=True, text=True, env=case.clean_env())


def drop_in(folder):
    text = read('systemd/symfast.conf')
    env = dict(re.findall(r'^Environment=(\w+)=(.*)$', text, re.M))
    case.check("the drop-in sets the preload by ld.so's own token", env['LD_PRELOAD'] == '/usr/$LIB/libsymfast.so')
    case.check('and only settings that there are', set(env) - {'LD_PRELOAD'} <= settings(), env)
    # As the service would be started, but for the folder: the package is not installed here.
    env.update(LD_PRELOAD=case.LIB, SYMFAST_CANARY='100%',
               SYMFAST_VERBOSE='1', SYMFAST_SHM_DIR=folder)
    done = subprocess.run(['/bin/grep', '-c', 'libsymfast.so', '/proc/self/maps'],
                          env=case.clean_env(**env), capture_output=True, text=True)
    bad = [line for line in done.stderr.splitlines() if 'is not' in line]
    case.check('a program starts with it, is served, and no setting is refused', done.returncode
               == 0 and 'state on' in done.stderr and not bad, done.stderr)
    if not case.needs('systemd-analyze', 'systemd'):
        return
    done = verify(folder, text)
    case.check('systemd-analyze verify', done.returncode == 0 and 'symfast' not in done.stderr,
               done.stderr)
    done = verify(folder, text.replace('Environment=SYMFAST=', 'Enviroment=SYMFAST='))
    case.check('and it would find a wrong key', 'Enviroment' in done.stderr, done.stderr)


UNITS = ['symfast-metrics.service', 'symfast-textfile.service', 'symfast-textfile.timer', 'symfast-watch.service']


def verify_units(folder, names):
    return subprocess.run(['systemd-analyze', 'verify', '--man=no', *(f'{folder}/{name}' for name in names)],
                          capture_output=True, text=True, env=case.clean_env())


def units(folder):
    """The unit files name the program by its bare name, which systemd looks for in /usr/local, too."""
    for name in UNITS:
        text = read(f'systemd/{name}')
        case.check(f'{name}: no folder that somebody may not have', not re.search(r'^Exec\w*=/', text, re.M), text)
        with open(f'{folder}/{name}', 'w') as f:
            f.write(text.replace('=symfast ', f'={case.CLI} '))
    if shutil.which('systemd-analyze'):
        done = verify_units(folder, UNITS)
        case.check('systemd-analyze verify, of all units', done.returncode == 0 and 'symfast-' not in done.stderr,
                   done.stderr)
    command = re.search(r'^ExecStart=symfast (.*)$', read('systemd/symfast-textfile.service'), re.M).group(1)
    words = command.replace('/var/lib/prometheus/node-exporter', folder).split()
    done = case.run(*words, SYMFAST_SHM_DIR=folder)
    case.check('the command for the textfile writes the file', done.returncode == 0 and
               os.path.exists(f'{folder}/symfast.prom'), done)
    command = re.search(r'^ExecStart=symfast (.*)$', read('systemd/symfast-metrics.service'), re.M).group(1)
    case.check('the listener is what prometheus.yml scrapes', '--listen 127.0.0.1:9405' in command and
               '"127.0.0.1:9405"' in read('prometheus/prometheus.yml'))
    answers(command.replace(':9405', ':0').split(), folder, 'symfast_segments_unreadable 0')


def answers(words, folder, wanted):
    """A command with --listen is started, asked once, and ended."""
    child = subprocess.Popen([case.CLI, *words], env=case.clean_env(SYMFAST_SHM_DIR=folder), text=True,
                             stderr=subprocess.PIPE)
    ends = 0
    try:
        line = child.stderr.readline()
        if 'built without' in line:
            print('SKIP: --listen (Debian: libmicrohttpd-dev)')
            ends = case.FAILED
            return
        port = re.search(r':(\d+)/metrics', line)
        with urllib.request.urlopen(f'http://127.0.0.1:{port[1]}/metrics', timeout=120) as reply:
            text = reply.read().decode()
        case.check(f'symfast {" ".join(words)} answers', wanted in text, text[:600])
    finally:
        child.terminate()
        case.check('and ends', child.wait(120) == ends)
        child.stderr.close()


def real_systemd():
    if subprocess.run(['systemctl', 'is-system-running'], capture_output=True,
                      text=True).stdout.strip() in ('', 'offline', 'unknown'):
        print('SKIP: no systemd runs here: nothing was started by systemd-run')
        return
    done = subprocess.run(['systemd-run', '--wait', '--pipe', '--quiet', '-p',
                           f'Environment=LD_PRELOAD={case.LIB}', '/bin/grep', '-c', 'libsymfast',
                           '/proc/self/maps'], capture_output=True, text=True)
    case.check('systemd-run starts a service with the shim', done.returncode == 0, done)


# ---- Kubernetes ----

def known_to_the_api():
    if not manifests.has('kubernetes, yaml; assert int(kubernetes.__version__.split(".")[0]) >= 22'):
        print('SKIP: no models of the API from 22 on (Debian 12: python3-kubernetes, python3-yaml)')
        return
    for name in ('deployment', 'canary'):
        pairs, said = manifests.models(read(f'kubernetes/{name}.yaml'))
        case.check(f'{name}.yaml: the API knows every name and type in it', pairs and all(a == b for a, b in pairs), said)
    good = read('kubernetes/deployment.yaml')
    for wrong in (('volumeMounts', 'volumeMount'), ('shareProcess', 'sharePid'),
                  ('containerPort: 9405', 'hostPort: 9405'), ('    matchLabels', '    Labels')):
        pairs, _ = manifests.models(good.replace(*wrong))
        case.check(f'and would find {wrong[1]}', not pairs or any(a != b for a, b in pairs))


def canary():
    stable, other = load('kubernetes/deployment.yaml'), load('kubernetes/canary.yaml')
    same = copy.deepcopy(other)
    same['metadata']['name'] = 'service'
    same['spec']['replicas'] = stable['spec']['replicas']
    for labels in (same['metadata']['labels'], same['spec']['selector']['matchLabels'],
                   same['spec']['template']['metadata']['labels']):
        case.check('the canary has a track of its own', labels['track'] == 'canary')
        labels['track'] = 'stable'
    for one in manifests.pod_of(same)['containers'][0]['env']:
        if one['name'] == 'SYMFAST':
            case.check('and the next mode', one['value'] == 'on')
            one['value'] = 'observe'
    case.check('in all else it is the stable one', same == stable)


def pod():
    spec = manifests.pod_of(load('kubernetes/deployment.yaml'))
    service, sidecar = spec['containers']
    env = {one['name']: one.get('value') for one in service['env']}
    case.check('the service gets only settings that there are',
               set(env) - {'LD_PRELOAD', 'POD_NAME'} <= settings(), env)
    volumes = {volume['name'] for volume in spec['volumes']}
    for container in spec['initContainers'] + spec['containers']:
        mounts = {mount['name']: mount['mountPath'] for mount in container['volumeMounts']}
        case.check(f'{container["name"]}: its mounts are volumes', set(mounts) <= volumes, mounts)
    mounts = {mount['mountPath'] for mount in service['volumeMounts']}
    case.check('the library and the segments lie on mounts of the service',
               os.path.dirname(env['LD_PRELOAD']) in mounts and env['SYMFAST_SHM_DIR'] in mounts)
    case.check('the sidecar reads where the service writes', {'name': 'SYMFAST_SHM_DIR', 'value':
               env['SYMFAST_SHM_DIR']} in sidecar['env'] and spec['shareProcessNamespace'])
    for container in (spec['initContainers'][0], sidecar):
        case.check(f'{container["name"]}: a restricted namespace takes it', not manifests.unrestricted(container, spec),
                   manifests.unrestricted(container, spec))
    return spec


def commands(spec, folder):
    """The init container's command, with its program and its two folders here."""
    os.makedirs(f'{folder}/symfast')
    program, library, target = spec['initContainers'][0]['command']
    case.check('the init container copies to where the service looks', program == '/usr/bin/symfast-copy' and
               {'name': 'LD_PRELOAD', 'value': target} in spec['containers'][0]['env'])
    subprocess.run(['cc', '-o', f'{folder}/copy', f'{DEPLOY}/oci/copy.c'], check=True)
    copied = folder + target
    done = subprocess.run([f'{folder}/copy', library.replace('/usr/lib/libsymfast.so', case.LIB), copied],
                          capture_output=True, text=True)
    case.check('the init container copies the library, and nothing else', done.returncode == 0 and
               os.listdir(f'{folder}/symfast') == ['libsymfast.so'], done)
    os.makedirs(f'{folder}/run')
    env = {one['name']: one['value'] for one in spec['containers'][0]['env'] if 'value' in one}
    env.update(LD_PRELOAD=copied, SYMFAST_SHM_DIR=f'{folder}/run', SYMFAST_VERBOSE='1')
    # Linked with libdl, which a program needs before glibc 2.34 to be served at all.
    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], env=case.clean_env(**env),
                             stderr=subprocess.PIPE, text=True)
    try:
        lines = [child.stderr.readline()]
        while lines[-1] and 'state' not in lines[-1]:
            lines.append(child.stderr.readline())
        words = spec['containers'][1]['command']
        port = spec['containers'][1]['ports'][0]['containerPort']
        case.check('the sidecar listens at its port', words[0] == 'symfast' and words[-1] == f':{port}', words)
        answers([word.replace(f':{port}', ':0') for word in words[1:]], f'{folder}/run',
                f'symfast_mode{{pid="{child.pid}",exe="{os.path.realpath(sys.executable)}",mode="observe"}} 1')
    finally:
        child.kill()
        child.wait()


# ---- Prometheus ----

def rules(folder):
    case.check('the rules for Kubernetes are those for Prometheus', load('kubernetes/rules.yaml')['spec'] ==
               load('prometheus/rules.yml'))
    if not case.needs('promtool', 'prometheus'):
        return
    here = f'{DEPLOY}/prometheus'
    for words in (['check', 'rules', 'rules.yml'], ['check', 'config', 'prometheus.yml'],
                  ['test', 'rules', 'rules-test.yml']):
        done = subprocess.run(['promtool', *words], capture_output=True, text=True, cwd=here)
        case.check(f'promtool {" ".join(words)}', done.returncode == 0, done.stdout + done.stderr)
    planted(folder, here)
    analysis = load('kubernetes/analysis.yaml')
    queries = [{'record': 'x:y', 'expr': metric['provider']['prometheus']['query'].replace(
        '{{args.track}}', 'canary')} for metric in analysis['spec']['metrics']]
    path = f'{folder}/analysis.yml'
    with open(path, 'w') as f:
        __import__('json').dump({'groups': [{'name': f'g{i}', 'rules': queries[i:i + 1]}
                                            for i in range(len(queries))]}, f)
    done = subprocess.run(['promtool', 'check', 'rules', path], capture_output=True, text=True)
    case.check('the queries of the analysis are PromQL', done.returncode == 0, done.stdout)
    case.check('none of them holds where there are no data', all('vector(' not in one['expr'] for one in queries))
    case.check('each of its metrics has what Argo asks for', all(
        {'name', 'provider', 'successCondition'} <= set(m) for m in analysis['spec']['metrics']))


def planted(folder, here):
    """What was wrong once would be found."""
    good = read('prometheus/rules.yml')
    shutil.copy(f'{here}/rules-test.yml', folder)
    for wrong in (('symfast_mismatch_total > 0', 'increase(symfast_mismatch_total[10m]) > 0'),
                  ('sum without (state) (symfast_breaker{state!="closed"}) > 0', 'symfast_breaker{state="open"} > 0'),
                  ('symfast_pass{reason="refusal"} > 0', 'symfast_mode{mode="pass"} == 1 and on (pid, exe) '
                   'symfast_canary_chosen == 1'), ('off|observe|verify|ab', 'off|ab'),
                  ('pod, instance, job, pid, pidns, exe, track)\n            symfast_mode', 'pid, exe)\n'
                   '            symfast_mode')):
        case.check(f'the rules have {wrong[0][:40]}', wrong[0] in good)
        with open(f'{folder}/rules.yml', 'w') as f:
            f.write(good.replace(*wrong))
        done = subprocess.run(['promtool', 'test', 'rules', 'rules-test.yml'], capture_output=True, text=True, cwd=folder)
        case.check(f'and their test would find {wrong[1][:40]}', done.returncode != 0, done.stdout)


def names_of_metrics():
    """Every metric that a rule names is one that the program writes."""
    with open(f'{ROOT}/shim/cli/metrics/metrics_write.c') as f:
        source = f.read()
    for name in ('prometheus/rules.yml', 'kubernetes/analysis.yaml', 'grafana/symfast.json'):
        for metric in sorted(set(re.findall(r'symfast_(\w+?)(?:_total|_bucket)?(?:\{| ==? | [<>] )', read(name)))):
            case.check(f'{name}: symfast_{metric} is written', f'"{metric}"' in source or
                       f'symfast_{metric} %llu' in source)


def rollback():
    text = read('rollback.md')
    case.check('the rollback page has five lines', len(re.findall(r'^\d\. ', text, re.M)) == 5)
    kill = dict(re.findall(r'^Environment=(\w+)=(.*)$', read('systemd/symfast.conf'), re.M))
    case.check('and names the kill file of the drop-in', kill['SYMFAST_KILL_FILE'] in text)


with case.workshop() as place:
    for part in ('systemd', 'units', 'pod', 'rules'):
        os.mkdir(f'{place}/{part}')
    drop_in(f'{place}/systemd')
    units(f'{place}/units')
    real_systemd()
    known_to_the_api()
    if not manifests.has('yaml'):
        print('SKIP: no YAML (Debian: python3-yaml)')
    else:
        canary()
        commands(pod(), f'{place}/pod')
        rules(f'{place}/rules')
    names_of_metrics()
    rollback()
case.end()
