#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""docs/deploy/oci/build: the image is made, read by readers of its own, run from its files, and made again."""
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile

import case
import manifests

ROOT = os.environ['SYMFAST_ROOT']
BUILD = f'{ROOT}/docs/deploy/oci/build'
HOST = {'x86_64': 'amd64', 'aarch64': 'arm64'}[os.uname().machine]
REF = 'org.opencontainers.image.ref.name'


def version():
    with open(f'{ROOT}/meson.build', encoding='utf-8') as f:
        return re.search(r"^  version: '(.*)'", f.read(), re.M).group(1)


VERSION = version()


def build(*words, mask=0o022, **extra):
    return subprocess.run([BUILD, *words], capture_output=True, text=True, env=case.clean_env(**extra), umask=mask)


def tree_of(folder, program=True):
    """As meson install leaves it."""
    where = f'{folder}/usr/lib/{os.uname().machine}-linux-gnu'
    os.makedirs(where)
    shutil.copy(case.LIB, f'{where}/libsymfast.so')
    os.makedirs(f'{folder}/usr/share/doc/symfast')
    shutil.copy(f'{ROOT}/LICENSE', f'{folder}/usr/share/doc/symfast')
    if program:
        os.makedirs(f'{folder}/usr/bin')
        shutil.copy(case.CLI, f'{folder}/usr/bin/symfast')
    return folder


# ---- a reader of layouts, after the OCI image specification 1.0 ----

def blob(layout, descriptor):
    kind, digest = descriptor['digest'].split(':')
    with open(f'{layout}/blobs/{kind}/{digest}', 'rb') as f:
        data = f.read()
    case.check(f'a blob is as its descriptor says: {descriptor["mediaType"].split(".")[-1]}', kind == 'sha256' and
               hashlib.sha256(data).hexdigest() == digest and len(data) == descriptor['size'], descriptor)
    return data


def image_of(layout, descriptor):
    """The configuration, and the layers' tar archives."""
    manifest = json.loads(blob(layout, descriptor))
    config = json.loads(blob(layout, manifest['config']))
    tars = []
    for layer in manifest['layers']:
        case.check('a layer is a compressed tar', layer['mediaType'] == 'application/vnd.oci.image.layer.v1.tar+gzip')
        done = subprocess.run(['gzip', '-dc'], input=blob(layout, layer), capture_output=True)
        tars.append(done.stdout)
    case.check('the configuration names the layers as they unpack', config['rootfs']['diff_ids'] ==
               [f'sha256:{hashlib.sha256(tar).hexdigest()}' for tar in tars], config['rootfs'])
    return config, tars


def read_layout(layout, arches):
    with open(f'{layout}/oci-layout') as f:
        case.check('it is a layout', json.load(f) == {'imageLayoutVersion': '1.0.0'})
    with open(f'{layout}/index.json') as f:
        top = json.load(f)
    by_tag = {one['annotations'][REF]: one for one in top['manifests']}
    case.check('the tags', sorted(by_tag) == sorted([VERSION, *(f'{VERSION}-{arch}' for arch in arches)]), by_tag)
    index = json.loads(blob(layout, by_tag[VERSION]))
    case.check('the index has each architecture once', [one['platform'] for one in index['manifests']] ==
               [{'architecture': arch, 'os': 'linux'} for arch in arches], index)
    images, used = {}, {by_tag[VERSION]['digest']}
    for one in index['manifests']:
        arch = one['platform']['architecture']
        case.check(f'{arch}: and by its own tag', by_tag[f'{VERSION}-{arch}']['digest'] == one['digest'])
        images[arch] = image_of(layout, one)
        case.check(f'{arch}: its configuration says so', images[arch][0]['architecture'] == arch and
                   images[arch][0]['os'] == 'linux')
        manifest = json.loads(blob(layout, one))
        used |= {one['digest'], manifest['config']['digest'], *(layer['digest'] for layer in manifest['layers'])}
    case.check('and nothing else lies there', {f'sha256:{name}' for name in os.listdir(f'{layout}/blobs/sha256')} == used)
    return images


def unpack(folder, name, tars, when):
    """Files by the layers' archives, each entry looked at first."""
    os.makedirs(f'{folder}/{name}')
    names = []
    for number, data in enumerate(tars):
        path = f'{folder}/{name}.{number}.tar'
        with open(path, 'wb') as f:
            f.write(data)
        with tarfile.open(path) as tar:
            for entry in tar:
                good = (entry.isfile() or entry.isdir()) and not entry.name.startswith('/') and '..' not in entry.name and \
                    entry.uid == entry.gid == 0 and entry.mtime == when and not entry.mode & 0o7022
                if not good:
                    case.check(f'{entry.name}: plain, of root, of one time, for nobody to change', False, entry.get_info())
                if entry.isfile():
                    names.append(entry.name)
            tar.extractall(f'{folder}/{name}')
    case.check('no file is there twice', len(names) == len(set(names)), names)
    return f'{folder}/{name}', names


