// SPDX-License-Identifier: BSD-2-Clause
// host.c: N PAM transactions in a mount namespace with its own passwd and shadow. Prints how many were let in.
#include "cpu.h"

#include <sched.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

static const char *password;

static int
converse(int n, const struct pam_message **messages, struct pam_response **answers, void *unused)
{
	struct pam_response *a = calloc((size_t)n, sizeof(*a));

	(void)messages;
	(void)unused;
	for (int i = 0; a != NULL && i < n; i++)
		a[i].resp = strdup(password);
	*answers = a;
	return a != NULL ? PAM_SUCCESS : PAM_BUF_ERR;
}

static int
transaction(const char *folder)
{
	const struct pam_conv conversation = {converse, NULL};
	pam_handle_t *handle;
	int result =
		pam_start_confdir("symfast-demo", "symfast-demo", &conversation, folder, &handle);

	if (result != PAM_SUCCESS)
		return result;
	result = pam_authenticate(handle, PAM_SILENT);
	if (result == PAM_SUCCESS)
		result = pam_acct_mgmt(handle, PAM_SILENT);
	pam_end(handle, result);
	return result;
}

static int
cover(const char *folder, const char *file)
{
	char from[4096], to[64];

	snprintf(from, sizeof(from), "%s/%s", folder, file);
	snprintf(to, sizeof(to), "/etc/%s", file);
	return mount(from, to, NULL, MS_BIND, NULL);
}

int
main(int argc, char **argv)
{
	int n = argc == 3 ? atoi(argv[2]) : 0, in = 0, out = 0;
	char folder[4096];
	double begin;

	if (n < 20 || unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    cover(argv[1], "passwd") != 0 || cover(argv[1], "shadow") != 0) {
		perror("pam");
		return 1;
	}
	snprintf(folder, sizeof(folder), "%s/etc", argv[1]);
	begin = cpu_us();
	for (int i = -20; i < n; i++) {
		int result;

		if (i == 0)
			begin = cpu_us();
		password = i % 4 == 3 ? "wrong" : "secret";
		result = transaction(folder);
		if (result == PAM_SUCCESS)
			in++;
		else if (result == PAM_AUTH_ERR)
			out++;
		else
			printf("transaction %d: %d\n", i, result);
	}
	dprintf(3, "metric %.3f us PAM transaction, CPU time\n", (cpu_us() - begin) / n);
	printf("%d let in, %d rejected\n", in, out);
	return 0;
}
