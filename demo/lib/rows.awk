# SPDX-License-Identifier: BSD-2-Clause
# From the .metric files of all pairs (ARM.PAIR.metric) to one tab-separated row per metric:
# what, stock median, symfast median, ratio, lowest and highest ratio of a pair, and the verdict.
# Pairs that disagree on which is better, or too few of them, prove nothing: the ratio gets a "~".

function show(v, unit)
{
	if (unit == "N/s")
		return v >= 1e6 ? digits(v / 1e6) " M/s" : v >= 1e3 ? digits(v / 1e3) " k/s" : digits(v) " /s"
	v *= scale[unit]
	return v >= 1e9 ? digits(v / 1e9) " s" : v >= 1e6 ? digits(v / 1e6) " ms" : \
		v >= 1e3 ? digits(v / 1e3) " us" : digits(v) " ns"
}

function ratio(stock, symfast, unit)
{
	return unit == "N/s" ? symfast / stock : stock / symfast
}

BEGIN {
	scale["ns"] = 1; scale["us"] = 1e3; scale["ms"] = 1e6; scale["s"] = 1e9; scale["N/s"] = 1
}

$1 == "metric" {
	n = split(FILENAME, path, "/")
	split(path[n], tag, ".")
	unit = $3
	label = $4
	for (i = 5; i <= NF; i++)
		label = label " " $i
	if (!(unit in scale) || $2 + 0 <= 0) {
		print "unusable metric: " $0 > "/dev/stderr"
		bad = 1
	}
	if (!(label in unit_of))
		order[++labels] = label
	unit_of[label] = unit
	value[tag[1], tag[2], label] = $2 + 0
	count[label]++
}

END {
	for (l = 1; l <= labels; l++) {
		label = order[l]
		if (count[label] != 2 * runs) {
			print "metric not given by every run: " label > "/dev/stderr"
			bad = 1
		}
	}
	if (!labels) {
		print "no metric at all" > "/dev/stderr"
		bad = 1
	}
	if (bad)
		exit 1
	for (l = 1; l <= labels; l++) {
		label = order[l]
		unit = unit_of[label]
		for (i = 1; i <= runs; i++) {
			r = ratio(value["stock", i, label], value["symfast", i, label], unit)
			if (i == 1 || r < low)
				low = r
			if (i == 1 || r > high)
				high = r
		}
		stock = median("stock", label)
		symfast = median("symfast", label)
		r = ratio(stock, symfast, unit)
		clear = runs >= 3 && (low > 1 || high < 1)
		verdict = clear && r >= 1.2 ? "better" : clear && r * 1.2 <= 1 ? "worse" : "even"
		printf "%s\t%s\t%s\t%s%sx\t%s-%s\t%s\n", label, show(stock, unit),
			show(symfast, unit), clear ? "" : "~", digits(r), digits(low), digits(high), verdict
	}
}
