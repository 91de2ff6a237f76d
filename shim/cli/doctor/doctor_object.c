// SPDX-License-Identifier: BSD-2-Clause
// doctor_object.c: reads object files, and finds those that others need.
#include "doctor.h"

#include "../../base/bytes.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

bool
doctor_object_read(struct doctor_object *o, const char *root, const char *path, uint64_t most)
{
	int at = doctor_root_open(root, path, NULL), fd, error;
	struct stat st;

	*o = (struct doctor_object){0};
	if (at < 0)
		return false;
	fd = doctor_root_reopen(at, &st);
	if (fd < 0)
		return false;
	o->bytes = doctor_root_read_all(fd, &st, most, &o->size);
	error = errno;
	o->capable = fgetxattr(fd, "security.capability", NULL, 0) > 0;
	close(fd);
	errno = error;
	if (o->bytes == NULL)
		return false;
	o->path = cli_format("%s", path);
	o->mode = st.st_mode;
	o->fault = sf_elf_file_open(&o->elf, o->bytes, o->size);
	return true;
}

bool
doctor_object_of(struct doctor_object *o, const struct patient *p, const char *path)
{
	uint64_t most = p->left != NULL && *p->left < p->most ? *p->left : p->most;

	if (!doctor_object_read(o, p->root, path, most))
		return false;
	if (p->left != NULL)
		*p->left -= o->size;
	return true;
}

void
doctor_object_free(struct doctor_object *o)
{
	free(o->path);
	free(o->bytes);
	*o = (struct doctor_object){0};
}

/* One folder of a search path, with $ORIGIN replaced; "" if it holds another token. */
static char *
doctor_object_expand(const char *folder, size_t len, const struct doctor_object *needer)
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
doctor_object_try(const char *root, const char *folder, const char *name)
{
	char *path = cli_format("%s/%s", folder, name);

	if (*folder == '/' && doctor_root_is_file(root, path, NULL))
		return path;
	free(path);
	return NULL;
}

static char *
doctor_object_search_list(const char *list, const char *name, const struct doctor_object *needer,
			  const char *root)
{
	while (list != NULL && *list != '\0') {
		size_t len = strcspn(list, ":");
		char *folder = doctor_object_expand(list, len, needer),
		     *found = doctor_object_try(root, folder, name);

		free(folder);
		if (found != NULL)
			return found;
		list += len + (list[len] == ':');
	}
	return NULL;
}

/* Where distributions put libraries of this processor. */
static char *
doctor_object_usual(uint16_t machine)
{
	const char *cpu = doctor_served_machine(machine);

	return cli_format("/lib/%s-linux-gnu:/usr/lib/%s-linux-gnu:/lib64:/usr/lib64:/lib:/usr/lib"
			  ":/usr/local/lib:/usr/local/lib/%s-linux-gnu",
			  cpu, cpu, cpu);
}

char *
doctor_object_search(const char *name, const struct doctor_object *needer, const char *root)
{
	char *found = NULL, *usual;
	uint64_t offset;

	if (strchr(name, '/') != NULL)
		return *name == '/' ? doctor_object_try(root, "/", name + 1) : NULL;
	if (sf_elf_file_tag(&needer->elf, DT_RUNPATH, &offset) ||
	    sf_elf_file_tag(&needer->elf, DT_RPATH, &offset))
		found = doctor_object_search_list(sf_elf_file_string(&needer->elf, offset), name,
						  needer, root);
	if (found != NULL)
		return found;
	usual = doctor_object_usual(needer->elf.machine);
	found = doctor_object_search_list(usual, name, needer, root);
	free(usual);
	return found;
}

/* The highest GLIBC_2.x that it defines: a banner can be taken out, versions cannot. */
static bool
doctor_object_newest_version(const struct doctor_object *libc, char *version, size_t size)
{
	struct sf_elf_file_versions walk = {0};

	*version = '\0';
	while (!walk.ended) {
		const char *v = sf_elf_file_defined_version(&libc->elf, &walk);

		if (v != NULL && sf_bytes_begins(v, "GLIBC_2.") && strverscmp(version, v + 6) < 0)
			cli_clean(version, size, v + 6);
	}
	return *version != '\0';
}

bool
doctor_object_libc_version(const struct doctor_object *libc, char *version, size_t size)
{
	static const char banner[] = "GNU C Library", mark[] = "release version ";
	const char *at = memmem(libc->bytes, libc->elf.size, banner, strlen(banner));
	const char *end = (const char *)libc->bytes + libc->elf.size;
	size_t n = 0;

	if (at != NULL && end - at > 256)
		end = at + 256;
	if (at != NULL)
		at = memmem(at, (size_t)(end - at), mark, strlen(mark));
	if (at == NULL)
		return doctor_object_newest_version(libc, version, size);
	for (at += strlen(mark); at < end && n + 1 < size; at++) {
		if ((*at < '0' || *at > '9') && (*at != '.' || at + 1 >= end || at[1] < '0'))
			break;
		version[n++] = *at;
	}
	version[n] = '\0';
	return n != 0 || doctor_object_newest_version(libc, version, size);
}
