// SPDX-License-Identifier: BSD-2-Clause
// settings.c: see settings.h.
#include "settings.h"

#include "../base/bytes.h"
#include "../base/log.h"
#include "conf.h"

/* What the default texts mean: the start reads them and writes nothing. tests/unit/settings holds them to that. */
#define MEANS_mode                                                                                 \
	{                                                                                          \
		SF_MODE_ON, 0                                                                      \
	}
#define MEANS_canary                                                                               \
	{                                                                                          \
		10000, 0                                                                           \
	}
#define MEANS_canary_key                                                                           \
	{                                                                                          \
		0, 0                                                                               \
	}
#define MEANS_kill_file                                                                            \
	{                                                                                          \
		0, 0                                                                               \
	}
#define MEANS_shm_dir                                                                              \
	{                                                                                          \
		1, 0                                                                               \
	}
#define MEANS_sample                                                                               \
	{                                                                                          \
		4096, 0                                                                            \
	}
#define MEANS_sites                                                                                \
	{                                                                                          \
		0, 0                                                                               \
	}
#define MEANS_sites_file                                                                           \
	{                                                                                          \
		0, 0                                                                               \
	}
#define MEANS_conf                                                                                 \
	{                                                                                          \
		1, 0                                                                               \
	}
#define MEANS_retain                                                                               \
	{                                                                                          \
		0, 0                                                                               \
	}

struct sf_settings sf_settings = {
#define W(name, variable, def, words, text)              .name = def,
#define N(name, variable, def, min, max, text)           .name = def,
#define T(name, variable, def, form, size, values, text) .name = MEANS_##name, .name##_text = def,
	SF_SETTINGS(W, N, T)
#undef W
#undef N
#undef T
};

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

#define NAME_MOST  64
#define SLIP_MOST  2                        /* letters that are wrong by a slip */
#define STEM_LEAST (sizeof("SYMFAST_") + 3) /* letters that say what is meant */

enum form { FORM_NONE, FORM_mode, FORM_percent, FORM_key, FORM_path, FORM_ratio, FORM_list };

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

/* SYMFAST itself comes first, then SYMFAST_CONF. */
#define CONF 1
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

/* The file that is being read; NULL: the environment is. */
SF_FIRST static const struct sf_conf *settings_file;

static const char *
settings_text_at(uint16_t place)
{
	return (const char *)&texts + place;
}

static unsigned int *
settings_value_at(const struct setting *s)
{
	return (unsigned int *)(void *)((char *)&sf_settings + s->value);
}

static char *
settings_kept_text(const struct setting *s)
{
	return (char *)&sf_settings + s->text;
}

static bool
settings_parse_form(const struct setting *s, const char *value)
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
	case FORM_list:
		return sf_form_list(value, out);
	case FORM_NONE:
		break;
	}
	return false;
}

/* The text after "VARIABLE=" in an environment string, or NULL. */
static const char *
settings_value_of(const char *entry, const char *variable)
{
	while (*variable != '\0')
		if (*entry++ != *variable++)
			return NULL;
	return *entry == '=' ? entry + 1 : NULL;
}

static bool
settings_parse_number(const struct setting *s, const char *value, unsigned int *out)
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

/* A complaint; about the settings file it begins with the place. */
static void
settings_line_start(struct sf_line *l)
{
	sf_line_start(l);
	if (settings_file == NULL)
		return;
	sf_line_clean(l, sf_settings.conf_text, sizeof(sf_settings.conf_text));
	if (settings_file->line != 0) {
		sf_line_str(l, ":");
		sf_line_u64(l, settings_file->line);
	}
	sf_line_str(l, ": ");
}

static void
settings_append_word(struct sf_line *l, const char *words, unsigned int place)
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
settings_append_value(struct sf_line *l, const struct setting *s, unsigned int value)
{
	if (s->words != 0)
		settings_append_word(l, settings_text_at(s->words), value);
	else
		sf_line_u64(l, value);
}

/* Is it one of those that mean off when they are wrong? */
static bool
settings_limits(const struct setting *s)
{
	return sf_form_is_in(SF_SETTINGS_SAFE, settings_text_at(s->variable),
			     sf_bytes_length(settings_text_at(s->variable), NAME_MOST));
}

