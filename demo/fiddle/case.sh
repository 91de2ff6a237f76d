# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# Ruby's Fiddle, whose handle['name'] is one dlsym each time.
case_order=30
case_title="ruby Fiddle: handle['cbrt'] and others in a loop"
case_note='an IFUNC of libm is cached like any other name; other objects'"'"' IFUNCs are not.'

case_prepare() { :; }

case_run()
{
	under /usr/bin/ruby "$CASE_DIR/lookup.rb" "$(amount 160000 80000)"
}
