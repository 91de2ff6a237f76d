// SPDX-License-Identifier: BSD-2-Clause
// Refers to the IFUNC of resolver.c from its data, so that the resolver runs during relocation.
int early_resolved(void);
extern int (*const early_pointer)(void);
int early_result(void);

int (*const early_pointer)(void) = early_resolved;

int
early_result(void)
{
	return early_pointer();
}
