// SPDX-License-Identifier: BSD-2-Clause
// cmd_ctl.c: `symfast ctl`: the mode of a live process, from outside.
#include "commands.h"

#include "../base/document.h"
#include "../segment/stat_document.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct ctl {
	unsigned long pid;
	uint32_t word;
	bool json, have_word;
};

static const struct argp_option options[] = {{"json", 'j', NULL, 0, "print JSON", 0}, {0}};

static void
cmd_ctl_parse_mode(struct ctl *c, const char *arg, struct argp_state *state)
{
	for (c->word = 0; c->word <= SYMFAST_SHM_VERIFY; c->word++)
		if (strcmp(arg, segment_word_name(c->word)) == 0)
			break;
	if (c->word > SYMFAST_SHM_VERIFY)
		cli_usage(state, "a mode is off, observe, verify or on: %s", arg);
	c->have_word = true;
}

static error_t
cmd_ctl_parse(int key, char *arg, struct argp_state *state)
{
	struct ctl *c = state->input;

	switch (key) {
	case 'j':
		c->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (c->pid == 0)
			c->pid = cli_pid(state, arg);
		else if (!c->have_word)
			cmd_ctl_parse_mode(c, arg, state);
		else
			cli_usage(state, "too many arguments");
		return 0;
	case ARGP_KEY_END:
		if (!c->have_word)
			cli_usage(state, "a process id and a mode are needed");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int
cmd_ctl_print(const struct ctl *c, const char *before, bool json)
{
	const char *now = segment_word_name(c->word);
	json_t *document;

	if (!json) {
		printf("process %lu: %s, was %s\n", c->pid, now, before);
		return CLI_OK;
	}
	document = document_new("ctl");
	json_object_update_new(document, json_pack("{s:I,s:s,s:s}", "pid", (json_int_t)c->pid,
						   "mode", now, "before", before));
	return document_print(document);
}

int
cmd_ctl(int argc, char **argv)
{
	static const struct argp argp = {options,
					 cmd_ctl_parse,
					 "PID off|observe|verify|on",
					 "Change the mode of a live process.",
					 NULL,
					 NULL,
					 NULL};
	struct ctl c = {0};
	struct segment s;
	const char *why, *before;
	int error;

	cli_parse(&argp, argc, argv, 0, &c);
	error = segment_to_set(&s, c.pid);
	if (error != CLI_OK)
		return error;
	before = stat_document_mode(&s);
	why = segment_refusal(&s);
	if (why != NULL) {
		cli_error("process %lu %s%s%s", c.pid, why, *s.control.why != '\0' ? ": " : "",
			  s.control.why);
		segment_close(&s);
		return CLI_TARGET;
	}
	errno = segment_set(&s, c.word, SYMFAST_SHM_BY_CTL);
	segment_close(&s);
	if (errno != 0)
		return cli_error_errno(CLI_TARGET, "process %lu", c.pid);
	return cmd_ctl_print(&c, before, c.json);
}