# ---- what is in it ----

def can_chroot(root):
    """chroot as root, or in a user namespace; else the files are run from outside."""
    for words in ([], ['unshare', '-r']):
        done = subprocess.run([*words, 'chroot', root, '/usr/bin/symfast-copy'], capture_output=True, text=True)
        if done.returncode == 2 and 'FROM TO' in done.stderr:
            return words
    return None


def programs(root):
    copy = f'{root}/usr/bin/symfast-copy'
    text = subprocess.run(['readelf', '-lW', copy], capture_output=True, text=True).stdout
    case.check('symfast-copy is static', 'INTERP' not in text and 'LOAD' in text, text)
    words = can_chroot(root)
    if words is None:
        print('SKIP: no chroot here: the program is run by its own ld.so instead')
        loader = subprocess.run(['readelf', '-lW', f'{root}/usr/bin/symfast'], capture_output=True, text=True)
        path = root + re.search(r'interpreter: (.*)\]', loader.stdout).group(1)
        folders = ':'.join(f'{root}/{name}' for name in (f'lib/{os.uname().machine}-linux-gnu', 'lib64', 'lib', 'usr/lib'))
        words = [path, '--library-path', folders, f'{root}/usr/bin/symfast']
    else:
        words = [*words, 'chroot', root, '/usr/bin/symfast']
    done = subprocess.run([*words, '--version'], capture_output=True, text=True, env=case.clean_env())
    case.check('symfast runs with the libraries of the image alone', done.returncode == 0 and VERSION in done.stdout, done)


def copies(root, folder):
    copy, library, volume = f'{root}/usr/bin/symfast-copy', f'{root}/usr/lib/libsymfast.so', f'{folder}/volume'
    os.makedirs(volume)
    old = subprocess.run([copy, library, f'{volume}/libsymfast.so'], umask=0o077, capture_output=True, text=True)
    first = os.stat(f'{volume}/libsymfast.so')
    case.check('the copy is whole, for all to read, and alone', old.returncode == 0 and os.listdir(volume) ==
               ['libsymfast.so'] and stat.S_IMODE(first.st_mode) == 0o644 and
               open(f'{volume}/libsymfast.so', 'rb').read() == open(library, 'rb').read(), old)
    done = subprocess.run(['/bin/grep', '-c', 'libsymfast.so', '/proc/self/maps'], capture_output=True, text=True,
                          env=case.clean_env(LD_PRELOAD=f'{volume}/libsymfast.so:', SYMFAST='observe'))
    case.check('and a process maps it, with an empty name behind it in the list', done.returncode == 0 and
               done.stderr == '', done)
    with open(f'{volume}/libsymfast.so.partial', 'w') as f:
        f.write('of one that was killed' * 100000)
    again = subprocess.run([copy, library, f'{volume}/libsymfast.so'], capture_output=True, text=True)
    case.check('a second run puts a new file in its place', again.returncode == 0 and os.listdir(volume) ==
               ['libsymfast.so'] and os.stat(f'{volume}/libsymfast.so').st_ino != first.st_ino and
               open(f'{volume}/libsymfast.so', 'rb').read() == open(library, 'rb').read(), again)
    for words, what in ((['/no/such', f'{volume}/x'], '/no/such'), ([library, '/no/such/x'], '/no/such/x.partial'),
                        ([library], 'FROM TO'), ([library, volume], volume), ([volume, f'{volume}/x'], volume),
                        ([library, 'x' * 5000], 'xxx')):
        done = subprocess.run([copy, *words], capture_output=True, text=True)
        case.check(f'symfast-copy {what[:40]}: one line', done.returncode in (1, 2) and done.stderr.count('\n') == 1 and
                   what in done.stderr, done)