static void
settings_complain(const struct setting *s, const char *value)
{
	const char *words = settings_text_at(s->words), *def = settings_text_at(s->def_text);
	struct sf_line l;

	settings_line_start(&l);
	sf_line_str(&l, settings_text_at(s->variable));
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
	if (settings_limits(s))
		sf_line_str(&l, "SYMFAST=off");
	else if (s->form != FORM_NONE)
		sf_line_str(&l, def[0] != '\0' ? def : "none");
	else
		settings_append_value(&l, s, s->def);
	sf_line_write(&l);
}

/* Takes a text and its meaning. False: not of its form, or too long. */
static bool
settings_take_text(const struct setting *s, const char *value)
{
	size_t n = sf_bytes_length(value, s->size);

	if (n == s->size || !settings_parse_form(s, value))
		return false;
	*sf_bytes_put(settings_kept_text(s), value, n) = '\0';
	return true;
}

static void
settings_set_default(const struct setting *s)
{
	if (s->form != FORM_NONE)
		settings_take_text(s, settings_text_at(s->def_text));
	else
		*settings_value_at(s) = s->def;
}

static void
settings_apply(const struct setting *s, const char *value)
{
	unsigned int parsed = 0;
	bool good;

	if (s->form != FORM_NONE)
		good = settings_take_text(s, value);
	else
		good = s->words != 0 ? sf_form_word(settings_text_at(s->words), value, &parsed)
				     : settings_parse_number(s, value, &parsed);
	if (!good) {
		settings_complain(s, value);
		sf_settings.wrong |= settings_limits(s);
	} else if (s->form == FORM_NONE) {
		*settings_value_at(s) = parsed;
	}
}

/* The value of this variable; of several the last, NULL: none. */
static const char *
settings_find(char **envp, const char *variable)
{
	const char *found = NULL;

	for (; envp != NULL && *envp != NULL; envp++) {
		const char *value = (*envp)[0] == 'S' ? settings_value_of(*envp, variable) : NULL;

		if (value != NULL)
			found = value;
	}
	return found;
}

static bool
settings_is_on(char **envp, const char *variable)
{
	const char *value = settings_find(envp, variable);
	unsigned int on = 0;

	return value != NULL && sf_form_word("0|1", value, &on) && on != 0;
}

/* Not a slip but another form of a name: SYMFAST_KILL, SYMFAST_CANARY_PERCENT. */
static bool
settings_extends(const char *name, size_t n, const char *known)
{
	size_t m = sf_bytes_length(known, NAME_MOST), i = 0;

	while (i < n && i < m && name[i] == known[i])
		i++;
	return i >= STEM_LEAST && (i == n || i == m);
}

static const struct setting *
settings_limit_that_extends(const char *name, size_t n)
{
	for (size_t i = 1; i < COUNT; i++)
		if (settings_limits(&table[i]) &&
		    settings_extends(name, n, settings_text_at(table[i].variable)))
			return &table[i];
	return NULL;
}

/* A tie goes to the setting that limits. */
static const struct setting *
settings_nearest(const char *name, size_t n)
{
	const struct setting *best = &table[0];
	unsigned int least = sf_form_distance(name, n, settings_text_at(best->variable));

	for (size_t i = 1; i < COUNT; i++) {
		unsigned int d = sf_form_distance(name, n, settings_text_at(table[i].variable));

		if (d < least || (d == least && settings_limits(&table[i]))) {
			best = &table[i];
			least = d;
		}
	}
	if (least > SLIP_MOST && settings_limit_that_extends(name, n) != NULL)
		return settings_limit_that_extends(name, n);
	return best;
}

/* A variable with our prefix that no setting has: a slip of somebody's keyboard. */
static void
settings_unknown(const char *entry)
{
	size_t n = sf_form_name_length(entry);
	const struct setting *s;
	struct sf_line l;

	if (entry[n] != '=' || sf_form_is_in(SF_SETTINGS_OTHERS, entry, n))
		return;
	s = settings_nearest(entry, n);
	sf_settings.wrong |= settings_limits(s);
	settings_line_start(&l);
	sf_line_clean(&l, entry, n < 64 ? n : 64);
	sf_line_str(&l, " is not a setting; the nearest is ");
	sf_line_str(&l, settings_text_at(s->variable));
	sf_line_str(&l, settings_limits(s) ? "; using SYMFAST=off" : "; ignored");
	sf_line_write(&l);
}

