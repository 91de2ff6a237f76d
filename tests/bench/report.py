# SPDX-License-Identifier: BSD-2-Clause
"""Medians and ratios of what the runs printed, as a table, as Markdown and as CSV."""
import csv
import statistics

HIGHER_IS_BETTER = ('rate', 'loads')
NO_RATIO = ('preempted', 'samples', 'step', 'others')
HEAD = ('case', 'arm', 'measure', 'unit', 'stock', 'arm is', 'ratio', 'difference',
        'stock from-to', 'arm from-to')
CSV_HEAD = ('record', 'case', 'arm', 'measure', 'unit', 'round', 'value', 'stock', 'ratio')


def figure(x):
    return f'{x:.0f}' if abs(x) >= 1000 else f'{x:.1f}'


def span(values):
    return f'{figure(min(values))}-{figure(max(values))}'


def times(x):
    if x is None:
        return '-'
    return f'{x:.0f}x' if x >= 100 else f'{x:.2f}x'


def ratio(measure, stock, value):
    """How many times better than stock; None where that has no meaning."""
    if measure in HIGHER_IS_BETTER:
        stock, value = value, stock
    if measure in NO_RATIO:
        return None
    return stock / value if stock > 0 and value > 0 else None


class Results:
    """samples[case][arm][measure] = (unit, values by round), in order of arrival."""

    def __init__(self):
        self.samples = {}

    def add(self, case, arm, measure, unit, value):
        arms = self.samples.setdefault(case, {}).setdefault(arm, {})
        arms.setdefault(measure, (unit, []))[1].append(value)

    def rows(self):
        """(case, arm, measure, unit, stock values, arm values) for each arm but stock."""
        for case, arms in self.samples.items():
            for arm, measures in arms.items():
                for measure, (unit, values) in measures.items():
                    stock = arms.get('stock', {}).get(measure)
                    if arm != 'stock' and stock:
                        yield case, arm, measure, unit, stock[1], values

    def table(self, shown):
        for case, arm, measure, unit, stock, values in self.rows():
            if measure not in shown[case]:
                continue
            old, new = statistics.median(stock), statistics.median(values)
            yield (case, arm, measure, unit, figure(old), figure(new),
                   times(ratio(measure, old, new)), ('+' if new >= old else '') + figure(new - old),
                   span(stock), span(values))


def print_plain(rows):
    rows = [HEAD, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    for row in rows:
        cells = [c.ljust(w) if i < 4 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))]
        print('  '.join(cells).rstrip())


def print_markdown(rows):
    print('| ' + ' | '.join(HEAD) + ' |')
    print('|' + '|'.join(['---'] * 4 + ['---:'] * (len(HEAD) - 4)) + '|')
    for row in rows:
        print('| ' + ' | '.join(row) + ' |')


def write_csv(path, facts, commands, results):
    """One rectangular file: records fact, command, sample (one run) and median."""
    with open(path, 'w', newline='') as out:
        w = csv.writer(out)
        w.writerow(CSV_HEAD)
        for name, value in facts:
            w.writerow(('fact', '', '', name, '', '', value, '', ''))
        for (case, arm), text in commands.items():
            w.writerow(('command', case, arm, '', '', '', text, '', ''))
        for case, arms in results.samples.items():
            for arm, measures in arms.items():
                for measure, (unit, values) in measures.items():
                    for i, value in enumerate(values, 1):
                        w.writerow(('sample', case, arm, measure, unit, i, value, '', ''))
        for case, arm, measure, unit, stock, values in results.rows():
            old, new = statistics.median(stock), statistics.median(values)
            better = ratio(measure, old, new)
            w.writerow(('median', case, arm, measure, unit, '', f'{new:.3f}', f'{old:.3f}',
                        f'{better:.3f}' if better else ''))
