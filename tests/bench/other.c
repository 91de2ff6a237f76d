// SPDX-License-Identifier: BSD-2-Clause
// The object that is opened and closed, and the pattern of which the runner makes 300 copies.
int bench_other_answer(void);

int
bench_other_answer(void)
{
	return 42;
}
