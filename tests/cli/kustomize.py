#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""docs/deploy/kubernetes/component: kubectl renders it with Deployments of every form; each container gets all, nothing is lost."""
import copy
import json
import os
import re
import shutil
import subprocess
import sys

import case
import manifests

ROOT = os.environ['SYMFAST_ROOT']
COMPONENT = f'{ROOT}/docs/deploy/kubernetes/component'
LIBRARY = '/symfast/libsymfast.so'
# What may follow LD_PRELOAD's own library; an empty name is none to the loader ("cli image" tries it).
SEPARATORS = r'[: ]+'


def container(name, **more):
    return {'name': name, 'image': f'registry.example/{name}:1', **more}


def workload(kind, name, containers, labels=None, pod=None, **more):
    metadata = {'name': name, **({'labels': labels} if labels else {})}
    spec = {'selector': {'matchLabels': {'app': name}},
            'template': {'metadata': {'labels': {'app': name}}, 'spec': {'containers': containers, **(pod or {})}}, **more}
    if kind == 'StatefulSet':
        spec['serviceName'] = name
    return {'apiVersion': 'apps/v1', 'kind': kind, 'metadata': metadata, 'spec': spec}


STRICT = {'allowPrivilegeEscalation': False, 'capabilities': {'drop': ['ALL']}, 'readOnlyRootFilesystem': True,
          'runAsNonRoot': True, 'seccompProfile': {'type': 'RuntimeDefault'}}
FULL = {'env': [{'name': 'A', 'value': 'b'}, {'name': 'LD_PRELOAD', 'value': '/usr/lib/libjemalloc.so.2'},
                {'name': 'SYMFAST', 'value': 'off'}],
        'envFrom': [{'configMapRef': {'name': 'mine'}}, {'prefix': 'P_', 'secretRef': {'name': 'keys'}}],
        'volumeMounts': [{'name': 'data', 'mountPath': '/data'}], 'ports': [{'containerPort': 80}]}
POD = {'initContainers': [container('migrate', volumeMounts=[{'name': 'data', 'mountPath': '/data'}]),
                          container('proxy', restartPolicy='Always')],
       'volumes': [{'name': 'data', 'emptyDir': {}}, {'name': 'tls', 'secret': {'secretName': 'tls'}}],
       'securityContext': {'fsGroup': 7}, 'tolerations': [{'operator': 'Exists'}]}

# What a kustomization may hold: name -> workload.
FORMS = [
    workload('Deployment', 'bare', [container('one')]),
    workload('Deployment', 'two', [container('one'), container('two', **FULL)]),
    workload('Deployment', 'full', [container('one', **FULL)], pod=POD, replicas=3),
    workload('Deployment', 'empty-lists', [container('one', env=[], envFrom=[], volumeMounts=[])],
             pod={'initContainers': [], 'volumes': []}),
    workload('Deployment', 'strict', [container('one', securityContext=STRICT)], labels={'tier': 'web'}),
    workload('Deployment', 'as-root', [container('one')], pod={'securityContext': {'runAsUser': 0}}),
    workload('Deployment', 'spaced', [container('one', env=[{'name': 'LD_PRELOAD', 'value': 'liba.so libb.so:libc.so'}])]),
    workload('Deployment', 'six', [container(f'c{i}') for i in range(6)]),
    workload('StatefulSet', 'store', [container('one', **FULL), container('two')], pod=POD),
    workload('DaemonSet', 'agent', [container('one')]),
    workload('DaemonSet', 'agent-full', [container('one', **FULL)], pod=POD),
]
# Kustomize creates nothing in a list that is written as null (README.md says so): such a container stays as it is.
NULLS = workload('Deployment', 'nulls', [container('one', env=None, envFrom=None, volumeMounts=None), container('two')],
                 pod={'initContainers': None, 'volumes': None})
