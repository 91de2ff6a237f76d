// SPDX-License-Identifier: BSD-2-Clause
// Command line, check of what is preloaded, and result lines of the workload programs.
#include <err.h>
#include <getopt.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "options.h"

static const struct option table[] = {
	{"kind", required_argument, NULL, 'k'},    {"set", required_argument, NULL, 's'},
	{"object", required_argument, NULL, 'o'},  {"others", required_argument, NULL, 'O'},
	{"preload", required_argument, NULL, 'p'}, {"names", required_argument, NULL, 'n'},
	{"threads", required_argument, NULL, 't'}, {"ms", required_argument, NULL, 'm'},
	{"calls", required_argument, NULL, 'c'},   {"pause-us", required_argument, NULL, 'u'},
	{"pin", no_argument, NULL, 'P'},           {NULL, 0, NULL, 0},
};

static uint64_t
number(const char *text, uint64_t most)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (end == text || *end || n == 0 || n > most)
		errx(2, "not a number from 1 to %" PRIu64 ": %s", most, text);
	return n;
}

static void
take(struct bench_options *o, int letter)
{
	switch (letter) {
	case 'k':
		o->kind = optarg;
		break;
	case 's':
		o->set = optarg;
		break;
	case 'o':
		o->object = optarg;
		break;
	case 'O':
		o->others = optarg;
		break;
	case 'p':
		o->preload = optarg;
		break;
	case 'n':
		o->names = (unsigned)number(optarg, 1u << 20);
		break;
	case 't':
		o->threads = (unsigned)number(optarg, 1u << 14);
		break;
	case 'm':
		o->ms = (unsigned)number(optarg, 1u << 20);
		break;
	case 'c':
		o->calls = number(optarg, UINT64_MAX);
		break;
	case 'u':
		o->pause_us = (unsigned)number(optarg, 999999);
		break;
	case 'P':
		o->pin = true;
		break;
	default:
		exit(2);
	}
}

struct wanted {
	struct stat file;
	bool found;
};

static int
same_file(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct wanted *w = arg;
	struct stat st;

	(void)size;
	if (info->dlpi_name && !stat(info->dlpi_name, &st))
		w->found |= st.st_dev == w->file.st_dev && st.st_ino == w->file.st_ino;
	return 0;
}

static void
demand_preload(const char *preload)
{
	const char *asked = getenv("LD_PRELOAD");
	struct wanted w = {.found = false};

	if (!strcmp(preload, "none")) {
		/* valgrind preloads its own object into whatever it counts */
		if (asked && *asked && !strstr(asked, "/vgpreload_"))
			errx(1, "a stock run was asked for, but LD_PRELOAD is %s", asked);
		return;
	}
	if (stat(preload, &w.file))
		err(1, "%s", preload);
	dl_iterate_phdr(same_file, &w);
	if (!w.found)
		errx(1, "%s is not loaded here", preload);
}

void
bench_options_read(struct bench_options *o, int argc, char **argv)
{
	int letter;

	*o = (struct bench_options){
		.kind = "", .set = "mixed", .object = "", .names = 64, .threads = 1, .ms = 100};
	while ((letter = getopt_long(argc, argv, "", table, NULL)) != -1)
		take(o, letter);
	if (optind != argc)
		errx(2, "not understood: %s", argv[optind]);
	if (o->preload)
		demand_preload(o->preload);
}

void
bench_print(const char *measure, const char *unit, double value)
{
	printf("%s %s %.3f\n", measure, unit, value);
}

void
bench_demand_right(uint64_t wrong)
{
	if (wrong)
		errx(1, "WRONG ANSWERS: %" PRIu64, wrong);
}
