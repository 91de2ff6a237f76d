// SPDX-License-Identifier: BSD-2-Clause
// settings.c: environments that are almost right. Every setting ends in its range, a line per bad
// value goes to standard error, and nothing else does.
#include "fuzz.h"

#include "observe/settings.h"
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROUNDS  100000
#define ENTRIES 12

struct field {
	const char *variable;
	unsigned int *value;
	unsigned int def, min, max;
	const char *words;
	const char *text; /* of a setting that is a text; `max` bytes */
};

/* Every form of text, for every setting that is one. */
#define EXAMPLES                                                                                   \
	"off|observe|verify|verify:1/64|on|ab:50|ab:0.5%|5%|100%|1/4096|0|host|env:X|/run/x|/"

static const struct field fields[] = {
#define W(name, variable, def, words, text) {variable, &sf_settings.name, def, 0, 0, words, NULL},
#define N(name, variable, def, min, max, text)                                                     \
	{variable, &sf_settings.name, def, min, max, NULL, NULL},
#define T(name, variable, def, form, size, values, text)                                           \
	{variable, NULL, 0, 0, size, EXAMPLES, sf_settings.name##_text},
	SF_SETTINGS(W, N, T)
#undef W
#undef N
#undef T
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static unsigned int
word_count(const char *words)
{
	unsigned int n = 1;

	for (; *words != '\0'; words++)
		n += *words == '|';
	return n;
}

/* One byte changed, doubled, dropped, or a digit more; `room` bytes at `s` with the NUL. */
static void
mutate(char *s, size_t room)
{
	size_t len = strlen(s), at = fuzz_below(len + 1);

	switch (fuzz_below(5)) {
	case 0:
		if (at < len)
			s[at] = (char)(1 + fuzz_below(255));
		break;
	case 1:
		if (len + 2 < room)
			memmove(s + at + 1, s + at, len - at + 1);
		break;
	case 2:
		if (at < len)
			memmove(s + at, s + at + 1, len - at);
		break;
	case 3:
		if (len + 2 < room) {
			s[len] = (char)('0' + fuzz_below(10));
			s[len + 1] = '\0';
		}
		break;
	default:
		break;
	}
}

static void
compose(char *entry, size_t room)
{
	const struct field *f = &fields[fuzz_below(FIELDS)];
	char word[64] = "";

	if (f->words != NULL) {
		const char *w = f->words;

		for (uint64_t n = fuzz_below(word_count(f->words)); n > 0; w++)
			n -= *w == '|';
		snprintf(word, sizeof(word), "%.*s", (int)strcspn(w, "|"), w);
	} else {
		snprintf(word, sizeof(word), "%llu",
			 (unsigned long long)fuzz_below(2ull * f->max + 2));
	}
	snprintf(entry, room, "%s=%s", f->variable, word);
	for (uint64_t n = fuzz_below(4); n > 0; n--)
		mutate(entry, room);
}

static void
check(unsigned long round)
{
	for (size_t i = 0; i < FIELDS; i++) {
		const struct field *f = &fields[i];
		unsigned int v = f->text == NULL ? *f->value : 0;

		if (f->text != NULL)
			FUZZ_DEMAND(strnlen(f->text, f->max) < f->max, f->variable, round);
		else if (f->words != NULL)
			FUZZ_DEMAND(v < word_count(f->words), f->variable, round);
		else
			FUZZ_DEMAND(v >= f->min && v <= f->max, f->variable, round);
	}
}

/* What was written: whole lines of ours, printable, at most one per entry. */
static void
check_output(int file, unsigned long round)
{
	static char text[ENTRIES * 600 + 1];
	ssize_t n = pread(file, text, sizeof(text) - 1, 0);
	unsigned int lines = 0;

	FUZZ_DEMAND(n >= 0 && n < (ssize_t)sizeof(text) - 1, "too much output", round);
	for (char *line = text; line < text + n; lines++) {
		char *end = memchr(line, '\n', (size_t)(text + n - line));

		FUZZ_DEMAND(end != NULL, "a line without end", round);
		/* Of a variable, or of the settings file that one names. */
		FUZZ_DEMAND(strncmp(line, "symfast: SYMFAST", 16) == 0 ||
				    strncmp(line, "symfast: /", 10) == 0,
			    "a strange line", round);
		for (char *c = line; c < end; c++)
			FUZZ_DEMAND(*c >= ' ' && *c < 127, "a control character", round);
		line = end + 1;
	}
	FUZZ_DEMAND(lines <= ENTRIES, "too many lines", round);
	text[n > 0 ? n : 0] = '\0';
	/* Fail safe: what was told to mean off means it. */
	FUZZ_DEMAND((strstr(text, "; using SYMFAST=off\n") != NULL) == (sf_settings.wrong != 0),
		    "wrong, and not told", round);
	FUZZ_DEMAND(!sf_settings.wrong || sf_settings.mode.n == SF_MODE_OFF, "wrong, and on",
		    round);
}

static void
check_parsed(unsigned long round)
{
	FUZZ_DEMAND(sf_settings.mode.n <= SF_MODE_AB, "mode", round);
	FUZZ_DEMAND(sf_settings.mode.n != SF_MODE_AB || sf_settings.mode.arg - 1 < 9999, "share",
		    round);
	FUZZ_DEMAND(sf_settings.canary.n <= 10000, "canary", round);
	FUZZ_DEMAND(sf_settings.sample.n <= 1u << 30, "sample", round);
	FUZZ_DEMAND(sf_settings.canary_key.n <= 3, "key", round);
}

int
main(void)
{
	int file = memfd_create("stderr", 0);
	unsigned long disabled = 0, complaints = 0;

	fuzz_start();
	if (file < 0 || dup2(file, 2) != 2)
		return EXIT_FAILURE;
	for (unsigned long round = 0; round < ROUNDS; round++) {
		char entries[ENTRIES][128], *envp[ENTRIES + 1];

		for (int i = 0; i < ENTRIES; i++) {
			compose(entries[i], sizeof(entries[i]));
			envp[i] = entries[i];
		}
		envp[fuzz_below(ENTRIES + 1)] = NULL;
		envp[ENTRIES] = NULL;
		if (ftruncate(file, 0) != 0 || lseek(file, 0, SEEK_SET) != 0)
			return EXIT_FAILURE;
		sf_settings_read(envp);
		check(round);
		check_parsed(round);
		check_output(file, round);
		disabled += sf_settings.disable;
		complaints += lseek(file, 0, SEEK_END) > 0;
	}
	printf("%d environments: %lu disabled, %lu with complaints\n", ROUNDS, disabled,
	       complaints);
	return disabled > 0 && complaints > ROUNDS / 10 ? EXIT_SUCCESS : EXIT_FAILURE;
}