static void
settings_read_entry(const char *entry)
{
	if (!sf_bytes_begins(entry, "SYMFAST"))
		return;
	for (size_t i = 0; i < COUNT; i++) {
		const char *value = settings_value_of(entry, settings_text_at(table[i].variable));

		if (value == NULL)
			continue;
		settings_apply(&table[i], value);
		return;
	}
	if (sf_bytes_begins(entry, "SYMFAST_"))
		settings_unknown(entry);
}

/* The file, or one of its lines, cannot be used as it is. It limits what is served: nothing is. */
static void
settings_file_is_wrong(const struct sf_conf *c)
{
	struct sf_line l;

	sf_settings.wrong = 1;
	settings_line_start(&l);
	sf_line_str(&l, c->fault);
	sf_line_str(&l, "; using SYMFAST=off");
	sf_line_write(&l);
}

static void
settings_not_listed(void)
{
	struct sf_line l;

	sf_line_start(&l);
	sf_line_str(&l, "state pass: \"this program is in no section of ");
	sf_line_clean(&l, sf_settings.conf_text, sizeof(sf_settings.conf_text));
	sf_line_str(&l, "\"");
	sf_line_write(&l);
}

/* False: this program is not to be served. */
static bool
settings_read_file(char **envp)
{
	const char *named = settings_find(envp, "SYMFAST_CONF"), *entry;
	struct sf_conf c;
	bool listed;

	/* What is no path is told with the other variables. */
	if (named != NULL && !settings_take_text(&table[CONF], named))
		return true;
	if (sf_settings.conf.n == 0)
		return true;
	if (!sf_conf_open(&c, sf_settings.conf_text,
			  !sf_bytes_same(sf_settings.conf_text, SF_CONF_PATH), NULL) &&
	    c.fault == NULL)
		return true;
	settings_file = &c;
	while (c.fault == NULL && (entry = sf_conf_next(&c)) != NULL)
		settings_read_entry(entry);
	if (c.fault != NULL)
		settings_file_is_wrong(&c);
	settings_file = NULL;
	listed = c.fault != NULL || sf_conf_listed(&c);
	sf_conf_close(&c);
	return listed;
}

static void
settings_read_environment(char **envp)
{
	for (; *envp != NULL; envp++)
		if ((*envp)[0] == 'S')
			settings_read_entry(*envp);
}

static void
settings_forget(void)
{
	for (size_t i = 0; i < COUNT; i++)
		settings_set_default(&table[i]);
	sf_settings.wrong = 0;
}

void
sf_settings_read(char **envp)
{
	SF_FIRST static bool again; /* it may hold what an environment said */

	if (again)
		settings_forget();
	again = true;
	if (envp == NULL)
		return;
	/* Before anything else: a process that opts out sees not even a complaint. */
	if (settings_is_on(envp, "SYMFAST_DISABLE")) {
		sf_settings.disable = 1;
		return;
	}
	if (!settings_read_file(envp)) {
		if (settings_is_on(envp, "SYMFAST_VERBOSE"))
			settings_not_listed();
		settings_forget(); /* what the file says of all */
		sf_settings.disable = 1;
		return;
	}
	settings_read_environment(envp);
	/* Whatever else was said: what limits was wrong. */
	if (sf_settings.wrong)
		settings_take_text(&table[0], "off");
}

void
sf_settings_print(void)
{
	for (size_t i = 0; i < COUNT; i++) {
		const struct setting *s = &table[i];
		struct sf_line l;

		sf_line_start(&l);
		sf_line_str(&l, settings_text_at(s->variable));
		sf_line_str(&l, "=");
		if (s->form != FORM_NONE)
			sf_line_clean(&l, settings_kept_text(s), SF_LINE_MAX);
		else
			settings_append_value(&l, s, *settings_value_at(s));
		sf_line_write(&l);
	}
}
