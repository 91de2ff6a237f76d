# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# A Go HTTP service that opens its plugin and looks its symbol up for each request.
case_order=35
case_title='Go HTTP service: plugin.Open + Lookup per request'
case_note='Go programs end without running destructors, so no counters are printed at exit.'

case_prepare()
{
	local go

	go=$(command -v go) || { case_skip='no Go compiler'; return 77; }
	export GOTOOLCHAIN=local GOFLAGS=-mod=mod GOPROXY=off GO111MODULE=on GOCACHE=$CASE_WORK/../go-cache
	(cd "$CASE_DIR/service" && "$go" build -o "$CASE_WORK/service" . &&
		"$go" build -buildmode=plugin -o "$CASE_WORK/page.so" ./page)
}

case_run()
{
	under "$CASE_WORK/service" "$CASE_WORK/page.so" "$(amount full short)"
}
