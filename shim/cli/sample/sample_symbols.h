// SPDX-License-Identifier: BSD-2-Clause
// sample_symbols.h: the functions of an object's file by address: .symtab and .dynsym, or what is mapped of it.
#ifndef SF_CLI_SAMPLE_SYMBOLS_H
#define SF_CLI_SAMPLE_SYMBOLS_H

#include "sample_file.h"

#define SAMPLE_SYMBOLS_NAME 256

/* The function that covers the address, "" if none does. Returns `to`, of SAMPLE_SYMBOLS_NAME bytes. */
char *sample_symbols_at(struct sample_file *f, uint64_t address, char *to);
/* For C code that Go calls: fills go_back and go_slot, once. */
void sample_symbols_go(struct sample_file *f);

#endif
