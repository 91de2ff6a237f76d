// SPDX-License-Identifier: BSD-2-Clause
// canary.c: see canary.h.
#include "canary.h"

#include "../base/bytes.h"
#include "../base/log.h"
#include "../base/sys.h"
#include "../observe/settings.h"
#include <sys/utsname.h>

/* XXH64 without a seed, as `xxhsum -H1` prints it: never to be changed, see canary.h. */
#define XXH_INLINE_ALL
#define XXH_NO_STREAM
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <xxhash.h>
#pragma GCC diagnostic pop

enum { KEY_HOST, KEY_POD, KEY_PID, KEY_ENV };

SF_LARGE static struct sf_line why;

unsigned int
sf_canary_bucket(const char *key, size_t n)
{
	return (unsigned int)(XXH64(key, n, 0) % 10000);
}

/* The value of a variable, NULL if there is none or it is empty. */
static const char *
canary_variable(char **envp, const char *name)
{
	size_t n = sf_bytes_length(name, 256);

	for (; envp != NULL && *envp != NULL; envp++) {
		const char *e = *envp;
		size_t i = 0;

		while (i < n && e[i] == name[i])
			i++;
		if (i == n && e[n] == '=' && e[n + 1] != '\0')
			return e + n + 1;
	}
	return NULL;
}

static const char *
canary_key_of(char **envp, struct utsname *names, char *digits)
{
	const char *key = NULL;
	uint32_t pid;

	switch (sf_settings.canary_key.n) {
	case KEY_ENV:
		return canary_variable(envp, sf_settings.canary_key_text + sizeof("env:") - 1);
	case KEY_PID:
		digits += 10;
		pid = (uint32_t)sf_syscall6(SYS_getpid, 0, 0, 0, 0, 0, 0);
		do {
			*--digits = (char)('0' + pid % 10);
		} while ((pid /= 10) != 0);
		return digits;
	case KEY_POD:
		key = canary_variable(envp, "POD_NAME");
		if (key == NULL)
			key = canary_variable(envp, "HOSTNAME");
		break;
	default:
		break;
	}
	if (key == NULL && sf_syscall6(SYS_uname, (long)names, 0, 0, 0, 0, 0) == 0)
		key = names->nodename;
	return key;
}

static void
canary_explain(bool have_key)
{
	const struct symfast_shm_control *c = &sf_control;

	why.len = 0;
	sf_line_str(&why, "canary ");
	sf_line_str(&why, sf_settings.canary_text);
	sf_line_str(&why, " by ");
	sf_line_str(&why, sf_settings.canary_key_text);
	sf_line_str(&why, have_key ? ", place " : ": no key");
	if (have_key)
		sf_line_u64(&why, c->canary_bucket);
	if (have_key)
		sf_line_str(&why, " of 10000");
	sf_line_str(&why, c->canary_chosen ? ": chosen" : ": not chosen");
	why.text[why.len] = '\0';
}

SF_START bool
sf_canary_decide(char **envp)
{
	struct symfast_shm_control *c = &sf_control;
	char digits[11] = "";
	struct utsname names;
	const char *key;

	if (sf_settings.canary.n >= 10000)
		return true; /* sf_canary_note() writes it down */
	c->canary_share = sf_settings.canary.n;
	sf_bytes_cut(c->canary_key, sf_settings.canary_key_text, sizeof(c->canary_key));
	key = canary_key_of(envp, &names, digits);
	/* Without a key this process has no bucket. */
	if (key != NULL)
		c->canary_bucket = sf_canary_bucket(key, sf_bytes_length(key, 4096));
	c->canary_chosen = key != NULL && c->canary_bucket < c->canary_share;
	canary_explain(key != NULL);
	return c->canary_chosen;
}

void
sf_canary_note(void)
{
	if (sf_settings.canary.n < 10000)
		return;
	sf_control.canary_share = sf_settings.canary.n;
	sf_control.canary_chosen = 1;
}

SF_START const char *
sf_canary_why(void)
{
	return why.text;
}
