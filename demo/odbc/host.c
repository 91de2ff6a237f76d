// SPDX-License-Identifier: BSD-2-Clause
// host.c: N times an ODBC environment, a connection, and the end of both; then N times with a query.
#include "cpu.h"

#include <sql.h>
#include <sqlext.h>
#include <stdio.h>
#include <stdlib.h>

static SQLINTEGER
ask(SQLHDBC connection, int i)
{
	SQLINTEGER answer = -1;
	SQLHSTMT statement;
	char query[64];

	snprintf(query, sizeof(query), "select %d + 1", i);
	SQLAllocHandle(SQL_HANDLE_STMT, connection, &statement);
	if (SQL_SUCCEEDED(SQLExecDirect(statement, (SQLCHAR *)query, SQL_NTS)) &&
	    SQL_SUCCEEDED(SQLFetch(statement)))
		SQLGetData(statement, 1, SQL_C_LONG, &answer, sizeof(answer), NULL);
	SQLFreeHandle(SQL_HANDLE_STMT, statement);
	return answer;
}

static SQLINTEGER
once(int i, int query)
{
	static SQLCHAR target[] = "DRIVER=SQLite3;DATABASE=:memory:";
	SQLINTEGER answer = -1;
	SQLHDBC connection;
	SQLHENV environment;

	SQLAllocHandle(SQL_HANDLE_ENV, SQL_NULL_HANDLE, &environment);
	SQLSetEnvAttr(environment, SQL_ATTR_ODBC_VERSION, (SQLPOINTER)SQL_OV_ODBC3, 0);
	SQLAllocHandle(SQL_HANDLE_DBC, environment, &connection);
	if (SQL_SUCCEEDED(SQLDriverConnect(connection, NULL, target, SQL_NTS, NULL, 0, NULL,
					   SQL_DRIVER_NOPROMPT))) {
		answer = query ? ask(connection, i) : i;
		SQLDisconnect(connection);
	}
	SQLFreeHandle(SQL_HANDLE_DBC, connection);
	SQLFreeHandle(SQL_HANDLE_ENV, environment);
	return answer;
}

int
main(int argc, char **argv)
{
	int n = argc == 2 ? atoi(argv[1]) : 0;
	long long sum = 0;
	double begin;

	for (int i = 0; i < 10; i++)
		sum += once(i, 1);
	begin = cpu_us();
	for (int i = 0; i < n; i++)
		sum += once(i, 0);
	dprintf(3, "metric %.3f us ODBC connection, CPU time\n", (cpu_us() - begin) / n);
	begin = cpu_us();
	for (int i = 0; i < n; i++)
		sum += once(i, 1);
	dprintf(3, "metric %.3f us ODBC connection and query, CPU time\n", (cpu_us() - begin) / n);
	printf("%d connections, sum of answers %lld\n", n, sum);
	return 0;
}