SKIPPED = [workload(kind, f'skipped-{kind.lower()}', [container('one', **FULL)], labels={'symfast': 'skip'}, pod=POD)
           for kind in ('Deployment', 'StatefulSet', 'DaemonSet')]
OTHERS = [{'apiVersion': 'v1', 'kind': 'Service', 'metadata': {'name': 'web'}, 'spec': {'ports': [{'port': 80}]}},
          {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'mine'}, 'data': {'K': 'v'}}]


def write(folder, resources, text=''):
    """A kustomization as a user writes it. JSON is YAML."""
    os.makedirs(folder)
    with open(f'{folder}/resources.yaml', 'w') as f:
        f.write('\n---\n'.join(json.dumps(one) for one in resources))
    with open(f'{folder}/kustomization.yaml', 'w') as f:
        f.write(f'resources: [resources.yaml]\ncomponents: [../component]\n{text}')
    return folder


def render(folder):
    return subprocess.run(['kubectl', 'kustomize', folder], capture_output=True, text=True, env=case.clean_env())


def rendered(folder, resources, text=''):
    done = render(write(folder, resources, text))
    if not case.check(f'{os.path.basename(folder)}: kubectl renders it', done.returncode == 0 and done.stderr == '',
                      done.stderr):
        return {}, ''
    return {(one['kind'], one['metadata']['name']): one for one in manifests.load_all(done.stdout)}, done.stdout


def by_name(list_, key='name'):
    made = {one[key]: one for one in list_ or []}
    case.check('no name twice', len(made) == len(list_ or []), list_)
    return made


def config_map(made):
    [one] = [one for (kind, name), one in made.items() if kind == 'ConfigMap' and name.startswith('symfast-')]
    return one


def without_ours(have, wanted, settings):
    """What the component adds is there, and is taken out again; what is left has to be what was."""
    have = copy.deepcopy(have)
    pod, old = manifests.pod_of(have), manifests.pod_of(wanted)
    what = f'{have["kind"]} {wanted["metadata"]["name"]}'
    first = pod['initContainers'].pop(0)
    case.check(f'{what}: the init container comes first', first['name'] == 'symfast')
    case.check(f'{what}: and a restricted namespace takes it', not manifests.unrestricted(first, pod),
               manifests.unrestricted(first, pod))
    case.check(f'{what}: it writes where the containers look', first['volumeMounts'] == [
        {'name': 'symfast', 'mountPath': '/symfast'}] and first['command'][-1] == LIBRARY, first)
    volumes = by_name(pod['volumes'])
    limits = first['resources']
    case.check(f'{what}: its class of service stays', limits['requests'] == limits['limits'] and
               set(limits['limits']) == {'cpu', 'memory'}, limits)
    case.check(f'{what}: the volumes', volumes['symfast']['emptyDir'].get('medium') == 'Memory' and
               volumes['symfast-off']['configMap'] == {'name': 'symfast-off', 'optional': True}, volumes)
    pod['volumes'] = [one for one in pod['volumes'] if one['name'] not in ('symfast', 'symfast-off')]
    for container_, before in zip(pod['containers'], old['containers']):
        one_container(f'{what}, {before["name"]}', container_, before, settings)
    return have


def one_container(what, have, before, settings):
    env, old = by_name(have['env']), by_name(before.get('env'))
    preload = [name for name in re.split(SEPARATORS, env['LD_PRELOAD']['value']) if name]
    others = [name for name in re.split(SEPARATORS, old.get('LD_PRELOAD', {}).get('value', '')) if name]
    case.check(f'{what}: the library is preloaded first, and all others still', preload == [LIBRARY, *others], preload)
    case.check(f'{what}: the settings', have['envFrom'].pop() == {'configMapRef': {'name': settings}}, have['envFrom'])
    mounts = by_name(have['volumeMounts'], 'mountPath')
    for path, name in (('/symfast', 'symfast'), ('/symfast-off', 'symfast-off')):
        case.check(f'{what}: {path}', mounts.pop(path) == {'name': name, 'mountPath': path, 'readOnly': True}, mounts)
    have['volumeMounts'] = list(mounts.values())
    if 'LD_PRELOAD' in old:
        env['LD_PRELOAD']['value'] = old['LD_PRELOAD']['value']
    else:
        del env['LD_PRELOAD']
    have['env'] = list(env.values())


