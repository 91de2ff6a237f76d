# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# A C program that connects through unixODBC with the SQLite driver, with an environment of its own each time.
case_order=23
case_title='unixODBC + SQLite driver: environment, connect, query, disconnect (C)'
case_note='SYMFAST_RETAIN=libsqlite3odbc*:libodbcinst*: the driver is unloaded at each disconnect.'
case_env=('SYMFAST_RETAIN=libsqlite3odbc*:libodbcinst*')

case_prepare()
{
	compile_c "$CASE_WORK/host" "$CASE_DIR/host.c" -lodbc
}

case_run()
{
	under "$CASE_WORK/host" "$(amount 1500 400)"
}
