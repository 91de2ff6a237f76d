// SPDX-License-Identifier: BSD-2-Clause
// Names that other objects have as plain ones, here as IFUNCs: a resolver that changes its mind.
int chosen_runs;
extern int chosen_runs;
int chosen_fn(void);
int shared_fn(void);

static int
early(void)
{
	return 51;
}

static int
late(void)
{
	return 52;
}

typedef int (*choice)(void);

static choice
choose(void)
{
	return ++chosen_runs % 5 < 3 ? early : late;
}

int chosen_fn(void) __attribute__((ifunc("choose")));
int shared_fn(void) __attribute__((ifunc("choose")));
