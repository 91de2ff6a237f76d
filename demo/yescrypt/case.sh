# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# A control: the same as pam, with a password hash that is dear on purpose.
case_order=75
case_title='PAM transactions, yescrypt'
case_note='a control: hashing takes most of the time, as it should.'
case_full=yes
case_env=('SYMFAST_RETAIN=pam_*.so')

case_prepare()
{
	. "$DEMO_DIR/pam/case.sh"
	CASE_DIR=$DEMO_DIR/pam case_prepare || return
	# shellcheck source=case.sh
	. "$DEMO_DIR/yescrypt/case.sh"
	# shellcheck disable=SC2016
	echo 'symfast-demo:$y$j9T$nZLPa3qQoBLShNKMnFrQt/$ONIQ2XMYQscy6wRCbyd6SWNrwBH9NjYFor4.Rwu9hx9:19000:0:99999:7:::' >"$CASE_WORK/shadow"
}

case_run()
{
	under "$CASE_WORK/host" "$CASE_WORK" "$(amount 120 40)"
}
