// SPDX-License-Identifier: BSD-2-Clause
// One object with a symbol of every kind that dlsym treats differently.
#include "agent.h"

int kind_func(void);
int kind_alias(void);
int kind_weak(void);
int kind_hidden(void);
int kind_protected(void);
int kind_ifunc(void);
extern int kind_object, kind_common, kind_resolved, kind_pick;
extern const int kind_const;
extern __thread int kind_tls;

int kind_object = 11;
int kind_common;
const int kind_const = 12;
__thread int kind_tls = 13;
int kind_resolved;
int kind_pick;

int
kind_func(void)
{
	return 14;
}

int kind_alias(void) __attribute__((alias("kind_func")));

__attribute__((weak)) int
kind_weak(void)
{
	return 15;
}

__attribute__((visibility("hidden"))) int
kind_hidden(void)
{
	return 16;
}

__attribute__((visibility("protected"))) int
kind_protected(void)
{
	return 17;
}

static int
first_choice(void)
{
	return 18;
}

static int
second_choice(void)
{
	return 19;
}

typedef int (*choice)(void);

static choice
choose(void)
{
	kind_resolved++;
	return kind_pick ? second_choice : first_choice;
}

int kind_ifunc(void) __attribute__((ifunc("choose")));

__asm__(".globl kind_abs_zero\n.set kind_abs_zero, 0\n"
	".globl kind_abs\n.set kind_abs, 0x1234\n"
	".globl kind_label\n.text\nkind_label:\n.byte 0xc3\n"
	".data\n.balign 8\n.globl kind_unique\n.type kind_unique, %gnu_unique_object\n"
	".size kind_unique, 8\nkind_unique:\n.quad 21\n"
	".globl kind_sizeless\n.type kind_sizeless, %object\nkind_sizeless:\n.quad 22\n.text\n");

AGENT(kinds);
