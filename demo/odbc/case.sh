# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# A C program that connects through unixODBC with the SQLite driver, with an environment of its own each time. unixODBC is told to
# unload the driver at the disconnect (DontDLClose=0; without that line it never does). It asks the driver for 337 names.
case_order=23
case_title='unixODBC + SQLite driver, unloaded at each disconnect (C)'
case_note='SYMFAST_RETAIN=libsqlite3odbc*:libodbcinst*, DontDLClose=0; the map alone learns 337 names for each load in vain.'
case_env=('SYMFAST_RETAIN=libsqlite3odbc*:libodbcinst*')

case_prepare()
{
	printf '[SQLite3]\nDriver=libsqlite3odbc.so\nDontDLClose=0\n' >"$CASE_WORK/odbcinst.ini"
	compile_c "$CASE_WORK/host" "$CASE_DIR/host.c" -lodbc
}

case_run()
{
	under env ODBCSYSINI="$CASE_WORK" "$CASE_WORK/host" "$(amount 800 200)"
}
