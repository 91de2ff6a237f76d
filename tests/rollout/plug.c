// SPDX-License-Identifier: BSD-2-Clause
// plug.c: what the service looks up. A build of the library that lies does so about lie_value.
int truth_value(void);
int lie_value(void);

int
truth_value(void)
{
	return 41;
}

int
lie_value(void)
{
	return 42;
}
