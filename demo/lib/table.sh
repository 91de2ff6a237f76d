# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Everything that the person sees: head, rows, legend, progress line and complaints.

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
	bold=$'\033[1m' dim=$'\033[2m' green=$'\033[32m' red=$'\033[31m' plain=$'\033[0m'
else
	bold='' dim='' green='' red='' plain=''
fi

complain()
{
	echo "demo/run: $*" >&2
}

# One line that overwrites itself, only where a person is watching.
progress()
{
	[ -t 1 ] && [ -t 2 ] && [ "${TERM:-dumb}" != dumb ] || return 0
	printf '\r\033[K%s' "${1:+  $dim$1$plain}" >&2
}

commit_name()
{
	local commit

	commit=$(git -c safe.directory="$ROOT" -C "$ROOT" log -1 --format='%h of %cs' 2>/dev/null) ||
		{ echo unknown; return; }
	[ -z "$(git -c safe.directory="$ROOT" -C "$ROOT" status --porcelain 2>/dev/null)" ] ||
		commit+=', with local changes'
	echo "$commit"
}

print_head()
{
	local cpu system load

	cpu=$(awk -F': *' '/^(model name|Model)/ { print $2; exit }' /proc/cpuinfo)
	# shellcheck source=/dev/null
	system=$(. /etc/os-release 2>/dev/null && echo "$PRETTY_NAME")
	read -r load _ </proc/loadavg
	printf '%sMachine%s  %s, %s CPUs, load %s\n' "$bold" "$plain" "${cpu:-$(uname -m)}" \
		"$(nproc)" "$load"
	[ "${load%.*}" -lt "$(nproc)" ] ||
		echo "         busy with something else: expect noise, see the lowest-highest column"
	printf '%sSystem%s   %s, Linux %s, %s\n' "$bold" "$plain" "${system:-unknown}" "$(uname -r)" \
		"$(getconf GNU_LIBC_VERSION)"
	printf '%sLibrary%s  %s, commit %s\n' "$bold" "$plain" "${SYMFAST_LIB#"$ROOT"/}" \
		"$(commit_name)"
	printf '%sPairs%s    %s per case, stock and symfast in turn\n\n' "$bold" "$plain" "$DEMO_RUNS"
	if $arms; then
		printf "%s$arms_format%s\n" "$bold" case 'what is measured' stock map fresh keep map fresh keep fresh/keep "$plain"
		return
	fi
	printf "%s$row_format%s\n" "$bold" case 'what is measured' stock symfast ratio 'lowest-highest' \
		hits 'same output' "$plain"
}

row_format='%-11s %-40s %9s %9s %8s %15s %6s  %s'

arms_format='%-11s %-44s %9s %9s %9s %9s %7s %7s %7s %10s'

# print_arms NAME: the same for four arms, and the most memory of each.
print_arms()
{
	local row

	awk -v runs="$DEMO_RUNS" -f "$DEMO_DIR/lib/figures.awk" -f "$DEMO_DIR/lib/arms.awk" "$CASE_WORK"/{stock,map,fresh,keep}.*.metric \
		"$CASE_WORK"/{stock,map,fresh,keep}.*.rss >"$CASE_WORK/rows" || return
	while IFS=$'\t' read -ra row; do
		# shellcheck disable=SC2059
		printf "$arms_format\n" "$1" "${row[@]}"
	done <"$CASE_WORK/rows"
}

# print_rows NAME: one row per metric of the case that was just measured.
print_rows()
{
	local files=() pair what stock symfast ratio range verdict colour

	for ((pair = 1; pair <= DEMO_RUNS; pair++)); do
		files+=("$CASE_WORK/stock.$pair.metric" "$CASE_WORK/symfast.$pair.metric")
	done
	awk -v runs="$DEMO_RUNS" -f "$DEMO_DIR/lib/figures.awk" -f "$DEMO_DIR/lib/rows.awk" "${files[@]}" >"$CASE_WORK/rows" ||
		return 1
	while IFS=$'\t' read -r what stock symfast ratio range verdict; do
		case $verdict in
		better)	colour=$green ;;
		worse)	colour=$red ;;
		*)	colour='' ;;
		esac
		# Padded before it is coloured, because printf counts the colour's bytes.
		printf "${row_format/'%8s'/'%s%8s%s'}\n" "$1" "$what" "$stock" "$symfast" "$colour" \
			"$ratio" "$plain" "$range" "$hits" "${green}yes$plain"
	done <"$CASE_WORK/rows"
}

# print_problem NAME: the row of a case that gave no numbers, and the evidence below it.
print_problem()
{
	if [ -n "$different" ]; then
		printf '%-11s %sOUTPUT DIFFERS%s: %s\n' "$1" "$red" "$plain" "$different"
		diff "$CASE_WORK/stock.first.${different##*.}" "$different" | head -n 6 |
			sed 's/^/            /'
	else
		printf '%-11s %sFAILED%s: %s\n' "$1" "$red" "$plain" "$failure"
	fi
}

print_legend()
{
	cat <<-END

		stock, symfast: the same program without and with LD_PRELOAD=libsymfast.so, medians.
		ratio: how many times better symfast is, then single pairs; ~ if they disagree which is better.
		hits: share of the case's look-ups answered from memory. same output: stdout, stderr, exit status.
	END
}
