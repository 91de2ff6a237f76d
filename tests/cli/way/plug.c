// SPDX-License-Identifier: BSD-2-Clause
// plug.c: the C service's plugin. A library that is built to lie does so about names in lie_.
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
