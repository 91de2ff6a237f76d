// SPDX-License-Identifier: BSD-2-Clause
// Which releases of Go are known, and the words for what is refused: the same for every processor.
#include "go_plugin.h"

#include "../base/bytes.h"

#include <string.h>

static bool
go_release_digits(const char **s, const char *end)
{
	const char *from = *s;

	while (*s < end && **s >= '0' && **s <= '9')
		(*s)++;
	return *s > from && *s - from <= 4;
}

// No letter (go1.24.4rc1) and no further number (go1.24.4.1).
static bool
go_release_is_sign(char c)
{
	return c != '.' && !(c >= '0' && c <= '9') && !((c | 32) >= 'a' && (c | 32) <= 'z');
}

bool
sf_go_version_listed(const char *version, size_t len)
{
	static const char listed[][5] = {"1.19", "1.21", "1.22", "1.23",
					 "1.24", "1.25", "1.26", "1.27"};

	if (!version || len < 6 || len > 256 || memcmp(version, "go", 2))
		return false;
	for (size_t i = 0; i < sizeof(listed) / sizeof(listed[0]); i++) {
		const char *rest = version + 6, *end = version + len;

		if (memcmp(version + 2, listed[i], 4))
			continue;
		bool whole = rest < end && *rest == '.';
		if (whole && (rest++, !go_release_digits(&rest, end)))
			return false;
		// What a vendor or an experiment adds, behind any sign, is proved by the shape.
		return rest == end || *rest == ' ' || (whole && go_release_is_sign(*rest));
	}
	return false;
}

const char *
sf_go_refusal_word(enum sf_go_refusal why)
{
	static const char words[] =
#define SF_GO_WORD(id, word, text) word "\0"
		SF_GO_REFUSALS(SF_GO_WORD);
#undef SF_GO_WORD

	return (unsigned)why < SF_GO_REFUSAL_COUNT ? sf_bytes_word(words, why) : "unknown";
}

const char *
sf_go_refusal_text(enum sf_go_refusal why)
{
	static const char texts[] =
#define SF_GO_TEXT(id, word, text) text "\0"
		SF_GO_REFUSALS(SF_GO_TEXT);
#undef SF_GO_TEXT

	return (unsigned)why < SF_GO_REFUSAL_COUNT ? sf_bytes_word(texts, why) : "unknown";
}
