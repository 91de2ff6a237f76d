# SPDX-License-Identifier: BSD-2-Clause
# What both tables of the demo need: the median of an arm over the runs, and a figure with three digits.

function median(arm, label,	i, j, v, n, sorted)
{
	n = 0
	for (i = 1; i <= runs; i++) {
		v = value[arm, i, label]
		for (j = n; j > 0 && sorted[j] > v; j--)
			sorted[j + 1] = sorted[j]
		sorted[j + 1] = v
		n++
	}
	return n % 2 ? sorted[(n + 1) / 2] : (sorted[n / 2] + sorted[n / 2 + 1]) / 2
}

function digits(v)
{
	return sprintf(v >= 99.95 ? "%.0f" : v >= 9.995 ? "%.1f" : "%.2f", v)
}
