// SPDX-License-Identifier: BSD-2-Clause
// settings.c: see settings.h.
#include "settings.h"

#include "../base/bytes.h"
#include "../base/log.h"

struct sf_settings sf_settings;

/* Every text of the table, in one object: a pointer for each would be a relocation at every start. */
struct texts {
	char none;
#define W(name, variable, def, words, text)                                                        \
	char name##_variable[sizeof(variable)];                                                    \
	char name##_words[sizeof(words)];
#define N(name, variable, def, min, max, text) char name##_variable[sizeof(variable)];
#define T(name, variable, def, form, size, values, text)                                           \
	char name##_variable[sizeof(variable)];                                                    \
	char name##_words[sizeof(values)];                                                         \
	char name##_def[sizeof(def)];
	SF_SETTINGS(W, N, T)
#undef W
#undef N
#undef T
};

static const struct texts texts = {
#define W(name, variable, def, words, text)    .name##_variable = variable, .name##_words = words,
#define N(name, variable, def, min, max, text) .name##_variable = variable,
#define T(name, variable, def, form, size, values, text)                                           \
	.name##_variable = variable, .name##_words = values, .name##_def = def,
	SF_SETTINGS(W, N, T)
#undef W
#undef N
#undef T
};

enum form { FORM_NONE, FORM_mode, FORM_percent, FORM_key, FORM_path, FORM_ratio };

/* Places in `texts` and in sf_settings; 0 in `texts`: there is none. */
struct setting {
	uint16_t variable;
	uint16_t words; /* none for a number */
	uint16_t value; /* of a text: what it means */
	uint8_t form;   /* only of texts, as the next three */
	uint16_t text, size, def_text;
	unsigned int def, min, max;
};

#define TEXT(member)  ((uint16_t)offsetof(struct texts, member))
#define VALUE(member) ((uint16_t)offsetof(struct sf_settings, member))

