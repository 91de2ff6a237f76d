# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs one case: stock and symfast alternating, output kept apart from the metrics.
#
# A case is a folder with a case.sh, sourced by demo/run, that sets
#	case_order	place in the table, smallest first
#	case_title	one line for --list
#	case_note	line under the table, where a reader would otherwise expect more; may be empty
#	case_counted	families of counters that make the hit share; default look-ups only
#	case_full	yes: part of --full and of no run that names no case
#	case_env	array, settings of the symfast arm only, such as SYMFAST=off; with SYMFAST_RETAIN=... the
#			case has four arms in demo/run --arms: stock, map (without it), fresh (with it), keep
# and defines
#	case_prepare	once: compile what it needs into $CASE_WORK. Status 77: not possible here,
#			and why in $case_skip
#	case_run	once per repetition, never a cd: starts the programs with under, timed or start.
#			Its stdout, stderr and status are compared; metrics go to descriptor 3, one line
#			"metric VALUE UNIT WHAT..." each; unit ns, us, ms, s, or N/s where more is better
# amount FULL SHORT gives the first with --full and the second without.
# CASE_DIR is the case's folder, CASE_WORK its scratch folder.

arm=stock turn=first
stats=()
running=()

# Starts PROGRAM in the background under the current arm; its process id for finish is in $started.
start()
{
	local settings=() ours=("LD_PRELOAD=$SYMFAST_LIB" "SYMFAST_SHM_DIR=$segments") rss=()

	# env gets LD_PRELOAD as an argument, so that only the program itself is preloaded.
	case $arm in
	stock)	;;
	map)	settings=("${ours[@]}") ;;
	keep)	settings=("${ours[@]}" "$(sed 's/:/=keep:/g; s/$/=keep/' <<<"${case_env[0]}")") ;;
	*)	settings=("${ours[@]}" "${case_env[@]}" "${stats[@]}") ;;
	esac
	! $arms || rss=("$DEMO_WORK/rss" "$CASE_WORK/$arm.$turn.rss")
	timeout -k 5 "$DEMO_TIMEOUT" "${rss[@]}" env "${settings[@]}" "$@" </dev/null 9>&- &
	started=$!
	running+=("$started")
}

amount()
{
	if $full; then echo "$1"; else echo "$2"; fi
}

# Waits for what start started and returns its status.
finish()
{
	local pid left=() status

	wait "$1"
	status=$?
	for pid in "${running[@]}"; do
		[ "$pid" = "$1" ] || left+=("$pid")
	done
	running=("${left[@]}")
	return $status
}

# Runs PROGRAM under the current arm.
under()
{
	start "$@"
	finish "$started"
}

# timed WHAT PROGRAM...: for programs that do not measure themselves, the metric is the wall time.
timed()
{
	local what=$1 begin end status

	shift
	begin=${EPOCHREALTIME/[.,]/}
	under "$@"
	status=$?
	end=${EPOCHREALTIME/[.,]/}
	echo "metric $((end - begin)) us $what" >&3
	return $status
}

# Ends whatever a case left behind; timeout passes the signal on to its program's group.
stop_running()
{
	local pid

	for pid in "${running[@]}"; do
		kill "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	running=()
}

load_case()
{
	unset -f case_prepare case_run
	case_order=99 case_title='' case_note='' case_skip='' case_full='' case_env=()
	case_counted='dlsym default dlvsym'
	CASE_DIR=$DEMO_DIR/$1
	CASE_WORK=$DEMO_WORK/$1
	# shellcheck source=/dev/null
	. "$CASE_DIR/case.sh"
}

# describe_status STATUS BASE: bash's and timeout's statuses in words, and the program's last.
describe_status()
{
	if [ "$1" -eq 124 ]; then
		echo "did not end within $DEMO_TIMEOUT s"
	elif [ "$1" -gt 128 ]; then
		echo "was ended by SIG$(kill -l $(($1 - 128)))"
	else
		echo "ended with status $1: $(tail -qn 1 "$2.out" "$2.err" | tr '\n' ' ')"
	fi
}

# run_once ARM TAG: leaves $CASE_WORK/ARM.TAG.{out,err,metric}; only status 0 is right in any arm.
run_once()
{
	local base status

	arm=$1 turn=$2
	base=$CASE_WORK/$1.$2
	case_run >"$base.out" 2>"$base.err" 3>"$base.metric"
	status=$?
	stop_running
	if [ $status -ne 0 ]; then
		failure="$1 run $(describe_status $status "$base")"
	elif ! cmp -s "$CASE_WORK/stock.first.out" "$base.out"; then
		different=$base.out
	elif [ ${#stats[@]} -eq 0 ] && ! cmp -s "$CASE_WORK/stock.first.err" "$base.err"; then
		different=$base.err
	fi
	[ -z "$failure$different" ]
}

# The share of answers from memory among all of the counted families, as the shim printed them at
# exit: every call counts in one outcome FAMILY.OUTCOME.
hit_share()
{
	awk -v families=" $case_counted " '
		$1 != "symfast:" || $3 !~ /^[0-9]+$/ { next }
		{ split($2, part, ".") }
		# Of the walks some also waited, or were ended by libc: no calls of their own.
		index(families, " " part[1] " ") == 0 || part[2] ~ /^(wait|rest)$/ { next }
		part[2] ~ /^(hit|shared|negative|index|own|walk)$/ { hits += $3 }
		{ all += $3 }
		END {
			# Cut off, never rounded up: 100% means every single one.
			if (!all) print "-"
			else printf "%.5g%%\n", int(1000 * hits / all) / 10
		}
	' "$1"
}

# prepare NAME: an empty folder with what the case makes in it; 77: not possible here ($case_skip), 1: sets $failure.
prepare()
{
	progress "$1: preparing"
	rm -rf "$CASE_WORK" && mkdir -p "$CASE_WORK" || return 1
	case_prepare >"$CASE_WORK/prepare.log" 2>&1
	case $? in
	0)	;;
	77)	case_skip=${case_skip:-not possible here}; return 77 ;;
	*)	failure="could not be prepared: $(tail -n 1 "$CASE_WORK/prepare.log")"; return 1 ;;
	esac
}

# measure_case NAME: sets $failure (a program failed), $different (a file that differs), $hits.
measure_case()
{
	local pair

	failure='' different='' hits=- stats=()
	prepare "$1" || return

	# Unmeasured: warms the page cache, and is what every later output is held against.
	progress "$1: first run"
	run_once stock first || return 1
	for ((pair = 1; pair <= DEMO_RUNS; pair++)); do
		progress "$1: pair $pair of $DEMO_RUNS"
		# Which arm goes first changes with each pair, so that a drift favours neither.
		if ((pair % 2)); then
			run_once stock $pair && run_once symfast $pair || return 1
		else
			run_once symfast $pair && run_once stock $pair || return 1
		fi
	done
	progress "$1: counters"
	stats=(SYMFAST_STATS=1)
	run_once symfast stats || return 1
	hits=$(hit_share "$CASE_WORK/symfast.stats.err")
}

# The same with four arms, after each other in an order that turns. Sets $failure, $different.
measure_arms()
{
	local round each order=(stock map fresh keep)

	failure='' different='' stats=()
	prepare "$1" || return
	run_once stock first || return 1
	for ((round = 1; round <= DEMO_RUNS; round++)); do
		progress "$1: round $round of $DEMO_RUNS"
		for each in "${order[@]}"; do
			run_once "$each" $round || return 1
		done
		order=("${order[@]:1}" "${order[0]}")
	done
}
