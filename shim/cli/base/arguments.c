// SPDX-License-Identifier: BSD-2-Clause
// arguments.c: see arguments.h: from the table to argp(3).
#include "arguments.h"

#include "cli.h"
#include <stdlib.h>
#include <string.h>

#define ARGUMENTS_HELP 'h' /* of every subcommand, beside argp's own -? */

struct arguments_state {
	const struct arguments *arguments;
	void *into;
	unsigned int words; /* so far */
};

void
arguments_check_page(struct argp_state *state, const char *arg, void *into)
{
	(void)into;
	if (arg[0] == '-' && arg[1] != '\0')
		cli_usage(state, "--html needs a file: %s", arg);
}

static void
arguments_keep(const char *arg, size_t at, void *into)
{
	if (at == ARGUMENT_NOWHERE)
		return;
	if (arg != NULL)
		*(const char **)((char *)into + at) = arg;
	else
		*(bool *)((char *)into + at) = true;
}

static error_t
arguments_option(const struct arguments_state *s, int key, char *arg, struct argp_state *state)
{
	const struct argument *one = s->arguments->list;

	while (one->name != NULL && one->key != key)
		one++;
	if (one->name == NULL)
		return ARGP_ERR_UNKNOWN;
	if (one->check != NULL)
		one->check(state, arg, s->into);
	arguments_keep(arg, one->at, s->into);
	return 0;
}

static void
arguments_word(struct arguments_state *s, const char *arg, struct argp_state *state)
{
	const struct arguments *a = s->arguments;

	if (s->words == a->words && a->more != NULL)
		cli_usage(state, "%s", a->more);
	if (s->words++ == a->words)
		cli_usage(state, "too many arguments: %s", arg);
	if (a->word != NULL)
		a->word(state, arg, s->into);
	arguments_keep(arg, a->word_at, s->into);
}

static error_t
arguments_one(int key, char *arg, struct argp_state *state)
{
	struct arguments_state *s = state->input;
	const struct arguments *a = s->arguments;

	switch (key) {
	case ARGP_KEY_ARG:
		if (a->rest != NULL)
			return ARGP_ERR_UNKNOWN;
		arguments_word(s, arg, state);
		return 0;
	case ARGP_KEY_ARGS:
		a->rest(state, s->into);
		return 0;
	case ARGP_KEY_NO_ARGS:
		if (a->none != NULL)
			cli_usage(state, "%s", a->none);
		return 0;
	case ARGP_KEY_END:
		if (a->end != NULL)
			a->end(state, s->into);
		return 0;
	case ARGUMENTS_HELP:
		argp_state_help(state, state->out_stream, ARGP_HELP_STD_HELP);
		return 0;
	default:
		return arguments_option(s, key, arg, state);
	}
}

/* One line each, for commands/gen_completions: name, letter, what it takes, text; then what may stand beside them. */
static void
arguments_print_table(const struct argp *argp, bool rest)
{
	for (const struct argp_option *o = argp->options; o->name != NULL; o++)
		printf("%s\t%c\t%s\t%s\n", o->name, o->key, o->arg != NULL ? o->arg : "", o->doc);
	printf("\t%s\t%s\n", rest ? "command" : "words",
	       argp->args_doc != NULL ? argp->args_doc : "");
	exit(CLI_OK);
}

void
arguments_parse(const struct arguments *a, int argc, char **argv, void *into)
{
	struct argp_option options[ARGUMENTS_MOST + 2] = {{0}};
	struct argp argp = {options, arguments_one, a->usage, a->text, NULL, NULL, NULL};
	struct arguments_state state = {a, into, 0};
	size_t count = 0;

	for (; count < ARGUMENTS_MOST && a->list[count].name != NULL; count++)
		options[count] = (struct argp_option){a->list[count].name, a->list[count].key,
						      a->list[count].of,   0,
						      a->list[count].text, 0};
	if (argc == 2 && strcmp(argv[1], "--print-table") == 0)
		arguments_print_table(&argp, a->rest != NULL);
	options[count].key = ARGUMENTS_HELP;
	options[count].flags = OPTION_HIDDEN;
	cli_parse(&argp, argc, argv, a->rest != NULL ? ARGP_IN_ORDER : 0, &state);
}
