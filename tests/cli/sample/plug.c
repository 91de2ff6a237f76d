// SPDX-License-Identifier: BSD-2-Clause
// plug.c: a plugin that is loaded and unloaded, with some relocations to make that worth something.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int (*const plug_functions[])(const char *, ...) = {printf, printf, printf, printf};
static int plug_state;
int *plug_pointers[64] = {&plug_state, &plug_state};

__attribute__((constructor)) static void
plug_constructor(void)
{
	plug_state++;
}
