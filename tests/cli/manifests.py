# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of manifests share: YAML, the models of the Kubernetes API, the rules of a restricted namespace."""
import json
import subprocess

# Debian's modules belong to Debian's interpreter.
PYTHON = '/usr/bin/python3'
LOAD = 'import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(sys.stdin))))'
MODELS = '''
import json, sys, yaml
from kubernetes import client
api = client.ApiClient()
class Reply:
    def __init__(self, text):
        self.data = text
out = []
for manifest in yaml.safe_load_all(sys.stdin):
    kind = {kind: f'V1{kind}' for kind in ('Deployment', 'StatefulSet', 'DaemonSet', 'ConfigMap')}[manifest['kind']]
    # Unknown names are dropped by the model, missing ones and wrong types raise.
    read = api.deserialize(Reply(json.dumps(manifest)), kind)
    out.append([manifest, api.sanitize_for_serialization(read)])
print(json.dumps(out))
'''


def has(module):
    return subprocess.run([PYTHON, '-c', f'import {module}'], capture_output=True).returncode == 0


def load_all(text):
    done = subprocess.run([PYTHON, '-c', LOAD], input=text, capture_output=True, text=True)
    return json.loads(done.stdout)


def models(text):
    """[[manifest, what the API understands of it]...], and what was said; [] if it refuses."""
    done = subprocess.run([PYTHON, '-c', MODELS], input=text, capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else [], done.stderr[-800:]


def pod_of(manifest):
    return manifest['spec']['template']['spec']


def unrestricted(container, pod):
    """What the restricted Pod Security Standard (v1.25 and newer) would refuse of a container."""
    own, of_pod = container.get('securityContext', {}), pod.get('securityContext', {})
    both = {**of_pod, **own}
    caps = own.get('capabilities', {})
    rules = {
        'privileged': not own.get('privileged'),
        'allowPrivilegeEscalation': own.get('allowPrivilegeEscalation') is False,
        'capabilities.drop': 'ALL' in caps.get('drop', []),
        'capabilities.add': set(caps.get('add', [])) <= {'NET_BIND_SERVICE'},
        'runAsNonRoot': both.get('runAsNonRoot') is True,
        'runAsUser': both.get('runAsUser') != 0,
        'seccompProfile': both.get('seccompProfile', {}).get('type') in ('RuntimeDefault', 'Localhost'),
        'hostPort': not any('hostPort' in port for port in container.get('ports', [])),
    }
    return [name for name, good in rules.items() if not good]