def full(one):
    """Absent, null and empty lists are one thing."""
    if isinstance(one, dict):
        return {key: full(value) for key, value in one.items() if value not in (None, [], {})}
    return [full(value) for value in one] if isinstance(one, list) else one


def forms(folder):
    made, text = rendered(f'{folder}/forms', FORMS + SKIPPED + OTHERS)
    if not made:
        return
    settings = config_map(made)
    for wanted in FORMS:
        have = made[wanted['kind'], wanted['metadata']['name']]
        left = without_ours(have, wanted, settings['metadata']['name'])
        case.check(f'{wanted["kind"]} {wanted["metadata"]["name"]}: all else is as it was', full(left) == full(wanted),
                   f'{full(left)}\n{full(wanted)}')
    for wanted in SKIPPED + OTHERS:
        case.check(f'{wanted["kind"]} {wanted["metadata"]["name"]}: untouched',
                   made.get((wanted['kind'], wanted['metadata']['name'])) == wanted)
    case.check('nothing else is applied', len(made) == len(FORMS + SKIPPED + OTHERS) + 1, list(made))
    settings_exist(settings['data'])
    if not manifests.has('kubernetes'):
        print('SKIP: no models of the API (Debian: python3-kubernetes)')
        return
    workloads = '\n---\n'.join(json.dumps(one) for key, one in made.items() if key[0] != 'Service' and
                               key[1] != 'empty-lists')
    # The models are older than restartPolicy of init containers.
    pairs, said = manifests.models(workloads.replace(', "restartPolicy": "Always"', '').replace('"restartPolicy": "Always", ', ''))
    case.check('the API knows every name and type of what is rendered', pairs and all(a == b for a, b in pairs),
               said or [one for one in pairs if one[0] != one[1]])


def nulls(folder):
    made, text = rendered(f'{folder}/nulls', [NULLS])
    one, two = manifests.pod_of(made['Deployment', 'nulls'])['containers']
    case.check('beside a container whose lists are null the other one gets all', full(one) == full(NULLS['spec'][
        'template']['spec']['containers'][0]) or 'LD_PRELOAD' in str(one), one)
    one_container('nulls, two', two, container('two'), config_map(made)['metadata']['name'])


def settings_exist(data):
    with open(f'{ROOT}/docs/settings.md', encoding='utf-8') as f:
        known = set(re.findall(r'^\| `(SYMFAST\w*)`', f.read(), re.M))
    case.check('the settings are settings, and the first mode serves nothing', set(data) <= known and
               data['SYMFAST'] == 'observe', data)
    case.check('the kill file is the key of the other ConfigMap', data['SYMFAST_KILL_FILE'] == '/symfast-off/off')
    done = subprocess.run(['/bin/true'], env=case.clean_env(LD_PRELOAD=case.LIB, SYMFAST_VERBOSE='1', **data),
                          capture_output=True, text=True)
    case.check('the library takes them', done.returncode == 0 and 'is not' not in done.stderr and 'symfast' in done.stderr,
               done.stderr)


