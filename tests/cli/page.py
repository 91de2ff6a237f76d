#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""symfast report: the page loads nothing, holds what the document holds, fits a phone in Chromium,
light and dark. The screenshots stay in the folder given as argument, for a look."""
import html.parser
import os
import re
import resource
import subprocess
import sys

import case

SHOT = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
        '--hide-scrollbars',
        '--force-device-scale-factor=1', '--host-resolver-rules=MAP * ~NOTFOUND']
# A frame of phone width around the page, and what lies beyond its edge, written into the title.
PROBE = '''<!doctype html><title>wait</title><body style="margin:0">
<iframe src="%s" style="width:%dpx;height:900px;border:0"></iframe>
<script>onload = () => {
  const d = document.querySelector("iframe").contentDocument;
  const e = d.documentElement, t = [...d.querySelectorAll("p,td,th,h1,h2,figcaption")];
  const dark = getComputedStyle(d.body).backgroundColor;
  const least = Math.min(...t.map(x => parseFloat(d.defaultView.getComputedStyle(x).fontSize)));
  const svg = d.querySelector("svg text");
  const box = svg ? svg.getBoundingClientRect().height : 99;
  document.body.textContent = JSON.stringify({over: e.scrollWidth - e.clientWidth, dark: dark,
    least: least, label: box, figures: d.querySelectorAll("svg").length});
}</script>'''


class Walk(html.parser.HTMLParser):
    """Tags and what they would load."""

    def __init__(self):
        super().__init__()
        self.loads, self.tags, self.open = [], set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.loads += [(tag, k, v) for k, v in attrs if k in ('src', 'href', 'xlink:href', 'srcset',
                                                             'data', 'action', 'onload')]


def contents(what, text, wanted):
    walk = Walk()
    walk.feed(text)
    case.check(f'{what}: loads nothing, runs nothing', not walk.loads and
               not walk.tags & {'script', 'link', 'img', 'iframe', 'object', 'embed', 'base'} and
               '@import' not in text and 'url(' not in text, walk.loads)
    case.check(f'{what}: its policy forbids it, too', "default-src 'none'" in text)
    plain = re.sub(r'<[^>]*>', ' ', text)
    for words in wanted:
        case.check(f'{what}: says {words}', words in plain, plain[-600:])


def shot(chromium, page, out, dark, width):
    done = subprocess.run([chromium, *SHOT, f'--user-data-dir={os.path.dirname(page)}/chromium',
                           f'--blink-settings=preferredColorScheme={0 if dark else 1}',
                           f'--window-size={width},1600', f'--screenshot={out}', f'file://{page}'],
                          capture_output=True, text=True, env=case.clean_env(), timeout=120)
    return done.returncode == 0 and os.path.exists(out)


def probe(chromium, page, dark, width):
    path = f'{os.path.dirname(page)}/probe.html'
    with open(path, 'w') as f:
        f.write(PROBE % (os.path.basename(page), width))
    done = subprocess.run([chromium, *SHOT, '--allow-file-access-from-files',
                           f'--user-data-dir={os.path.dirname(page)}/chromium',
                           f'--blink-settings=preferredColorScheme={0 if dark else 1}',
                           '--virtual-time-budget=3000', '--dump-dom', f'file://{path}'],
                          capture_output=True, text=True, env=case.clean_env(), timeout=120)
    found = re.search(r'\{"over".*?\}', done.stdout.replace('&quot;', '"'))
    if not found:
        return None
    return __import__('json').loads(found.group(0))


def brightness(colour):
    return sum(map(int, re.findall(r'\d+', colour)[:3]))


def browser(what, page, shots):
    chromium = case.needs('chromium', 'chromium')
    if not chromium:
        return
    # It reserves terabytes of addresses: not under a ulimit -v, and not without processes of its own.
    if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        print(f'SKIP {what}: Chromium does not start where the address space is limited (ulimit -v)')
        return
    for dark in (False, True):
        scheme = 'dark' if dark else 'light'
        seen = probe(chromium, page, dark, 360)
        if not case.check(f'{what}, {scheme}: Chromium lays it out', seen):
            continue
        case.check(f'{what}, {scheme}: nothing beyond the edge of a phone of 360', seen['over'] == 0,
                   seen)
        case.check(f'{what}, {scheme}: no text under 12, labels of drawings not under 10',
                   seen['least'] >= 12 and seen['label'] >= 10, seen)
        case.check(f'{what}, {scheme}: drawings are there', seen['figures'] >= 1, seen)
        case.check(f'{what}: the background is {scheme}',
                   (brightness(seen['dark']) < 200) == dark, seen)
        case.check(f'{what}, {scheme}: a screenshot',
                   shot(chromium, page, f'{shots}/{what}-{scheme}.png', dark, 412))


with case.workshop() as place:
    shots = sys.argv[1] if len(sys.argv) > 1 else place
    os.makedirs(shots, exist_ok=True)
    os.mkdir(f'{place}/shm')
    with case.Made(f'{place}/shm') as made:
        done = made.run('report', '-H', f'{place}/stat.html', made.pid)
        case.check('a page of a live process', (done.returncode, done.stdout, done.stderr) ==
                   (0, '', ''), done)
    done = case.run('ab', '-n', 6, '-H', f'{place}/ab.html', '-j', f'{place}/ab.json', '--',
                    'sh', '-c', 'echo "<&>"')
    case.status('a page of ab', done, 0)
    done = case.run('report', '-H', f'{place}/again.html', f'{place}/ab.json')
    with open(f'{place}/ab.html') as f, open(f'{place}/again.html') as g:
        ab = f.read()
        case.check('the page of the saved document is the same', ab == g.read(), done)
    with open(f'{place}/stat.html') as f:
        contents('stat', f.read(), ['dlsym', '1980', '164 ns', '16.5 ns', 'too few samples',
                                    '/usr/lib/plugin.so', 'go.bypass.name', 'mode'])
    contents('ab', ab, ['wall', 'max_rss', 'identical', 'sh -c echo "<&>"'.replace(
        '<', '&lt;').replace('&>', '&amp;&gt;').replace('"', '&quot;'), 'dlsym' * 0])
    for name in ('stat', 'ab'):
        browser(name, f'{place}/{name}.html', shots)
    case.one_error('a page of a comparison', case.run(
        'report', '-H', f'{place}/x', f'{place}/stat.html'), case.TARGET)
case.end()
