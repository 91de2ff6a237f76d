// SPDX-License-Identifier: BSD-2-Clause
// An object that needs nothing, hence carries no version table.
int foo(void);
int bar(void);
int shared_fn(void);

int
foo(void)
{
	return 31;
}

int
bar(void)
{
	return 32;
}

int
shared_fn(void)
{
	return 33;
}
