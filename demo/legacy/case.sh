# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# A control: OpenSSL's legacy provider, loaded for one hash and unloaded.
case_order=76
case_title="OpenSSL: load the legacy provider, hash, unload"
case_note='a control: OpenSSL itself takes most of the time.'
case_full=yes
case_env=('SYMFAST_RETAIN=legacy.so')

case_prepare()
{
	compile_c "$CASE_WORK/host" "$CASE_DIR/host.c" -lcrypto
}

case_run()
{
	under "$CASE_WORK/host" "$(amount 1000 300)"
}