def named(config, names):
    """What the manifests ask of the image is in it, under this name and version."""
    if not manifests.has('yaml'):
        print('SKIP: no YAML (Debian: python3-yaml)')
        return
    texts = {}
    for folder, _, files in os.walk(f'{ROOT}/docs/deploy/kubernetes'):
        for name in files:
            with open(f'{folder}/{name}', encoding='utf-8') as f:
                texts[name] = f.read()
    images = set(re.findall(r'image: *(\S*symfast\S*)', '\n'.join(texts.values())))
    case.check('the manifests name this image and version', images == {f'registry.example/symfast:{VERSION}'}, images)
    [path] = [one[5:] for one in config['config']['Env'] if one.startswith('PATH=')]
    case.check('its user is a number, and not 0', config['config']['User'].isdigit() and config['config']['User'] != '0')
    found = 0
    for name in ('deployment.yaml', 'canary.yaml'):
        pod = manifests.pod_of(manifests.load_all(texts[name])[0])
        for container in pod['initContainers'] + pod['containers']:
            if 'symfast:' not in container['image']:
                continue
            found += 1
            command = container['command']
            program = command[0] if command[0].startswith('/') else f'{path}/{command[0]}'
            case.check(f'{name}, {container["name"]}: its command is in the image', program[1:] in names and
                       (container['name'] != 'symfast' or command[1][1:] in names), command)
    commands = re.findall(r'command: \["(\S+?)", "(\S+?)"', texts['kustomization.yaml'])
    case.check('and the command of the component', commands and all(name[1:] in names for name in commands[0]), commands)
    case.check('four containers were looked at', found == 4, found)


def readers(layout, root):
    """Those who read layouts for a living come to the same."""
    where = f'{layout}.umoci'
    done = subprocess.run(['umoci', 'unpack', '--rootless', '--image', f'{layout}:{VERSION}-{HOST}', where],
                          capture_output=True, text=True)
    case.check('umoci unpacks it', done.returncode == 0, done.stderr)
    done = subprocess.run(['diff', '-r', root, f'{where}/rootfs'], capture_output=True, text=True)
    case.check('to the same files', done.returncode == 0, done.stdout)
    done = case.run('doctor', '--json', '--image', f'{where}/rootfs')
    made = case.document(done, 'doctor')
    case.check('symfast doctor --image finds by umoci\'s config.json what it starts', made['facts'].get('program') ==
               '/usr/bin/symfast' and done.returncode in (0, 1, 5), made)
    if not case.needs('skopeo', 'skopeo'):
        return
    done = subprocess.run(['skopeo', 'inspect', '--config', f'oci:{layout}:{VERSION}'], capture_output=True, text=True)
    case.check('skopeo finds this machine in the index', done.returncode == 0 and
               json.loads(done.stdout)['architecture'] == HOST, done.stderr)
    done = subprocess.run(['skopeo', 'copy', '--insecure-policy', '--all', f'oci:{layout}:{VERSION}', f'dir:{layout}.dir'],
                          capture_output=True, text=True)
    case.check('and copies all of it', done.returncode == 0, done.stderr)
    done = subprocess.run(['skopeo', 'inspect', f'oci-archive:{layout}.tar:{VERSION}'], capture_output=True, text=True)
    case.check('and reads the archive', done.returncode == 0, done.stderr)


def again(folder, tree, light, layout, said):
    """Another time of day, umask and working folder: the same bytes."""
    os.makedirs(f'{folder}/other')
    done = build('--archive', f'{folder}/again.tar', f'{folder}/again', f'{HOST}={tree}/', mask=0o077,
                 TMPDIR=f'{folder}/other', TZ='Asia/Tokyo')
    digest = [one.rsplit(' ', 1)[-1] for one in (said, done.stdout.strip())]
    case.check('a second build gives the same digest', done.returncode == 0 and digest[0] == digest[1], f'{said}\n{done}')
    case.check('and the same archive', open(f'{folder}/again.tar', 'rb').read() == open(f'{layout}.tar', 'rb').read())
    case.check('it leaves nothing in the temporary folder', os.listdir(f'{folder}/other') == [])
    done = build(f'{folder}/later', f'{HOST}={light}', '--tag', VERSION, SOURCE_DATE_EPOCH=86400)
    config, tars = read_layout(f'{folder}/later', [HOST])[HOST]
    unpack(folder, 'later-root', tars, 86400)
    case.check('SOURCE_DATE_EPOCH is its time', config['created'] == '1970-01-02T00:00:00Z' and
               done.stdout.rsplit(' ', 1)[-1].strip() != digest[0], config['created'])