def overlay(folder):
    """What README.md tells to write: another registry, another mode, a namespace, a prefix."""
    made, text = rendered(f'{folder}/overlay', FORMS[:2], '''
namespace: shop
namePrefix: eu-
images: [{name: registry.example/symfast, newName: registry.shop/tools/symfast, newTag: "7"}]
patches:
  - patch: |-
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: symfast}
      data: {SYMFAST: "on", SYMFAST_CANARY: 5%}
''')
    if not made:
        return
    [settings] = [one for one in made.values() if one['kind'] == 'ConfigMap']
    case.check('the settings are the overlay\'s', settings['data']['SYMFAST'] == 'on' and
               settings['data']['SYMFAST_CANARY'] == '5%' and 'SYMFAST_KILL_FILE' in settings['data'], settings)
    pod = manifests.pod_of(made['Deployment', 'eu-two'])
    case.check('so is the image', pod['initContainers'][0]['image'] == 'registry.shop/tools/symfast:7')
    case.check('the containers name the settings as they are called now', all(
        one['envFrom'][-1] == {'configMapRef': {'name': settings['metadata']['name']}} for one in pod['containers']), pod)
    case.check('all of it in the namespace', {one['metadata']['namespace'] for one in made.values()} == {'shop'})
    first = settings['metadata']['name']
    made, text = rendered(f'{folder}/other-mode', FORMS[:1], '''
patches: [{patch: '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "symfast"}, "data": {"SYMFAST": "off"}}'}]
''')
    case.check('another mode is another name, so that Pods are replaced', config_map(made)['metadata']['name'] !=
               first.removeprefix('eu-'))
    made, text = rendered(f'{folder}/nobody', OTHERS)
    case.check('without a workload nothing is changed', all(made.get((one['kind'], one['metadata']['name'])) == one
                                                             for one in OTHERS))


def twice(folder):
    """A base has it, and so has its overlay."""
    write(f'{folder}/base', FORMS)
    os.makedirs(f'{folder}/twice')
    with open(f'{folder}/twice/kustomization.yaml', 'w') as f:
        f.write('resources: [../base]\ncomponents: [../component]\n')
    done = render(f'{folder}/twice')
    case.check('twice is an error of kubectl, and nothing is rendered', done.returncode != 0 and done.stdout == '' and
               'symfast' in done.stderr, done)


def as_written():
    """What needs no kubectl: the init container, the image, the settings."""
    with open(f'{COMPONENT}/kustomization.yaml', encoding='utf-8') as f:
        [made] = manifests.load_all(f.read())
    [patch] = manifests.load_all(made['patches'][0]['patch'])
    first = manifests.pod_of(patch)['initContainers'][0]
    case.check('it is a component', made['kind'] == 'Component' and made['apiVersion'] == 'kustomize.config.k8s.io/v1alpha1')
    case.check('as written, a restricted namespace takes the init container', not manifests.unrestricted(first, {}), first)
    settings_exist(dict(one.split('=', 1) for one in made['configMapGenerator'][0]['literals']))
    with open(f'{COMPONENT}/pieces.yaml', encoding='utf-8') as f:
        [pieces] = manifests.load_all(f.read())
    kinds = made['patches'][0]['target']['kind'].split('|')
    for one in made['replacements']:
        case.check(f'{one["source"]["fieldPath"]}: there is such a piece, for each kind', one['source']['fieldPath'] in pieces and
                   [target['select']['kind'] for target in one['targets']] == kinds, one)
    case.check('and every piece is used', {one['source']['fieldPath'] for one in made['replacements']} ==
               set(pieces) - {'apiVersion', 'kind', 'metadata'}, pieces)


def rendered_by_kubectl(place):
    if not shutil.which('kubectl'):
        print('SKIP: nothing is rendered: kubectl is not here (Debian 13: kubectl)')
        return
    trial = render(write(f'{place}/trial', FORMS[:1]))
    if trial.returncode != 0 and 'components' in trial.stderr and 'unknown field' in trial.stderr:
        print('SKIP: nothing is rendered: this kubectl is older than Kustomize components (1.21)')
        return
    forms(place)
    nulls(place)
    overlay(place)
    twice(place)


with case.workshop() as place:
    shutil.copytree(COMPONENT, f'{place}/component')
    if not manifests.has('yaml'):
        print('SKIP: no YAML (Debian: python3-yaml)')
        sys.exit(case.SKIP)
    as_written()
    rendered_by_kubectl(place)
case.end()
