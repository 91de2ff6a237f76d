// SPDX-License-Identifier: BSD-2-Clause
// host.c: N Kerberos contexts; each is asked for the default realm.
#include "cpu.h"

#include <krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long long
once(void)
{
	krb5_context context;
	char *realm = NULL;
	long long n = 0;

	if (krb5_init_context(&context) != 0)
		return 0;
	if (krb5_get_default_realm(context, &realm) == 0)
		n = (long long)strlen(realm);
	krb5_free_default_realm(context, realm);
	krb5_free_context(context);
	return n;
}

int
main(int argc, char **argv)
{
	int n = argc == 2 ? atoi(argv[1]) : 0;
	long long sum = cpu_measure(0, n, once, "Kerberos context");

	printf("%d contexts, %lld letters\n", n, sum);
	return sum == 0;
}
