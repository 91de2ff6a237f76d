# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# tests/run --suite-of and --arch: both commands in an installation of another release, and a line of what came of it.

# What is run where nothing else is asked for. An emulated processor measures nothing, so there it is the demo's C hosts
# and python, for their outputs, and the suites of the library itself.
quick_cases=(ctypes loading)
quick_suites=(--quick unit conform retain)
emulated_cases=(ctypes loading threads legacy krb5 pam odbc lua exceptions)
emulated_suites=(--quick unit conform stress retain)

# record DIR RELEASE COMMAND RESULT: one line for that command there, in the place of an older one.
record()
{
	# shellcheck disable=SC2016
	local facts='. /etc/os-release; echo "$PRETTY_NAME"; getconf GNU_LIBC_VERSION; cc -dumpfullversion 2>/dev/null || echo -'

	"${emulated[@]}" chroot "$1" sh -c "$facts" | python3 "$root/tests/lib/support.py" "$root/docs/support.md" "$2" \
		"$arch" "$3" "$4" "$(date +%F)" "$commit"
}

# one_command DIR RELEASE COMMAND: runs and records it.
one_command()
{
	local log status result tee left

	log="$1.$(basename "$(dirname "${3%% *}")").log"
	say "$2, $arch: $3"
	# Not a pipeline: bash would run no trap before its end.
	exec 8> >(exec tee "$log")
	tee=$!
	in_chroot "$1" "$3" >&8 2>&1 8>&-
	status=$?
	exec 8>&-
	wait "$tee"
	if [[ $3 == *tests/run* ]]; then
		result=$(grep -E '^[0-9]+ passed, ' "$log" | tail -n 1)
	else
		result="$(grep -c ' yes$' "$log") rows, all outputs the same"
		left=$(grep -oE '^[a-z0-9]+ +(left out|skipped)' "$log" | cut -d' ' -f1 | paste -sd' ')
		[ -z "$left" ] || result+="; left out: $left"
	fi
	[ "$status" -eq 0 ] || result="exit status $status; ${result:-no result}"
	[[ $3 == *--counts* ]] || record "$1" "$2" "$3" "$result"
	return "$status"
}

# choose_words [demo|tests|quick] WORDS...: sets $for_demo and $for_tests, empty for the one that is not to run.
choose_words()
{
	for_demo=(./demo/run) for_tests=(./tests/run)
	case ${1:-} in
	demo)
		for_tests=()
		shift
		for_demo+=("$@")
		;;
	quick)
		for_demo+=("${quick_cases[@]}")
		for_tests+=("${quick_suites[@]}")
		[ ${#emulated[@]} -eq 0 ] || for_tests+=(--part)
		return
		;;
	*)
		[ "${1:-}" != tests ] || { for_demo=(); shift; }
		for_tests+=("$@")
		;;
	esac
	[ ${#emulated[@]} -gt 0 ] || return 0
	[ ${#for_demo[@]} -ne 1 ] || for_demo+=("${emulated_cases[@]}")
	if [ ${#for_tests[@]} -eq 1 ]; then
		for_tests+=("${emulated_suites[@]}")
	elif [ ${#for_tests[@]} -gt 1 ]; then
		for_tests=(./tests/run --quick "${for_tests[@]:1}")
	fi
}

own_release()
{
	# shellcheck disable=SC1091
	(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}") 2>/dev/null || echo bookworm
}

# suite_of RELEASE [demo|tests|quick] WORDS...
suite_of()
{
	local name=${1:-$(own_release)} dir status=0 commit emulated slow for_demo for_tests
	shift

	tree=/srv/symfast
	chroots=${chroots:-${XDG_CACHE_HOME:-$HOME/.cache}/symfast/chroots}
	if [[ ! $name =~ ^[a-z]+$ || $chroots/ == "$root"/* ]]; then
		wrong_use "--suite-of takes a release's name, --chroots a folder outside of the source tree"
	elif [ "$(id -u)" -ne 0 ]; then
		complain "--suite-of and --arch make a chroot, which only root may: sudo tests/run --suite-of $name"
		return 1
	elif ! has debootstrap; then
		complain "--suite-of and --arch need debootstrap, unshare and git: apt install debootstrap"
		return 1
	fi
	choose_processor || { echo '0 passed, 0 failed, 1 skipped'; return 0; }
	dir=$chroots/$name
	[ "$arch" = "$(own_arch)" ] || dir+=-$arch
	choose_words "$@"
	mkdir -p "$chroots" || return 1
	exec 9>>"$dir.lock"
	flock -n 9 || { complain "another tests/run works in $dir"; return 1; }
	make_chroot "$name" "$dir" || return 1
	[ ${#for_demo[@]} -eq 0 ] || one_command "$dir" "$name" "${for_demo[*]}" || status=1
	[ ${#for_tests[@]} -eq 0 ] || one_command "$dir" "$name" "${for_tests[*]}" || status=1
	return $status
}
