# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# A control: GStreamer keeps its plugins loaded by itself.
case_order=78
case_title='GStreamer: a pipeline for each sound'
case_note='a control: GStreamer never unloads a plugin.'
case_full=yes
case_env=('SYMFAST_RETAIN=libgst*.so')

case_prepare()
{
	local flags

	read -ra flags < <(pkg-config --cflags --libs gstreamer-1.0) || return
	compile_c "$CASE_WORK/host" "$CASE_DIR/host.c" "${flags[@]}"
}

case_run()
{
	under env GST_REGISTRY="$CASE_WORK/registry" "$CASE_WORK/host" "$(amount 600 200)"
}
