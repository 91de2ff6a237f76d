// SPDX-License-Identifier: BSD-2-Clause
// cmd_sample.c: `symfast sample`: where a running process's time stands, without the shim and without a restart.
#include "commands.h"

#include "../base/arguments.h"
#include "../sample/sample.h"
#include <stdlib.h>
#include <string.h>

#define SECONDS_DEFAULT 30
#define SECONDS_MOST    86400
#define RATE_DEFAULT    50
#define RATE_MOST       1000

/* "30s", "500ms", "2m", "1h", and "30" is seconds. */
static void
cmd_sample_duration(struct argp_state *state, const char *arg, void *into)
{
	static const struct {
		const char *unit;
		double seconds;
	} units[] = {{"", 1}, {"s", 1}, {"ms", 1e-3}, {"m", 60}, {"h", 3600}};
	struct sample *s = into;
	char *end;
	double number = strtod(arg, &end);

	s->seconds = -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (*arg >= '0' && *arg <= '9' && strcmp(end, units[i].unit) == 0)
			s->seconds = number * units[i].seconds;
	if (!(s->seconds >= 0.01 && s->seconds <= SECONDS_MOST))
		cli_usage(state, "not a duration from 10ms to 24h: %s", arg);
}

static void
cmd_sample_rate(struct argp_state *state, const char *arg, void *into)
{
	if (!cli_number(arg, 1, RATE_MOST, &((struct sample *)into)->rate))
		cli_usage(state, "not a rate from 1 to %d in a second: %s", RATE_MOST, arg);
}

static void
cmd_sample_pid(struct argp_state *state, const char *arg, void *into)
{
	((struct sample *)into)->pid = cli_pid(state, arg);
}

static void
cmd_sample_end(struct argp_state *state, const void *into)
{
	const struct sample *s = into;

	if (s->all == (s->what != NULL))
		cli_usage(state, "one process id, or --all");
}

static const struct argument cmd_sample_options[] = {
	{"all", 'a', NULL, "all processes that may be looked at", offsetof(struct sample, all),
	 NULL},
	{"duration", 'd', "TIME", "how long: 30s, 500ms, 5m (default: 30s)", ARGUMENT_NOWHERE,
	 cmd_sample_duration},
	{"rate", 'r', "N", "looks at each thread in a second, at most (default: 50)",
	 ARGUMENT_NOWHERE, cmd_sample_rate},
	{"folded", 'f', NULL, "print folded stacks, for flame graphs",
	 offsetof(struct sample, folded), NULL},
	{"pprof", 'p', "FILE", "write a profile for go tool pprof", offsetof(struct sample, pprof),
	 NULL},
	ARGUMENT_JSON(sample),
	{0}};
static const struct arguments cmd_sample_arguments = {
	.usage = "PID\n--all",
	.text = "Tell where a running process's time stands, before anything is changed.",
	.list = cmd_sample_options,
	.words = 1,
	.word_at = offsetof(struct sample, what),
	.word = cmd_sample_pid,
	.more = "one process at a time, or --all",
	.end = cmd_sample_end,
};

int
cmd_sample(int argc, char **argv)
{
	struct sample s = {.seconds = SECONDS_DEFAULT, .rate = RATE_DEFAULT};

	arguments_parse(&cmd_sample_arguments, argc, argv, &s);
	return sample_run(&s);
}
