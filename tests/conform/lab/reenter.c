// SPDX-License-Identifier: BSD-2-Clause
// An object whose constructor and destructor call dl* about themselves and report through
// lab_say().
#include "agent.h"
#include <stdlib.h>

__attribute__((weak)) void lab_say(const char *format, ...);
__attribute__((weak)) const char *lab_path(const char *file);
__attribute__((weak)) int lab_reps(void);
int reenter_fn(void);
extern int reenter_late;

int reenter_late = 51;
static void *other;

int
reenter_fn(void)
{
	return 50;
}

static void
look(const char *when, void *self)
{
	int i;

	for (i = 0; i < lab_reps(); i++) {
		void *own = dlsym(self, "reenter_fn");
		void *global = dlsym(RTLD_DEFAULT, "reenter_late");
		void *none = dlsym(self, "reenter_none");
		const char *error = dlerror();

		lab_say("%s: own %s default %s none %s error %s", when,
			own == (void *)reenter_fn ? "yes" : "no",
			global == (void *)&reenter_late ? "yes" : "no", none ? "found" : "NULL",
			error ? error : "NULL");
	}
}

static void
look_main(const char *when)
{
	void *host = dlopen(NULL, RTLD_LAZY);
	int i;

	for (i = 0; i < lab_reps(); i++) {
		void *late = dlsym(host, "reenter_late");

		lab_say("%s: by main %s, %s", when, late ? "found" : "NULL",
			dlerror() ? "error" : "no error");
	}
	lab_say("%s: close main %d", when, dlclose(host));
}

__attribute__((constructor)) static void
born(void)
{
	void *self;

	if (!lab_say)
		return;
	self = dlopen(lab_path("reenter.so"), RTLD_LAZY | RTLD_NOLOAD);
	lab_say("constructor: self %s", self ? "handle" : "NULL");
	look("constructor", self);
	look_main("constructor");
	lab_say("constructor: close self %d", dlclose(self));
	other = dlopen(lab_path("ev1.so"), RTLD_LAZY);
}

__attribute__((destructor)) static void
dies(void)
{
	void *self;

	if (!lab_say)
		return;
	self = dlopen(lab_path("reenter.so"), RTLD_LAZY | RTLD_NOLOAD);
	lab_say("destructor: self %s", self ? "handle" : "NULL");
	if (self)
		look("destructor", self);
	look_main("destructor");
	lab_say("destructor: close other %d", dlclose(other));
}
