# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# For case_prepare: accounts and a PAM service of a case's own, which lib/private.c puts over those of the machine.

# make_accounts HASH LINE...: user symfast-demo with this hash of "secret", and service symfast-demo with these lines.
make_accounts()
{
	local hash=$1

	if ! unshare -m true 2>/dev/null; then
		case_skip='needs root and mount namespaces: it has a passwd and shadow file of its own'
		return 77
	fi
	shift
	mkdir -p "$CASE_WORK/etc" || return
	cp -r /etc/pam.d "$CASE_WORK/etc/" || return
	printf '%s\n' "$@" >"$CASE_WORK/etc/pam.d/symfast-demo"
	{ cat /etc/passwd; echo 'symfast-demo:x:54321:54321::/nonexistent:/bin/false'; } >"$CASE_WORK/etc/passwd"
	echo "symfast-demo:$hash:19000:0:99999:7:::" >"$CASE_WORK/etc/shadow"
	chmod 600 "$CASE_WORK/etc/shadow"
	compile_c "$CASE_WORK/private" "$DEMO_DIR/lib/private.c"
}

# The passwords are "secret"; MD5, because a dear hash would be all that is measured, and yescrypt for those who want to see that.
# shellcheck disable=SC2016,SC2034
md5_hash='$1$symfast$u5g.SF/FbHE/NdCo0fVOF1'
