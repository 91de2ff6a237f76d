# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# PAM transactions with the modules that Debian's sshd asks: libpam loads all of a service's modules at its start.
case_order=28
case_title="PAM transactions with the modules of Debian's sshd"
case_note='SYMFAST_RETAIN=pam_*.so; libpam loads eleven modules for each transaction.'
case_full=yes
case_env=('SYMFAST_RETAIN=pam_*.so')

case_prepare()
{
	. "$DEMO_DIR/pam/case.sh"
	CASE_DIR=$DEMO_DIR/pam case_prepare || return
	# shellcheck source=case.sh
	. "$DEMO_DIR/login/case.sh"
	cat >"$CASE_WORK/etc/symfast-demo" <<-END
		auth [success=1 default=ignore] pam_unix.so nullok nodelay
		auth requisite pam_deny.so
		auth required pam_permit.so
		account required pam_nologin.so
		account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so
		account requisite pam_deny.so
		account required pam_permit.so
		session required pam_loginuid.so
		session optional pam_keyinit.so force revoke
		session optional pam_motd.so noupdate
		session optional pam_mail.so standard noenv
		session required pam_limits.so
		session required pam_env.so
		session optional pam_umask.so
		session required pam_unix.so
		password [success=1 default=ignore] pam_unix.so obscure yescrypt
	END
}

case_run()
{
	under "$CASE_WORK/host" "$CASE_WORK" "$(amount 1000 300)"
}
