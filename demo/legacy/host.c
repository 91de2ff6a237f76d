// SPDX-License-Identifier: BSD-2-Clause
// host.c: N times the legacy provider in a library context of its own, an MD4 hash, and the end of both.
#include "cpu.h"

#include <openssl/evp.h>
#include <openssl/provider.h>
#include <stdio.h>
#include <stdlib.h>

static long long
once(void)
{
	OSSL_LIB_CTX *context = OSSL_LIB_CTX_new();
	OSSL_PROVIDER *provider = OSSL_PROVIDER_load(context, "legacy");
	unsigned char out[EVP_MAX_MD_SIZE] = {0};
	EVP_MD *md4 = EVP_MD_fetch(context, "MD4", NULL);
	unsigned int n = 0;

	if (provider != NULL && md4 != NULL)
		EVP_Digest("abc", 3, out, &n, md4, NULL);
	EVP_MD_free(md4);
	OSSL_PROVIDER_unload(provider);
	OSSL_LIB_CTX_free(context);
	return out[0];
}

int
main(int argc, char **argv)
{
	int n = argc == 2 ? atoi(argv[1]) : 0;
	long long sum = cpu_measure(4, n, once, "legacy provider, load to unload");

	printf("%d hashes, sum %lld\n", n, sum);
	return sum == 0;
}
