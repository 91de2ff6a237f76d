// SPDX-License-Identifier: BSD-2-Clause
// sample_none.c: `symfast sample` where libunwind was not found when symfast was built.
#include "sample.h"

#include "../base/cli.h"

int
sample_run(const struct sample *s)
{
	(void)s;
	cli_error("sample: this symfast was built without libunwind: build it with libunwind-dev "
		  "installed");
	return CLI_FAILED;
}
