# SPDX-License-Identifier: BSD-2-Clause
# Medians of four arms and their ratios to stock: one row for each metric, and one for resident memory (KiB, files ARM.N.rss).
# Run as awk -v runs=N -f figures.awk -f arms.awk FILE...; fields of a row end in tabs.
function show(v, unit)
{
	if (unit == "KiB")
		return digits(v / 1024) " MiB"
	if (unit == "N/s")
		return digits(v) " /s"
	v *= scale[unit]
	return v >= 1e6 ? digits(v / 1e6) " ms" : v >= 1e3 ? digits(v / 1e3) " us" : digits(v) " ns"
}

BEGIN {
	scale["ns"] = 1; scale["us"] = 1e3; scale["ms"] = 1e6; scale["s"] = 1e9
	arms = split("stock map fresh keep", arm)
}

FNR == 1 {
	n = split(FILENAME, path, "/")
	split(path[n], tag, ".")
}

tag[2] == "first" { next }

tag[3] == "rss" {
	label = "resident memory, most"
	unit_of[label] = "KiB"
	if ($1 + 0 > value[tag[1], tag[2], label])
		value[tag[1], tag[2], label] = $1 + 0
	next
}

$1 == "metric" {
	label = $4
	for (i = 5; i <= NF; i++)
		label = label " " $i
	if (!(label in unit_of))
		order[++labels] = label
	unit_of[label] = $3
	value[tag[1], tag[2], label] = $2 + 0
	count[label]++
}

END {
	for (l = 1; l <= labels; l++)
		if (count[order[l]] != arms * runs)
			bad = 1
	if (bad || !labels)
		exit 1
	order[++labels] = "resident memory, most"
	for (l = 1; l <= labels; l++) {
		label = order[l]
		unit = unit_of[label]
		row = label
		for (a = 1; a <= arms; a++) {
			m[a] = median(arm[a], label)
			row = row "\t" show(m[a], unit)
		}
		for (a = 2; a <= arms; a++)
			row = row "\t" digits(unit == "N/s" || unit == "KiB" ? m[a] / m[1] : m[1] / m[a]) "x"
		row = row "\t" (unit == "KiB" ? "-" : digits(unit == "N/s" ? m[3] / m[4] : m[4] / m[3]))
		print row
	}
}
