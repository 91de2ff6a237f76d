// SPDX-License-Identifier: BSD-2-Clause
// arguments.h: the arguments of a subcommand as a table: which one goes into which member of its own struct.
#ifndef SF_CLI_ARGUMENTS_H
#define SF_CLI_ARGUMENTS_H

#include "cli.h"

/* Looks at one argument, and ends the program by cli_usage if it is wrong. `into`: the command's struct. */
typedef void arguments_check(struct argp_state *state, const char *arg, void *into);

#define ARGUMENT_NOWHERE ((size_t)-1) /* its check keeps it */

/* An option. */
struct argument {
	const char *name;
	char key;
	const char *of;   /* what it takes, as --help calls it; NULL: nothing */
	const char *text; /* for --help */
	size_t at;        /* the member: a bool, or with `of` a const char * */
	arguments_check *check;
};

struct arguments {
	const char *usage, *text;    /* for --help */
	const struct argument *list; /* ends with {0}; at most ARGUMENTS_MOST */
	unsigned int words;          /* how many words may stand beside the options */
	size_t word_at;              /* the member of a word, a const char * */
	arguments_check *word;
	const char *more,
		*none; /* said of too many words (NULL: that they are too many), and of none */
	/* A command takes what follows the options, as it is; then there are no words. */
	void (*rest)(struct argp_state *state, void *into);
	/* Looks at all of them together. */
	void (*end)(struct argp_state *state, const void *into);
};

#define ARGUMENTS_MOST 16

#define ARGUMENT_JSON(type)                                                                        \
	{                                                                                          \
		"json", 'j', NULL, "print JSON", offsetof(struct type, json), NULL                 \
	}
/* A page to write into member html. */
#define ARGUMENT_HTML(type, text)                                                                  \
	{                                                                                          \
		"html", 'H', "FILE", text, offsetof(struct type, html), arguments_check_page       \
	}
arguments_check arguments_check_page;

/* One word: a process id, or the name of a file, for stat_document_from. */
#define ARGUMENTS_PROCESS_OR_FILE(type, member)                                                    \
	.usage = "PID|FILE", .words = 1, .word_at = offsetof(struct type, member),                 \
	.more = "one process or file at a time", .none = "a process id or a file is needed"

/* Parses into `into`. Wrong arguments end the program with one line and CLI_USAGE. */
void arguments_parse(const struct arguments *a, int argc, char **argv, void *into);

#endif
