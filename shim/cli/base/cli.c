// SPDX-License-Identifier: BSD-2-Clause
// cli.c: see cli.h.
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
cli_complain(const char *format, va_list args, int error)
{
	char text[1024], clean[1024];

	vsnprintf(text, sizeof(text), format, args);
	cli_clean(clean, sizeof(clean), text);
	fprintf(stderr, "symfast: %s%s%s\n", clean, error != 0 ? ": " : "",
		error != 0 ? strerror(error) : "");
}

void
cli_usage(const struct argp_state *state, const char *format, ...)
{
	char text[512], clean[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "%s: %s (see --help)\n", state->name,
		cli_clean(clean, sizeof(clean), text));
	exit(CLI_USAGE);
}

void
cli_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	cli_complain(format, args, 0);
	va_end(args);
}

int
cli_error_errno(int status, const char *format, ...)
{
	int error = errno;
	va_list args;

	va_start(args, format);
	cli_complain(format, args, error);
	va_end(args);
	return status;
}

void
cli_parse(const struct argp *argp, int argc, char **argv, unsigned int flags, void *input)
{
	if (argp_parse(argp, argc, argv, flags, NULL, input) != 0)
		exit(cli_error_errno(CLI_FAILED, "arguments"));
}

bool
cli_number(const char *text, unsigned long min, unsigned long max, unsigned long *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*out = strtoul(text, &end, 10);
	return errno == 0 && *end == '\0' && *out >= min && *out <= max;
}

unsigned long
cli_pid(struct argp_state *state, const char *text)
{
	unsigned long pid = 0;

	if (!cli_number(text, 1, 1ul << 22, &pid))
		cli_usage(state, "not a process id: %s", text);
	return pid;
}

/* The bytes of one well-formed UTF-8 character above ASCII, or 0. */
static size_t
cli_utf8_length(const unsigned char *s)
{
	size_t n = s[0] >= 0xc2 && s[0] < 0xe0   ? 2
		   : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
		   : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
						 : 0;

	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* No overlong forms, surrogates, or what is above the last plane. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

char *
cli_clean(char *to, size_t size, const char *from)
{
	size_t at = 0;

	while (*from != '\0') {
		unsigned char c = (unsigned char)*from;
		size_t n = c < 0x80 ? 1 : cli_utf8_length((const unsigned char *)from);
		/* U+0080 to U+009F are control characters, too. */
		bool bad = c < ' ' || c == 127 || n == 0 ||
			   (c == 0xc2 && (unsigned char)from[1] < 0xa0);

		if (n == 0)
			n = 1;
		if (at + n >= size)
			break;
		if (bad)
			to[at++] = '?';
		else
			for (size_t i = 0; i < n; i++)
				to[at++] = from[i];
		from += n;
	}
	to[at] = '\0';
	return to;
}

void *
cli_or_end(void *memory)
{
	if (memory == NULL) {
		cli_error("no memory");
		exit(CLI_FAILED);
	}
	return memory;
}

void *
cli_alloc(size_t count, size_t size)
{
	return cli_or_end(calloc(count != 0 ? count : 1, size));
}

void *
cli_grow(void *old, size_t count, size_t size)
{
	return cli_or_end(reallocarray(old, count, size));
}

char *
cli_format(const char *format, ...)
{
	va_list args;
	char *out = NULL;

	va_start(args, format);
	if (vasprintf(&out, format, args) < 0)
		out = NULL;
	va_end(args);
	return cli_or_end(out);
}

bool
cli_colours(FILE *out)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fileno(out)) && (no == NULL || *no == '\0') && term != NULL &&
	       strcmp(term, "dumb") != 0;
}
