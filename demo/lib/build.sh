# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Builds libsymfast.so, and shows that a program preloaded with it really has it mapped.

build_library()
{
	local log=$DEMO_WORK/build.log

	if [ ! -e "$DEMO_BUILD/build.ninja" ]; then
		echo "Building libsymfast.so in $DEMO_BUILD"
		if ! meson setup "$DEMO_BUILD" "$ROOT" </dev/null >"$log" 2>&1; then
			complain "meson setup failed; the end of $log:"
			tail -n 15 "$log" >&2
			rm -f "$DEMO_BUILD/build.ninja"
			return 1
		fi
	fi
	# Nothing to do takes ninja a moment; a changed source must not be measured as the old one.
	ninja -C "$DEMO_BUILD" shim/libsymfast.so </dev/null >>"$log" 2>&1 && return 0
	complain "the build failed; the end of $log:"
	tail -n 15 "$log" >&2
	return 1
}

# Before anything is installed or built: ld.so would split such a name, and warn only.
check_path()
{
	[[ $1 == *[[:space:]:]* ]] || return 0
	complain "LD_PRELOAD takes no path with a space or a colon: $1${2:+; $2}"
	return 1
}

# ld.so only warns about a preload that it cannot load and runs the program bare.
check_preload()
{
	if [ ! -r "$SYMFAST_LIB" ]; then
		complain "no such library: $SYMFAST_LIB"
		return 1
	fi
	LD_PRELOAD=$SYMFAST_LIB /bin/cat /proc/self/maps 2>/dev/null | grep -qF "$SYMFAST_LIB" && return 0
	complain "$SYMFAST_LIB cannot be preloaded:"
	LD_PRELOAD=$SYMFAST_LIB /bin/true
	return 1
}

# For case_prepare: compile_c OUTPUT SOURCE [OPTION...]
compile_c()
{
	local output=$1 source=$2

	shift 2
	cc -O2 -g -std=gnu11 -Wall -Wextra -D_GNU_SOURCE -I"$DEMO_DIR/lib" \
		-o "$output" "$source" "$@" -lpthread -ldl
}

# For case_prepare: the first of these files that is there.
first_of()
{
	local file

	for file; do
		[ -e "$file" ] && echo "$file" && return 0
	done
	echo "none of: $*" >&2
	return 1
}
