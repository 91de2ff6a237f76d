# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# Squid's helper for passwords: a PAM transaction for each line that it reads.
case_order=27
case_title="Squid's basic_pam_auth, one password in four wrong"
case_note='SYMFAST_RETAIN=pam_*.so'
case_full=yes
case_env=('SYMFAST_RETAIN=pam_*.so')

case_prepare()
{
	# shellcheck source=../lib/accounts.sh
	. "$DEMO_DIR/lib/accounts.sh"
	make_accounts "$md5_hash" 'auth required pam_unix.so nodelay' 'account required pam_unix.so' || return
	local i

	for ((i = 0; i < $(amount 2000 600) / 4; i++)); do
		printf 'symfast-demo secret\nsymfast-demo wrong\nsymfast-demo secret\nsymfast-demo secret\n'
	done >"$CASE_WORK/input"
}

case_run()
{
	local n used TIMEFORMAT='%U %S' begin end

	n=$(wc -l <"$CASE_WORK/input")
	begin=${EPOCHREALTIME/[.,]/}
	{ time under "$CASE_WORK/private" "$CASE_WORK" "$CASE_WORK/input" /usr/lib/squid/basic_pam_auth -n symfast-demo \
		>"$CASE_WORK/answers" 2>"$CASE_WORK/errors" 3>&-; } 2>"$CASE_WORK/time" || return
	end=${EPOCHREALTIME/[.,]/}
	cat "$CASE_WORK/errors" >&2
	sort "$CASE_WORK/answers" | uniq -c
	used=$(tail -n 1 "$CASE_WORK/time")
	echo "metric $((n * 1000000 / (end - begin))) N/s requests" >&3
	awk -v n="$n" '{ printf "metric %.3f us CPU time of a request, start included\n", ($1 + $2) * 1e6 / n }' <<<"$used" >&3
}
