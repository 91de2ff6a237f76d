// SPDX-License-Identifier: BSD-2-Clause
// doctor_expect.c: what an operator can expect of the shim, from the findings.
#include "doctor.h"

#include <string.h>

/* Who imports the one function or the other can expect this of it. */
static const struct {
	const char *name, *other, *text;
} doctor_expect_rows[] = {
	{"dlsym", "dlvsym",
	 "dlsym of a name that was asked before: some nanoseconds instead of 40 to 350, and no "
	 "waiting "
	 "while another thread loads. Programs that keep the pointer gain nothing."},
	{"dlopen", "dlopen",
	 "dlopen of an object that is open: answered without the loader's lock. An object that is "
	 "really "
	 "unloaded and loaded again costs what it did. RTLD_DEEPBIND cannot be seen in a file; "
	 "objects "
	 "opened with it are not served."},
	{"dladdr", "dladdr1",
	 "dladdr: tens of nanoseconds instead of one pass over all symbols of the object, which is "
	 "250 "
	 "microseconds for the biggest libraries."},
	{"dl_iterate_phdr", "dl_iterate_phdr",
	 "dl_iterate_phdr, with SYMFAST_PHDR=serial or free: without the loader's lock. Unwinders "
	 "call "
	 "it; those of gcc 12 and newer on this libc no longer do"},
};

static bool
doctor_expect_imported(const struct patient *p, const char *name, const char *other)
{
	const json_t *object, *its;
	size_t i, k;

	json_array_foreach(json_object_get(p->document, "imports"), i, object)
	{
		json_array_foreach(json_object_get(object, "names"), k, its)
		{
			const char *imported = json_string_value(its);

			if (strcmp(imported, name) == 0 || strcmp(imported, other) == 0)
				return true;
		}
	}
	return false;
}

void
doctor_expect_add(struct patient *p, const char *text)
{
	char clean[1024];

	json_array_append_new(json_object_get(p->document, "expect"),
			      json_string(cli_clean(clean, sizeof(clean), text)));
}

static void
doctor_expect_no_calls(struct patient *p)
{
	if (*p->root != '\0')
		doctor_expect_add(
			p, "Nothing: nothing that it has mapped looks names up or loads objects.");
	else
		doctor_expect_add(
			p,
			"Nothing: neither it nor its libraries look names up or load objects. "
			"Libraries that are loaded while it runs were not looked at; if there are "
			"any, try SYMFAST=observe.");
}

static void
doctor_expect_calls(struct patient *p)
{
	for (size_t i = 0; i < sizeof(doctor_expect_rows) / sizeof(doctor_expect_rows[0]); i++)
		if (doctor_expect_imported(p, doctor_expect_rows[i].name,
					   doctor_expect_rows[i].other))
			doctor_expect_add(p, doctor_expect_rows[i].text);
	doctor_expect_add(
		p, "How often it asks again cannot be seen in a file: SYMFAST=observe counts it.");
}

/* In plain words, and only what follows from the findings. */
void
doctor_expect(struct patient *p)
{
	if (p->stopped) {
		doctor_expect_add(p, "Nothing: see what is marked \"stop\" above.");
		return;
	}
	if (p->go_detour)
		doctor_expect_add(p, "plugin.Open of a plugin that is open already: some 20 ns "
				     "instead of 5 to 6 microseconds, and no mutex. The first Open "
				     "of each plugin costs what it did.");
	p->gains |= p->go_detour || p->dynamic_calls;
	if (p->dynamic_calls)
		doctor_expect_calls(p);
	else if (!p->gains)
		doctor_expect_no_calls(p);
}
