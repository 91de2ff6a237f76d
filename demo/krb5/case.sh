# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# A control: a Kerberos context reads its configuration, and loads plugins only where there are some.
case_order=77
case_title='Kerberos: a context and its default realm'
case_note='a control: little of it is loading.'
case_full=yes
case_env=('SYMFAST_RETAIN=*')

case_prepare()
{
	printf '[libdefaults]\n default_realm = EXAMPLE.ORG\n' >"$CASE_WORK/krb5.conf"
	compile_c "$CASE_WORK/host" "$CASE_DIR/host.c" -lkrb5
}

case_run()
{
	under env KRB5_CONFIG="$CASE_WORK/krb5.conf" "$CASE_WORK/host" "$(amount 4000 1000)"
}
