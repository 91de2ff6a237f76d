// SPDX-License-Identifier: BSD-2-Clause
// doctor_served.c: which processors and libcs the shim serves, and what it does in a process of another one.
#include "doctor.h"

#include <stdio.h>
#include <string.h>

#ifndef EM_LOONGARCH /* elf.h of glibc before 2.36 */
#define EM_LOONGARCH 258
#endif

/* The library binds no version above this one. */
#define OLDEST_LOADED "2.17"

const char *const doctor_states[] = {"served", "passed through", "not loaded"};

/* The library is built for the first two; the others are known by name alone. */
static const struct {
	uint16_t machine;
	bool built;
	const char *name;
	const char *oldest; /* glibc that is served (docs/support.md) */
} doctor_served_machines[] = {
	{EM_X86_64, true, "x86_64", "2.28"}, {EM_AARCH64, true, "aarch64", "2.34"},
	{EM_386, false, "i386", ""},         {EM_ARM, false, "arm", ""},
	{EM_RISCV, false, "riscv64", ""},    {EM_PPC64, false, "powerpc64le", ""},
	{EM_S390, false, "s390x", ""},       {EM_LOONGARCH, false, "loongarch64", ""},
	{EM_MIPS, false, "mips64el", ""},
};

const char *
doctor_served_machine(uint16_t machine)
{
	for (size_t i = 0; i < sizeof(doctor_served_machines) / sizeof(doctor_served_machines[0]);
	     i++)
		if (doctor_served_machines[i].machine == machine)
			return doctor_served_machines[i].name;
	return "unknown";
}

bool
doctor_served_is_built_for(uint16_t machine)
{
	for (size_t i = 0; i < sizeof(doctor_served_machines) / sizeof(doctor_served_machines[0]);
	     i++)
		if (doctor_served_machines[i].machine == machine)
			return doctor_served_machines[i].built;
	return false;
}

static const char *
doctor_served_oldest(uint16_t machine)
{
	for (size_t i = 0; i < sizeof(doctor_served_machines) / sizeof(doctor_served_machines[0]);
	     i++)
		if (doctor_served_machines[i].machine == machine)
			return doctor_served_machines[i].oldest;
	return "";
}

enum doctor_state
doctor_served(const struct doctor_libc *libc, char *why, size_t size)
{
	*why = '\0';
	if (!doctor_served_is_built_for(libc->machine)) {
		snprintf(why, size, "the shim is not built for this processor (%s)",
			 doctor_served_machine(libc->machine));
		return DOCTOR_NOT_LOADED;
	}
	if (strcmp(libc->kind, "musl") == 0) {
		snprintf(why, size, "the shim serves glibc alone and passes everything through");
		return DOCTOR_PASSED;
	}
	if (strcmp(libc->kind, "glibc") != 0 || *libc->version == '\0') {
		snprintf(why, size,
			 "the shim serves a glibc that it knows, and passes everything "
			 "through elsewhere");
		return DOCTOR_PASSED;
	}
	if (strverscmp(libc->version, OLDEST_LOADED) < 0) {
		snprintf(why, size, "the loader refuses the library: it needs " OLDEST_LOADED);
		return DOCTOR_NOT_LOADED;
	}
	if (strverscmp(libc->version, doctor_served_oldest(libc->machine)) < 0) {
		snprintf(why, size, "the shim needs %s or newer and passes everything through",
			 doctor_served_oldest(libc->machine));
		return DOCTOR_PASSED;
	}
	return DOCTOR_SERVED;
}

bool
doctor_served_is_limited(const struct doctor_libc *libc)
{
	return strverscmp(libc->version, "2.34") < 0 || !libc->find_object;
}