static const struct setting table[] = {
#define W(name, variable, def, words, text)                                                        \
	{TEXT(name##_variable), TEXT(name##_words), VALUE(name), FORM_NONE, 0, 0, 0, def, 0, 0},
#define N(name, variable, def, min, max, text)                                                     \
	{TEXT(name##_variable), 0, VALUE(name), FORM_NONE, 0, 0, 0, def, min, max},
#define T(name, variable, def, form, size, values, text)                                           \
	{TEXT(name##_variable),                                                                    \
	 TEXT(name##_words),                                                                       \
	 VALUE(name),                                                                              \
	 FORM_##form,                                                                              \
	 VALUE(name##_text),                                                                       \
	 size,                                                                                     \
	 TEXT(name##_def),                                                                         \
	 0,                                                                                        \
	 0,                                                                                        \
	 0},
	SF_SETTINGS(W, N, T)
#undef W
#undef N
#undef T
};

#define COUNT (sizeof(table) / sizeof(table[0]))

static const char *
text_at(uint16_t place)
{
	return (const char *)&texts + place;
}

static unsigned int *
value_at(const struct setting *s)
{
	return (unsigned int *)(void *)((char *)&sf_settings + s->value);
}

static char *
kept_text(const struct setting *s)
{
	return (char *)&sf_settings + s->text;
}

static bool
parse_form(const struct setting *s, const char *value)
{
	struct sf_parsed *out = (struct sf_parsed *)(void *)((char *)&sf_settings + s->value);

	switch ((enum form)s->form) {
	case FORM_mode:
		return sf_form_mode(value, out);
	case FORM_percent:
		return sf_form_percent(value, out);
	case FORM_key:
		return sf_form_key(value, out);
	case FORM_path:
		return sf_form_path(value, out);
	case FORM_ratio:
		return sf_form_ratio(value, out);
	case FORM_NONE:
		break;
	}
	return false;
}

/* The text after "VARIABLE=" in an environment string, or NULL. */
static const char *
value_of(const char *entry, const char *variable)
{
	while (*variable != '\0')
		if (*entry++ != *variable++)
			return NULL;
	return *entry == '=' ? entry + 1 : NULL;
}

static bool
parse_word(const char *words, const char *value, unsigned int *out)
{
	unsigned int place = 0;

	for (const char *w = words;; place++) {
		const char *v = value;

		while (*w != '\0' && *w != '|' && *w == *v) {
			w++;
			v++;
		}
		if ((*w == '\0' || *w == '|') && *v == '\0') {
			*out = place;
			return true;
		}
		while (*w != '\0' && *w != '|')
			w++;
		if (*w++ == '\0')
			return false;
	}
}

static bool
parse_number(const struct setting *s, const char *value, unsigned int *out)
{
	uint64_t n = 0;

	if (*value == '\0')
		return false;
	for (; *value != '\0'; value++) {
		if (*value < '0' || *value > '9')
			return false;
		n = n * 10 + (uint64_t)(*value - '0');
		if (n > s->max)
			return false;
	}
	*out = (unsigned int)n;
	return n >= s->min;
}

static void
append_word(struct sf_line *l, const char *words, unsigned int place)
{
	char one[2] = {0, 0};

	for (; place > 0; words++)
		if (*words == '|')
			place--;
	for (; *words != '\0' && *words != '|'; words++) {
		one[0] = *words;
		sf_line_str(l, one);
	}
}

static void
append_value(struct sf_line *l, const struct setting *s, unsigned int value)
{
	if (s->words != 0)
		append_word(l, text_at(s->words), value);
	else
		sf_line_u64(l, value);
}

static void
complain(const struct setting *s, const char *value)
{
	const char *words = text_at(s->words), *def = text_at(s->def_text);
	struct sf_line l;

	sf_line_start(&l);
	sf_line_str(&l, text_at(s->variable));
	sf_line_str(&l, "=");
	sf_line_quote(&l, value, 64);
	sf_line_str(&l, " is not ");
	if (s->words != 0) {
		sf_line_str(&l, s->form != FORM_NONE && !sf_bytes_has(words, '|') ? "" : "one of ");
		sf_line_str(&l, words);
	} else {
		sf_line_u64(&l, s->min);
		sf_line_str(&l, " to ");
		sf_line_u64(&l, s->max);
	}
	sf_line_str(&l, "; using ");
	if (s->form != FORM_NONE)
		sf_line_str(&l, def[0] != '\0' ? def : "none");
	else
		append_value(&l, s, s->def);
	sf_line_write(&l);
}

/* Takes a text and its meaning. False: not of its form, or too long. */
static bool
take_text(const struct setting *s, const char *value)
{
	size_t n = sf_bytes_length(value, s->size);

	if (n == s->size || !parse_form(s, value))
		return false;
	*sf_bytes_put(kept_text(s), value, n) = '\0';
	return true;
}

static void
set_default(const struct setting *s)
{
	if (s->form != FORM_NONE)
		take_text(s, text_at(s->def_text));
	else
		*value_at(s) = s->def;
}

static void
apply(const struct setting *s, const char *value)
{
	unsigned int parsed = 0;
	bool good;

	if (s->form != FORM_NONE)
		good = take_text(s, value);
	else
		good = s->words != 0 ? parse_word(text_at(s->words), value, &parsed)
				     : parse_number(s, value, &parsed);
	if (!good)
		complain(s, value);
	else if (s->form == FORM_NONE)
		*value_at(s) = parsed;
}

/* Looked at before anything else: a process that opts out sees not even a complaint. */
static bool
disabled(char **envp)
{
	for (; envp != NULL && *envp != NULL; envp++) {
		const char *value = value_of(*envp, "SYMFAST_DISABLE");

		if (value != NULL && sf_bytes_same(value, "1"))
			return true;
	}
	return false;
}

void
sf_settings_read(char **envp)
{
	for (size_t i = 0; i < COUNT; i++)
		set_default(&table[i]);
	sf_settings.disable = disabled(envp);
	if (sf_settings.disable)
		return;
	for (; envp != NULL && *envp != NULL; envp++) {
		if ((*envp)[0] != 'S')
			continue;
		for (size_t i = 0; i < COUNT; i++) {
			const char *value = value_of(*envp, text_at(table[i].variable));

			if (value != NULL)
				apply(&table[i], value);
		}
	}
}

void
sf_settings_print(void)
{
	for (size_t i = 0; i < COUNT; i++) {
		const struct setting *s = &table[i];
		struct sf_line l;

		sf_line_start(&l);
		sf_line_str(&l, text_at(s->variable));
		sf_line_str(&l, "=");
		if (s->form != FORM_NONE)
			sf_line_clean(&l, kept_text(s), SF_LINE_MAX);
		else
			append_value(&l, s, *value_at(s));
		sf_line_write(&l);
	}
}
