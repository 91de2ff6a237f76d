// SPDX-License-Identifier: BSD-2-Clause
// A plugin of the retain tests: memory of each kind, a constructor and a destructor that tell the host.
//
// -DNAME=x names it; the macros beside change how its memory is made. x_touch prints all of it and changes all of it.
#include "part.h"
#include <stdlib.h>
#include <string.h>

#define STRING_(x)   #x
#define STRING(x)    STRING_(x)
#define PASTE_(a, b) a##b
#define PASTE(a, b)  PASTE_(a, b)
#define WHO          STRING(NAME)

#ifndef V
#define V 7
#endif

int PASTE(NAME, _value) = V;
int PASTE(NAME, _common)[40];
static int zeros[5000];
static char large[300000];
static char page[4096] __attribute__((aligned(4096))) = "a page of its own";
static const char *text = "text";
static int *inner = &zeros[17];

static int
one(void)
{
	return 1;
}

static int
two(void)
{
	return 2;
}

static int (*function)(void) = one;
static int (*const table[])(void) = {one, two, one}; /* read-only after relocation */

#ifdef TLS
static __thread int tls_set = 11;
static __thread int tls_zero[10];
#define TLS_SUM() (tls_set++ + tls_zero[3]++)
#else
#define TLS_SUM() 0
#endif

#ifdef IFUNC
static int chosen; /* written by the resolver, before any constructor */
static int (*pick(void))(void)
{
	chosen += 40;
	return two;
}
int PASTE(NAME, _pick)(void) __attribute__((ifunc("pick")));
#endif

#ifdef LARGE /* so many constants that code is not compared byte by byte */
const char PASTE(NAME, _constants)[300000] = {1, 2, 3};
#endif

#ifdef NEED
extern int NEED(int turn);
#endif

int
PASTE(NAME, _add)(int turn)
{
	return PASTE(NAME, _value) + turn;
}

void
PASTE(NAME, _touch)(void)
{
	int sum = 0;

	for (int i = 0; i < 5000; i += 7)
		sum += zeros[i]++;
	for (int i = 0; i < 300000; i += 4099)
		sum += large[i]++;
	part_say("%s value %d common %d sum %d page %s text %s inner %ld function %d table %d tls "
		 "%d",
		 WHO, PASTE(NAME, _value), PASTE(NAME, _common)[7], sum, page, text,
		 (long)(inner - zeros), function(), table[1](), TLS_SUM());
#ifdef IFUNC
	part_say("%s chosen %d pick %d", WHO, chosen, PASTE(NAME, _pick)());
	chosen++;
#endif
#ifdef NEED
	part_say("%s needs %d", WHO, NEED(1));
#endif
	PASTE(NAME, _value)++;
	PASTE(NAME, _common)[7]++;
	strcpy(page, "written");
	page[4000] = 'x';
	text = "changed";
	inner++;
	function = two;
}

void *
PASTE(NAME, _table)(void)
{
	return (void *)table;
}

void *
PASTE(NAME, _page)(void)
{
	return page;
}

#ifndef SILENT
static void
begins(int argc, char **argv, char **envp)
{
	part_begins(WHO, argc, argv, envp);
}
static void
ends(void)
{
	part_ends(WHO);
}
#endif

#ifdef ONLY_INIT
/* No arrays, but the two old functions. */
void
PASTE(NAME, _init)(int argc, char **argv, char **envp)
{
	begins(argc, argv, envp);
}
void
PASTE(NAME, _fini)(void)
{
	ends();
}
#elif !defined(SILENT)
static void
begins_early(int argc, char **argv, char **envp)
{
	(void)argc, (void)argv, (void)envp;
	part_say("%s begins early", WHO);
}
__attribute__((section(".init_array.00101"), used)) static void (*early)(int, char **,
									 char **) = begins_early;
__attribute__((section(".init_array"), used)) static void (*begin)(int, char **, char **) = begins;
__attribute__((destructor(102))) static void
ends_last(void)
{
	part_say("%s ends last", WHO);
}
__attribute__((destructor)) static void
ends_first(void)
{
	ends();
}
#endif
