# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# A SQLite connection that loads spatialite, from Debian's python3 and libsqlite3-mod-spatialite.
case_order=24
case_title='SQLite connection with spatialite loaded (python3 sqlite3)'
case_note='SYMFAST_RETAIN=mod_spatialite*: SQLite closes the extension with the connection.'
case_env=('SYMFAST_RETAIN=mod_spatialite*')

case_prepare() { :; }

case_run()
{
	under /usr/bin/python3 -I "$CASE_DIR/connect.py" "$(amount 300 100)"
}
