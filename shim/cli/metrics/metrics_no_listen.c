// SPDX-License-Identifier: BSD-2-Clause
// metrics_no_listen.c: `symfast metrics --listen` of a program that was built without libmicrohttpd.
#include "metrics.h"

int
metrics_listen(const char *address, const struct metrics_source *source)
{
	(void)address, (void)source;
	cli_error("--listen: built without libmicrohttpd (install libmicrohttpd-dev and build "
		  "again); --textfile "
		  "needs nothing");
	return CLI_FAILED;
}
