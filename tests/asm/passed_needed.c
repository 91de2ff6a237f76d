// SPDX-License-Identifier: BSD-2-Clause
// An object that another one brings along.
int passed_needed(void);

int
passed_needed(void)
{
	return 1;
}
