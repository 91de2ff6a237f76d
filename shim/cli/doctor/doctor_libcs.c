// SPDX-License-Identifier: BSD-2-Clause
// doctor_libcs.c: the libcs of an image, by their loaders: those in the usual folders, and those that programs name.
#include "doctor.h"

#include "../../base/bytes.h"
#include <stdlib.h>
#include <string.h>

static const char *
doctor_libcs_kind(const char *name)
{
	if (sf_bytes_begins(name, "ld-musl-"))
		return "musl";
	return sf_bytes_begins(name, "ld-linux") || sf_bytes_begins(name, "ld64.so.") ? "glibc"
										      : NULL;
}

static void
doctor_libcs_version(const struct patient *p, const struct doctor_object *loader,
		     struct doctor_libc *libc)
{
	char *path = doctor_search_libc(loader, loader->path, p->root);
	struct doctor_object o;

	if (path != NULL && doctor_object_of(&o, p, path)) {
		if (o.fault != SF_ELF_FILE_NONE || o.elf.machine != libc->machine ||
		    !doctor_object_libc_version(&o, libc->version, sizeof(libc->version)))
			*libc->version = '\0';
		doctor_object_free(&o);
	}
	free(path);
}

static json_t *libcs, *seen; /* what is told of them; the loaders of these, by their real names */

static void
doctor_libcs_add_libc(const struct patient *p, const char *path, const char *kind)
{
	struct doctor_libc libc = {.kind = kind};
	enum doctor_state state = DOCTOR_NOT_LOADED;
	struct doctor_object loader;
	char why[256] = "", clean[256];

	if (!doctor_object_of(&loader, p, path))
		return;
	libc.machine = loader.elf.machine;
	if (loader.fault != SF_ELF_FILE_NONE) {
		snprintf(why, sizeof(why), "its loader is %s",
			 sf_elf_file_fault_text(loader.fault));
	} else {
		if (strcmp(kind, "glibc") == 0)
			doctor_libcs_version(p, &loader, &libc);
		state = doctor_served(&libc, why, sizeof(why));
	}
	json_array_append_new(libcs,
			      json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "loader",
					cli_clean(clean, sizeof(clean), path), "libc", kind,
					"version", libc.version, "machine",
					loader.fault == SF_ELF_FILE_NONE
						? doctor_served_machine(libc.machine)
					: loader.fault == SF_ELF_FILE_OTHER_CLASS ? "32 bits"
										  : "unknown",
					"state", doctor_states[state], "reason", why));
	doctor_object_free(&loader);
}

/* A second name of the same loader is none of a second libc. What it is, its last name says. */
void
doctor_libcs_loader(const struct patient *p, const char *loader)
{
	const char *kind = doctor_libcs_kind(sf_bytes_base(loader));
	char *real = libcs != NULL ? doctor_root_real(p->root, loader) : NULL;

	if (kind == NULL && real != NULL)
		kind = doctor_libcs_kind(sf_bytes_base(real));
	if (kind != NULL && real != NULL && json_object_get(seen, real) == NULL) {
		json_object_set_new_nocheck(seen, real, json_true());
		doctor_libcs_add_libc(p, loader, kind);
	}
	free(real);
}

static void
doctor_libcs_usual(const struct patient *p)
{
	static const char *const folders[] = {"/lib64", "/lib", "/libx32", "/usr/lib64",
					      "/usr/lib"};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		char **names = doctor_root_list(p->root, folders[i], "ld");

		for (size_t k = 0; names != NULL && names[k] != NULL; k++) {
			char *path = cli_format("%s/%s", folders[i], names[k]);

			if (doctor_libcs_kind(names[k]) != NULL)
				doctor_libcs_loader(p, path);
			free(path);
		}
		doctor_root_list_free(names);
	}
}

void
doctor_libcs(const struct patient *p)
{
	libcs = json_array();
	seen = json_object();
	json_object_set_new(p->document, "libcs", libcs);
	doctor_libcs_usual(p);
}

void
doctor_libcs_end(void)
{
	json_decref(seen);
	libcs = seen = NULL;
}
