// SPDX-License-Identifier: BSD-2-Clause
// host.c: N Kerberos contexts; each is asked for the default realm.
#include "cpu.h"

#include <krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t
once(void)
{
	krb5_context context;
	char *realm = NULL;
	size_t n = 0;

	if (krb5_init_context(&context) != 0)
		return 0;
	if (krb5_get_default_realm(context, &realm) == 0)
		n = strlen(realm);
	krb5_free_default_realm(context, realm);
	krb5_free_context(context);
	return n;
}

int
main(int argc, char **argv)
{
	int n = argc == 2 ? atoi(argv[1]) : 0;
	size_t sum = 0;
	double begin = cpu_us();

	for (int i = 0; i < n; i++)
		sum += once();
	dprintf(3, "metric %.3f us Kerberos context, CPU time\n", (cpu_us() - begin) / n);
	printf("%d contexts, %zu letters\n", n, sum);
	return sum == 0;
}
