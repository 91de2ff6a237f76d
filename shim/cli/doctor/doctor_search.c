// SPDX-License-Identifier: BSD-2-Clause
// doctor_search.c: the file that the loader would take for a library that another object needs.
#include "doctor.h"

#include <stdlib.h>
#include <string.h>

/* One folder of a search path, with $ORIGIN replaced; "" if it holds another token. */
static char *
doctor_search_expand(const char *folder, size_t len, const struct doctor_object *needer)
{
	static const char *const tokens[] = {"$ORIGIN", "${ORIGIN}"};
	const char *slash = strrchr(needer->path, '/');
	int origin = slash != NULL ? (int)(slash - needer->path) : 0;

	for (size_t i = 0; i < 2; i++) {
		size_t n = strlen(tokens[i]);

		if (len >= n && strncmp(folder, tokens[i], n) == 0)
			return cli_format("%.*s%.*s", origin, needer->path, (int)(len - n),
					  folder + n);
	}
	return cli_format("%.*s", memchr(folder, '$', len) != NULL ? 0 : (int)len, folder);
}

static char *
doctor_search_try(const char *root, const char *folder, const char *name,
		  const struct doctor_object *needer)
{
	char *path = cli_format("%s/%s", folder, name);

	if (*folder == '/' && doctor_object_is_for(root, path, needer))
		return path;
	free(path);
	return NULL;
}

static char *
doctor_search_list(const char *list, const char *name, const struct doctor_object *needer,
		   const char *root)
{
	while (list != NULL && *list != '\0') {
		size_t len = strcspn(list, ":");
		char *folder = doctor_search_expand(list, len, needer),
		     *found = doctor_search_try(root, folder, name, needer);

		free(folder);
		if (found != NULL)
			return found;
		list += len + (list[len] == ':');
	}
	return NULL;
}

/* Where distributions put libraries of this processor. */
static char *
doctor_search_usual(uint16_t machine)
{
	const char *cpu = doctor_served_machine(machine);

	return cli_format("/lib/%s-linux-gnu:/usr/lib/%s-linux-gnu:/lib64:/usr/lib64:/lib:/usr/lib"
			  ":/usr/local/lib:/usr/local/lib/%s-linux-gnu",
			  cpu, cpu, cpu);
}

/* By the RPATH or RUNPATH of who needs it. */
static char *
doctor_search_own(const char *name, const struct doctor_object *needer, const char *root)
{
	uint64_t offset;

	if (!sf_elf_file_tag(&needer->elf, DT_RUNPATH, &offset) &&
	    !sf_elf_file_tag(&needer->elf, DT_RPATH, &offset))
		return NULL;
	return doctor_search_list(sf_elf_file_string(&needer->elf, offset), name, needer, root);
}

static char *
doctor_search_all(const char *name, const struct doctor_object *needer, const char *root)
{
	char *found = doctor_cache_find(root, name, needer), *usual;

	if (found != NULL)
		return found;
	usual = doctor_search_usual(needer->elf.machine);
	found = doctor_search_list(usual, name, needer, root);
	free(usual);
	return found;
}

char *
doctor_search(const char *name, const struct doctor_object *needer, const char *root)
{
	char *found;

	if (strchr(name, '/') != NULL)
		return *name == '/' ? doctor_search_try(root, "/", name + 1, needer) : NULL;
	found = doctor_search_own(name, needer, root);
	return found != NULL ? found : doctor_search_all(name, needer, root);
}

/* A loader has the folder of its own libc built in: the one that it lies in itself, by its real name. */
static char *
doctor_search_beside(const char *loader, const struct doctor_object *program, const char *root)
{
	char *real = doctor_root_real(root, loader), *found = NULL,
	     *slash = real != NULL ? strrchr(real, '/') : NULL;

	if (slash != NULL) {
		*slash = '\0';
		found = doctor_search_try(root, slash != real ? real : "/", "libc.so.6", program);
	}
	free(real);
	return found;
}

char *
doctor_search_libc(const struct doctor_object *program, const char *loader, const char *root)
{
	char *found = doctor_search_own("libc.so.6", program, root);

	if (found == NULL)
		found = doctor_search_beside(loader, program, root);
	return found != NULL ? found : doctor_search_all("libc.so.6", program, root);
}