def two(folder, tree):
    """An index of two: the library alone for the other one, as a cross build gives it."""
    other = 'arm64' if HOST == 'amd64' else 'amd64'
    compiler = {'arm64': 'aarch64-linux-gnu-gcc', 'amd64': 'x86_64-linux-gnu-gcc'}[other]
    if not case.needs(compiler, f'g{compiler[-2:]}-{compiler[:-4]}'):
        return
    lib = f'{folder}/cross/usr/lib'
    os.makedirs(lib)
    with open(f'{folder}/empty.c', 'w') as f:
        f.write('int f(void) { return 1; }\n')
    subprocess.run([compiler, '-shared', '-fPIC', '-nostdlib', '-o', f'{lib}/libsymfast.so', f'{folder}/empty.c'], check=True)
    done = build(f'{folder}/two', f'{HOST}={tree}', f'{other}={folder}/cross')
    case.check('an image of two architectures', done.returncode == 0, done.stderr)
    images = read_layout(f'{folder}/two', sorted([HOST, other]))
    root, names = unpack(folder, 'cross-root', images[other][1], 0)
    case.check(f'{other} has the library and symfast-copy', set(names) == {'usr/lib/libsymfast.so', 'usr/bin/symfast-copy'},
               names)
    qemu = shutil.which(f'qemu-{compiler.split("-")[0]}')
    if qemu:
        done = subprocess.run([qemu, f'{root}/usr/bin/symfast-copy', f'{root}/usr/lib/libsymfast.so', f'{folder}/copied'])
        case.check('which copies, under emulation', done.returncode == 0 and os.path.exists(f'{folder}/copied'))
    done = build(f'{folder}/mixed', f'{other}={tree}')
    refused('a tree of another architecture', done, f'not for {other}', f'{folder}/mixed')
    os.makedirs(f'{folder}/cross/usr/bin')
    subprocess.run([compiler, '-shared', '-fPIC', '-nostdlib', '-o', f'{folder}/cross/usr/bin/symfast', f'{folder}/empty.c'],
                   check=True)
    refused('a foreign program without its libraries', build(f'{folder}/mixed', f'{other}={folder}/cross'),
            f'--sysroot {other}=DIR', f'{folder}/mixed')


def refused(what, done, words, layout):
    case.check(f'{what}: one line, and nothing is made', done.returncode == 1 and done.stderr.count('\n') == 1 and
               words in done.stderr and not os.path.lexists(layout), done)


def refusals(folder, tree, layout):
    new = f'{folder}/new'
    os.makedirs(f'{folder}/nothing/usr')
    os.makedirs(f'{folder}/tools')
    for tool in ('readelf', 'python3', 'env'):
        os.symlink(shutil.which(tool), f'{folder}/tools/{tool}')
    refused('an empty tree', build(new, f'{HOST}={folder}/nothing'), 'has no libsymfast.so', new)
    refused('no such tree', build(new, f'{HOST}=/no/such'), 'has no libsymfast.so', new)
    refused('an unknown architecture', build(new, f'vax={tree}'), 'vax=', new)
    refused('a tree without its architecture', build(new, tree), 'ARCH=', new)
    refused('one architecture twice', build(new, f'{HOST}={tree}', f'{HOST}={tree}'), 'once', new)
    refused('a bad time', build(new, f'{HOST}={tree}', SOURCE_DATE_EPOCH='now'), 'SOURCE_DATE_EPOCH=now', new)
    refused('no umoci', build(new, f'{HOST}={tree}', PATH=f'{folder}/tools'), 'Debian: umoci', new)
    refused('no compiler', build(new, f'{HOST}={tree}', '--cc', f'{HOST}=false'), 'false', new)
    before = sorted(os.listdir(layout))
    done = build(layout, f'{HOST}={tree}')
    case.check('a folder that exists is left alone', done.returncode == 1 and 'exists already' in done.stderr and
               sorted(os.listdir(layout)) == before, done)


def main(place):
    tree, light, layout = tree_of(f'{place}/tree'), tree_of(f'{place}/light', program=False), f'{place}/image'
    done = build('--archive', f'{layout}.tar', layout, f'{HOST}={tree}')
    if not case.check('the image is made', done.returncode == 0 and done.stderr == '', done):
        return
    config, tars = read_layout(layout, [HOST])[HOST]
    root, names = unpack(place, 'root', tars, 0)
    case.check('two layers: the library, the program', len(tars) == 2 and {'usr/lib/libsymfast.so', 'usr/bin/symfast-copy',
               'usr/bin/symfast', 'usr/share/doc/symfast/LICENSE'} <= set(names), names)
    case.check('no shell, no package manager', not any(re.search(r'/(sh|bash|dpkg|apt)$', name) for name in names), names)
    programs(root)
    copies(root, place)
    named(config, names)
    readers(layout, root)
    again(place, tree, light, layout, done.stdout.strip())
    two(place, light)
    refusals(place, light, layout)


if not shutil.which('umoci'):
    print('SKIP: umoci is not here (Debian: umoci)')
    sys.exit(case.SKIP)
with case.workshop() as folder:
    main(folder)
case.end()
