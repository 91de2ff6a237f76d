// SPDX-License-Identifier: BSD-2-Clause
// Functions by number, one under two versions, one that calls for a thread-local variable of another object (hashes.py
// links it with each hash style, with and without versions).
#include <errno.h>

#define ONE(n)                                                                                     \
	int hashed_##n(void);                                                                      \
	int hashed_##n(void)                                                                       \
	{                                                                                          \
		return V + (n);                                                                    \
	}

ONE(1)
ONE(2)
ONE(3)
ONE(5)
ONE(6)
ONE(7)
ONE(9)
ONE(10)
ONE(11)
ONE(13)
ONE(14)
ONE(15)
ONE(17)
ONE(18)
ONE(19)
ONE(21)
ONE(22)
ONE(23)

int hashed_weak(void) __attribute__((weak));
int *hashed_errno(void);

int
hashed_weak(void)
{
	return V + 1000;
}

int *
hashed_errno(void)
{
	return &errno;
}

#ifdef VERSIONED
int hashed_old(void);
int hashed_new(void);

int
hashed_old(void)
{
	return V + 2001;
}

int
hashed_new(void)
{
	return V + 2002;
}

__asm__(".symver hashed_old, hashed_twice@HASHED_1");
__asm__(".symver hashed_new, hashed_twice@@HASHED_2");
#endif
