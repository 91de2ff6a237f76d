// SPDX-License-Identifier: BSD-2-Clause
// Weak definitions of names that others define strongly.
int shared_fn(void);
extern int shared_data;

__attribute__((weak)) int shared_data = 61;

__attribute__((weak)) int
shared_fn(void)
{
	return 60;
}
