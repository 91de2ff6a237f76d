# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# unixODBC connects with the SQLite driver, from Debian's python3-pyodbc.
case_order=20
case_title='unixODBC + SQLite driver: connect in a loop (python3-pyodbc)'
case_note='unloaded each time: little is expected, driver and answers really go at every close.'

case_prepare() { :; }

case_run()
{
	under /usr/bin/python3 -I "$CASE_DIR/connect.py" 600
}
