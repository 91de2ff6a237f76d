# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs meson's tests and counts what came of them: $passed, $failed, $skipped.

# A step that cannot run here counts as one skipped test, and says why.
skip()
{
	complain "skipped: $*"
	skipped=$((skipped + 1))
}

fail()
{
	complain "failed: $*"
	failed=$((failed + 1))
}

# "SUITE<TAB>NAME" of every test, as meson has them.
names_of()
{
	meson introspect --tests "$1" | python3 -c 'import json, sys
for test in json.load(sys.stdin):
    print(test["suite"][0].split(":")[-1], test["name"], sep="\t")'
}

# What ninja has to build for SUITES; nothing, which is everything, where meson cannot say (before 0.57) or where suites use
# each other's programs without a word to meson. targets_of DIR SUITE...
targets_of()
{
	local dir=$1

	shift
	[[ ! " $* " =~ \ (asm|builds|bench|cli|go|rollout)\  ]] || return 0
	python3 - "$dir" "$@" <<-'END'
		import json, os, sys
		place, suites = os.path.realpath(sys.argv[1]), set(sys.argv[2:])
		if not os.path.exists(f'{place}/meson-info/intro-tests.json'):
		    sys.exit()
		known = lambda what: json.load(open(f'{place}/meson-info/intro-{what}.json'))
		files = {t['id']: t['filename'] for t in known('targets')}
		wanted = set()
		for test in known('tests'):
		    if suites & {suite.split(':')[-1] for suite in test['suite']}:
		        if 'depends' not in test:
		            sys.exit()
		        wanted.update(file for name in test['depends'] for file in files[name])
		print(*(os.path.relpath(file, place) for file in sorted(wanted)), sep='\n')
	END
}

# Tests wait for processors, too: their limits grow with what the machine has to do already,
# and by a factor where every program is emulated.
limits()
{
	awk -v cpus="$(nproc)" -v slow="${TESTS_SLOWER:-1}" \
		'{ n = 3 + int(2 * $1 / cpus); print slow * (n > 20 ? 20 : n) }' /proc/loadavg
}

# Some tests wait for time more than for a processor: two more at once than there are processors.
processes()
{
	echo $(($(nproc) + 2))
}

# Adds meson's results to the totals. The log has one JSON line per test.
tally()
{
	local p f s

	read -r p f s < <(python3 - "$1" <<-'END'
		import json, sys
		passed = failed = skipped = 0
		for line in open(sys.argv[1]):
		    test = json.loads(line)
		    if test['result'] in ('OK', 'EXPECTEDFAIL'):
		        passed += 1
		    elif test['result'] == 'SKIP':
		        skipped += 1
		    else:
		        failed += 1
		print(passed, failed, skipped)
		END
	)
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# run_tests DIR WHAT WORDS...: meson test with these words; WHAT names the log.
run_tests()
{
	local dir=$1 what=$2 start=$SECONDS log filter
	shift 2

	log="$dir/meson-logs/testlog-$what.json"
	rm -f "$log"
	say "$what"
	exec 8> >(exec grep --line-buffered -vE '^(ninja: |Full log|$)|^(Expected|Unexpected|Timeout|Fail:|Ok:|Skipped:)')
	filter=$!
	children meson test -C "$dir" --no-rebuild --print-errorlogs -t "$(limits)" \
		--num-processes "$(processes)" --logbase "testlog-$what" "$@" >&8 2>&1 8>&-
	exec 8>&-
	wait "$filter"
	if [ -s "$log" ]; then
		tally "$log"
	else
		fail "$what: meson ran no test"
	fi
	printf '%s: %d s\n' "$what" $((SECONDS - start))
}

# run_suites DIR WHAT SUITE...: all at once, so that tests of several suites share the processors.
run_suites()
{
	local dir=$1 what=$2 suite words=()
	shift 2

	for suite; do
		words+=(--suite "$suite")
	done
	run_tests "$dir" "$what" "${words[@]}"
}
