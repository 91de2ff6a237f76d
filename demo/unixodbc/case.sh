# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# unixODBC connects with the SQLite driver, from Debian's python3-pyodbc.
case_order=20
case_title='unixODBC + SQLite driver: connect in a loop (python3-pyodbc)'
case_note='connect alone: little is expected, unixODBC reloads its own libodbcinst each time.'

case_prepare() { :; }

case_run()
{
	under /usr/bin/python3 -I "$CASE_DIR/connect.py" "$(amount 600 300)"
}
