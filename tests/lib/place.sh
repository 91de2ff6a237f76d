# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Where tests/run works: a build folder of its own, one run at a time in it, and a plain environment.

# A user's settings, locale and preloads must not leak into what is tested.
plain_environment()
{
	local name

	for name in $(compgen -v | grep -E '^(SYMFAST|LD_|MALLOC_|GLIBC_|GCOV_)' | grep -v '^SYMFAST_TEST_'); do
		unset "$name"
	done
	export LC_ALL=C
	unset LANGUAGE
	umask 022
}

# claim DIR: makes the folder, and holds it for this run alone until the shell ends.
claim()
{
	local dir=$1

	if [[ $dir == *[[:space:]:]* ]]; then
		complain "LD_PRELOAD takes no path with a space or a colon: $dir; --build DIR names another folder"
		return 1
	elif ! mkdir -p "$dir" 2>/dev/null || ! [ -w "$dir" ]; then
		complain "cannot write to $dir: another user's, or a read-only file system; --build DIR names another folder"
		return 1
	elif [ ! -e "$dir/.tests-run" ] && [ -n "$(ls -A "$dir")" ]; then
		complain "$dir was not made by tests/run, and is left alone; --build DIR names another folder"
		return 1
	fi
	exec 9>>"$dir/.tests-run" || return 1
	flock -n 9 && return 0
	complain "another tests/run works in $dir; --build DIR names another folder"
	return 1
}

# Files of tests lie here and go with the run. Some are programs, which a noexec /tmp does not start.
make_scratch()
{
	local place

	for place in "${TMPDIR:-/tmp}" "$1"; do
		scratch=$(mktemp -d "$place/symfast-tests.XXXXXX" 2>/dev/null) || continue
		chmod 711 "$scratch" # tests that are two users have files of both in it
		if printf '#!/bin/sh\n' >"$scratch/try" && chmod +x "$scratch/try" &&
			"$scratch/try" 2>/dev/null; then
			rm -f "$scratch/try"
			export TMPDIR=$scratch
			return 0
		fi
		rm -rf "$scratch"
	done
	complain "no place for files of the tests: neither ${TMPDIR:-/tmp} nor $1 can hold programs"
	return 1
}

# The source folder that a build folder was configured for; JSON, because of letters beyond ASCII.
source_of()
{
	python3 -c 'import json, sys
print(json.load(open(sys.argv[1] + "/meson-info/meson-info.json"))["directories"]["source"])' "$1" 2>/dev/null
}

# configure DIR ARGS...: a usable build folder inside what claim gave, made anew if it is broken or of
# another checkout.
configure()
{
	local dir=$1
	shift

	# Always asked again: a new room of tests is no change of a file that ninja knows.
	if [ "$(source_of "$dir")" = "$root" ] &&
		children meson setup --reconfigure "$dir" "$root" >"$dir/configure.log" 2>&1; then
		return 0
	fi
	rm -rf "$dir"
	mkdir -p "$dir"
	children meson setup -Dtests=true "$@" "$dir" "$root" >"$dir.log" 2>&1 && mv "$dir.log" "$dir/configure.log" &&
		return 0
	tail -n 20 "$dir.log" >&2
	return 1
}

# build DIR TARGET...: quiet unless it fails.
build()
{
	local dir=$1
	shift

	children ninja -C "$dir" "$@" >"$dir/build.log" 2>&1 && return 0
	grep -A 20 -m 1 -E '^FAILED|error:' "$dir/build.log" >&2
	return 1
}
