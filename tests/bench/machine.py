# SPDX-License-Identifier: BSD-2-Clause
"""What was measured, where and when: the facts without which a figure means nothing."""
import datetime
import json
import os
import platform
import re
import subprocess


def output(*argv, cwd=None):
    try:
        done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ''
    return done.stdout.strip()


def cpu_model():
    with open('/proc/cpuinfo') as f:
        found = re.search(r'^model name\s*:\s*(.*)$', f.read(), re.M)
    return found.group(1) if found else platform.machine()


def distribution():
    try:
        return platform.freedesktop_os_release()['PRETTY_NAME']
    except (AttributeError, OSError, KeyError):  # from Python 3.10 on
        return 'unknown'


def compiler(library):
    """What compiled the library itself, from the note that it carries."""
    found = re.search(r'((?:GCC|clang)[^\n]*)', output('readelf', '-p', '.comment', library))
    return found.group(1) if found else 'unknown'


def build_options(build):
    try:
        with open(os.path.join(build, 'meson-info', 'intro-buildoptions.json')) as f:
            options = {o['name']: o['value'] for o in json.load(f)}
    except OSError:
        return 'unknown'
    return ' '.join(f'{k}={options[k]}' for k in ('buildtype', 'b_ndebug', 'b_lto') if k in options)


def commit(root):
    name = output('git', 'rev-parse', 'HEAD', cwd=root) or 'unknown'
    changed = output('git', 'status', '--porcelain', '--', 'shim', 'include', cwd=root)
    return name + (' (with uncommitted changes)' if changed else '')


def load():
    return ' '.join(f'{x:.1f}' for x in os.getloadavg())


def is_busy():
    return os.getloadavg()[0] > 0.5 * len(os.sched_getaffinity(0))


def facts(root, build, library, argv):
    now = datetime.datetime.now(datetime.timezone.utc)
    return [
        ('cpu', cpu_model()),
        ('cpus', str(len(os.sched_getaffinity(0)))),
        ('kernel', f'{platform.system()} {platform.release()} {platform.machine()}'),
        ('distribution', distribution()),
        ('libc', os.confstr('CS_GNU_LIBC_VERSION')),
        ('compiler', compiler(library)),
        ('build', build_options(build)),
        ('commit', commit(root)),
        ('date', now.strftime('%Y-%m-%d %H:%M UTC')),
        ('command', ' '.join(argv)),
        ('load before', load()),
    ]
