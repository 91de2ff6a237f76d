// SPDX-License-Identifier: BSD-2-Clause
// A small object of the churn: every one exports the same names with its own values.
__attribute__((weak)) void churn_event(int id, int step);
int churn_id(void);
extern int churn_data;

/* Padding of a size that depends on ID moves churn_id, so a stale address shows at once. */
#define PAD_(n) __asm__(".text\n.fill " #n "*16, 1, 0xcc\n")
#define PAD(n)  PAD_(n)

PAD(ID);

int churn_data = ID;

int
churn_id(void)
{
	return ID;
}

#define ONLY_(n) churn_only_##n
#define ONLY(n)  ONLY_(n)
int ONLY(ID)(void);

int
ONLY(ID)(void)
{
	return ID;
}

__attribute__((constructor)) static void
born(void)
{
	if (churn_event)
		churn_event(ID, 1);
}

__attribute__((destructor)) static void
dies(void)
{
	if (churn_event)
		churn_event(ID, -1);
}
