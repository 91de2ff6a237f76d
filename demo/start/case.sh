# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# Control: what the preload costs a program that does nothing else but start.
case_order=72
case_title='control: starting /bin/true'
case_note='control: slightly worse is expected, mapping one more library at each start.'

case_prepare() { :; }

case_run()
{
	# A preloaded shell passes LD_PRELOAD on to what it starts.
	# shellcheck disable=SC2016 # for that shell to expand
	timed "start /bin/true $(amount 500 150) times" \
		/bin/sh -c 'i=0; while [ $i -lt "$0" ]; do /bin/true; i=$((i + 1)); done; echo $i' "$(amount 500 150)"
}
