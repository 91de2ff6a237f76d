# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs commands so that an interrupt ends them, their tests, and whatever these have started.

child=

# Where this run complains, whatever is redirected where a trap is run.
exec 7>&2

# children COMMAND...: waits for it; bash runs a trap only where it waits, so the command is behind it.
children()
{
	local status

	# As a job of its own: without job control bash has its background ignore SIGINT, and tests with it.
	set -m
	"$@" </dev/null 7>&- 9>&- &
	child=$!
	set +m
	wait "$child"
	status=$?
	child=
	return $status
}

# Every process below PID. Tests have sessions of their own, so no process group holds them all.
below()
{
	# By cat, because awk ends at a file that is gone by now.
	cat /proc/[0-9]*/stat 2>/dev/null | awk -v top="$1" '
		{ pid = $1; sub(/.*\) . /, ""); parent[pid] = $1 }
		END {
			for (p in parent) {
				for (q = p; q in parent && q != top; q = parent[q]) ;
				if (q == top && p != top) print p
			}
		}'
}

alive()
{
	[ -n "$1" ] && kill -0 "$1" 2>/dev/null
}

# Asks the command to end, which ends its tests; kills what is left, and takes its segments away.
end_children()
{
	local pid all waited

	alive "$child" || return 0
	mapfile -t all < <(below "$child")
	kill -TERM "$child" 2>/dev/null
	for ((waited = 0; waited < 50; waited++)); do
		alive "$child" || break
		sleep 0.1
	done
	for pid in "$child" "${all[@]}"; do
		kill -KILL "$pid" 2>/dev/null
	done
	wait "$child" 2>/dev/null
	for pid in "${all[@]}"; do
		rm -f "/dev/shm/symfast.$(id -u).$pid"
	done
}

# interrupted STATUS: the end of the run, whatever was to come.
interrupted()
{
	trap '' INT TERM HUP
	exec 2>&7
	end_children
	complain "interrupted: what was not run is neither passed nor failed"
	exit "$1"
}
