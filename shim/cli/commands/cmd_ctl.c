// SPDX-License-Identifier: BSD-2-Clause
// cmd_ctl.c: `symfast ctl`: the mode of a live process, from outside.
#include "commands.h"

#include "../base/arguments.h"
#include "../base/document.h"
#include "../segment/stat_document.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct ctl {
	unsigned long pid;
	uint32_t word;
	bool json, have_word, drain;
};

static void
cmd_ctl_mode(struct ctl *c, const char *arg, struct argp_state *state)
{
	c->have_word = true;
	c->drain = strcmp(arg, "drain") == 0;
	if (c->drain)
		return;
	for (c->word = 0; c->word <= SYMFAST_SHM_VERIFY; c->word++)
		if (strcmp(arg, segment_word_name(c->word)) == 0)
			break;
	if (c->word > SYMFAST_SHM_VERIFY)
		cli_usage(state, "an order is off, observe, verify, on or drain: %s", arg);
}

static void
cmd_ctl_word(struct argp_state *state, const char *arg, void *into)
{
	struct ctl *c = into;

	if (c->pid == 0)
		c->pid = cli_pid(state, arg);
	else
		cmd_ctl_mode(c, arg, state);
}

static void
cmd_ctl_end(struct argp_state *state, const void *into)
{
	if (!((const struct ctl *)into)->have_word)
		cli_usage(state, "a process id and an order are needed");
}

static const struct argument cmd_ctl_options[] = {ARGUMENT_JSON(ctl), {0}};
static const struct arguments cmd_ctl_arguments = {
	.usage = "PID off|observe|verify|on|drain",
	.text = "Change the mode of a live process, or let it really close what it retains.",
	.list = cmd_ctl_options,
	.words = 2,
	.word_at = ARGUMENT_NOWHERE,
	.word = cmd_ctl_word,
	.end = cmd_ctl_end,
};

static int
cmd_ctl_print(const struct ctl *c, const char *before, bool json)
{
	const char *now = c->drain ? before : segment_word_name(c->word);
	json_t *document;

	if (!json) {
		if (c->drain)
			printf("process %lu: drains at its next dlopen or dlclose\n", c->pid);
		else
			printf("process %lu: %s, was %s\n", c->pid, now, before);
		return CLI_OK;
	}
	document = document_new("ctl");
	json_object_update_new(document, json_pack("{s:I,s:s,s:s}", "pid", (json_int_t)c->pid,
						   "mode", now, "before", before));
	return document_print(document);
}

/* While its kill file is there, the process goes off again by itself. */
static void
cmd_ctl_warn(const struct ctl *c, const struct segment *s)
{
	char *path = cli_format("/proc/%lu/root%s", c->pid, s->control.kill_file);

	if (*s->control.kill_file != '\0' && access(path, F_OK) == 0)
		cli_error("process %lu: its kill file %s exists, so it will be off again", c->pid,
			  s->control.kill_file);
	free(path);
}

int
cmd_ctl(int argc, char **argv)
{
	struct ctl c = {0};
	struct segment s;
	const char *why, *before;
	int error;

	arguments_parse(&cmd_ctl_arguments, argc, argv, &c);
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
	if (!c.drain && c.word != SYMFAST_SHM_OFF)
		cmd_ctl_warn(&c, &s);
	errno = c.drain ? segment_drain(&s) : segment_set(&s, c.word, SYMFAST_SHM_BY_CTL);
	segment_close(&s);
	if (errno != 0)
		return cli_error_errno(CLI_TARGET, "process %lu", c.pid);
	return cmd_ctl_print(&c, before, c.json);
}
