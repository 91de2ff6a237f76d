// SPDX-License-Identifier: BSD-2-Clause
// settings.c: see settings.h.
#include "settings.h"

#include "../base/bytes.h"
#include "../base/log.h"

struct sf_settings sf_settings;

struct setting {
	const char *variable;
	unsigned int *value;
	unsigned int def, min, max;
	const char *words; /* NULL for a number */
	/* Only of texts. */
	bool (*form)(const char *value, struct sf_parsed *out);
	struct sf_parsed *parsed;
	char *text;
	size_t size;
	const char *def_text;
};

static const struct setting table[] = {
#define W(name, variable, def, words, text)                                                        \
	{variable, &sf_settings.name, def, 0, 0, words, NULL, NULL, NULL, 0, NULL},
#define N(name, variable, def, min, max, text)                                                     \
	{variable, &sf_settings.name, def, min, max, NULL, NULL, NULL, NULL, 0, NULL},
#define T(name, variable, def, form, size, values, text)                                           \
	{variable,                                                                                 \
	 NULL,                                                                                     \
	 0,                                                                                        \
	 0,                                                                                        \
	 0,                                                                                        \
	 values,                                                                                   \
	 sf_form_##form,                                                                           \
	 &sf_settings.name,                                                                        \
	 sf_settings.name##_text,                                                                  \
	 size,                                                                                     \
	 def},
	SF_SETTINGS(W, N, T)
#undef W
#undef N
#undef T
};

#define COUNT (sizeof(table) / sizeof(table[0]))

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
	if (s->words != NULL)
		append_word(l, s->words, value);
	else
		sf_line_u64(l, value);
}

static void
complain(const struct setting *s, const char *value)
{
	struct sf_line l;

	sf_line_start(&l);
	sf_line_str(&l, s->variable);
	sf_line_str(&l, "=");
	sf_line_quote(&l, value, 64);
	sf_line_str(&l, " is not ");
	if (s->words != NULL) {
		sf_line_str(&l, s->form != NULL && !sf_bytes_has(s->words, '|') ? "" : "one of ");
		sf_line_str(&l, s->words);
	} else {
		sf_line_u64(&l, s->min);
		sf_line_str(&l, " to ");
		sf_line_u64(&l, s->max);
	}
	sf_line_str(&l, "; using ");
	if (s->form != NULL)
		sf_line_str(&l, s->def_text[0] != '\0' ? s->def_text : "none");
	else
		append_value(&l, s, s->def);
	sf_line_write(&l);
}

/* Takes a text and its meaning. False: not of its form, or too long. */
static bool
take_text(const struct setting *s, const char *value)
{
	size_t n = sf_bytes_length(value, s->size);

	if (n == s->size || !s->form(value, s->parsed))
		return false;
	*sf_bytes_put(s->text, value, n) = '\0';
	return true;
}

static void
set_default(const struct setting *s)
{
	if (s->form != NULL)
		take_text(s, s->def_text);
	else
		*s->value = s->def;
}

static void
apply(const struct setting *s, const char *value)
{
	unsigned int parsed = 0;
	bool good;

	if (s->form != NULL)
		good = take_text(s, value);
	else
		good = s->words != NULL ? parse_word(s->words, value, &parsed)
					: parse_number(s, value, &parsed);
	if (!good)
		complain(s, value);
	else if (s->form == NULL)
		*s->value = parsed;
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
			const char *value = value_of(*envp, table[i].variable);

			if (value != NULL)
				apply(&table[i], value);
		}
	}
}

void
sf_settings_print(void)
{
	for (size_t i = 0; i < COUNT; i++) {
		struct sf_line l;

		sf_line_start(&l);
		sf_line_str(&l, table[i].variable);
		sf_line_str(&l, "=");
		if (table[i].form != NULL)
			sf_line_str(&l, table[i].text);
		else
			append_value(&l, &table[i], *table[i].value);
		sf_line_write(&l);
	}
}
