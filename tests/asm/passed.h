// SPDX-License-Identifier: BSD-2-Clause
// passed.h: what the program finds in the object that it opens.
#ifndef PASSED_H
#define PASSED_H

struct passed_later {
	void *(*by_default)(const char *name);
	void *(*by_next)(const char *name);
	void *(*by_version)(const char *name, const char *version);
	void *(*open)(const char *name, int mode); /* of an object with a RUNPATH */
	void *(*needed_open)(const char *name, int mode);
	int (*walk)(void);
};

int passed_needed(void);
void *passed_needed_open(const char *name, int mode);

#endif
