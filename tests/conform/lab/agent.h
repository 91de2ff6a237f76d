// SPDX-License-Identifier: BSD-2-Clause
// A set of dl* calls made from inside whichever object includes this, so that the caller is that
// object.
#ifndef SF_AGENT_H
#define SF_AGENT_H

#include <dlfcn.h>
#include <stddef.h>

/*
 * Each member is compiled into the object that defines it (-fno-optimize-sibling-calls keeps the
 * call a call), so libc sees that object's return address.
 */
struct agent {
	void *(*sym)(void *handle, const char *name);
	void *(*vsym)(void *handle, const char *name, const char *version);
	void *(*open)(const char *file, int mode);
	int (*close)(void *handle);
	char *(*error)(void);
};

#define AGENT_PASTE_(a, b) a##b
#define AGENT_PASTE(a, b)  AGENT_PASTE_(a, b)

#define AGENT(object)                                                                              \
	static void *agent_sym_(void *h, const char *n)                                            \
	{                                                                                          \
		return dlsym(h, n);                                                                \
	}                                                                                          \
	static void *agent_vsym_(void *h, const char *n, const char *v)                            \
	{                                                                                          \
		return dlvsym(h, n, v);                                                            \
	}                                                                                          \
	static void *agent_open_(const char *f, int m)                                             \
	{                                                                                          \
		return dlopen(f, m);                                                               \
	}                                                                                          \
	static int agent_close_(void *h)                                                           \
	{                                                                                          \
		return dlclose(h);                                                                 \
	}                                                                                          \
	static char *agent_error_(void)                                                            \
	{                                                                                          \
		return dlerror();                                                                  \
	}                                                                                          \
	extern const struct agent AGENT_PASTE(agent_, object);                                     \
	const struct agent AGENT_PASTE(agent_, object) = {agent_sym_, agent_vsym_, agent_open_,    \
							  agent_close_, agent_error_}

#endif
