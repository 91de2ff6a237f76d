# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# PAM transactions: libpam opens pam_unix.so and its libraries for each, and closes them at its end.
case_order=22
case_title='PAM transactions with pam_unix, one in four with a wrong password'
case_note='SYMFAST_RETAIN=pam_*.so: the modules stay mapped, and are as new in each transaction.'
case_env=('SYMFAST_RETAIN=pam_*.so')

case_prepare()
{
	compile_c "$CASE_WORK/host" "$CASE_DIR/host.c" -lpam || return
	# Passwords of its own, in a mount namespace of its own.
	if ! unshare -m true 2>/dev/null; then
		case_skip='needs root and mount namespaces: it has a passwd and shadow file of its own'
		return 77
	fi
	mkdir -p "$CASE_WORK/etc"
	printf 'auth required pam_unix.so nodelay\naccount required pam_unix.so\n' >"$CASE_WORK/etc/symfast-demo"
	{ cat /etc/passwd; echo 'symfast-demo:x:54321:54321::/nonexistent:/bin/false'; } >"$CASE_WORK/passwd"
	# The password is "secret", MD5: a dear hash would be all that is measured.
	echo 'symfast-demo:$1$symfast$u5g.SF/FbHE/NdCo0fVOF1:19000:0:99999:7:::' >"$CASE_WORK/shadow"
	chmod 600 "$CASE_WORK/shadow"
}

case_run()
{
	under "$CASE_WORK/host" "$CASE_WORK" "$(amount 1500 400)"
}
