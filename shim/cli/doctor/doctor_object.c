// SPDX-License-Identifier: BSD-2-Clause
// doctor_object.c: reads object files.
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
	struct stat st;
	int fd = doctor_root_open_file(root, path, &st), error;

	*o = (struct doctor_object){0};
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

/*
 * Would ld.so take this file for what the other needs? It passes over those of another processor or class, and looks
 * on; what is no ELF file ends its search.
 */
bool
doctor_object_is_for(const char *root, const char *path, const struct doctor_object *needer)
{
	struct stat st;
	int fd = doctor_root_open_file(root, path, &st);
	Elf64_Ehdr head;
	ssize_t n;

	if (fd < 0) /* one that may not be read is taken nevertheless */
		return doctor_root_is_file(root, path, NULL);
	n = pread(fd, &head, sizeof(head), 0);
	close(fd);
	if (n != (ssize_t)sizeof(head) || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0)
		return true; /* who reads it says what it is */
	return head.e_ident[EI_CLASS] == needer->elf.bytes[EI_CLASS] &&
	       head.e_ident[EI_DATA] == needer->elf.bytes[EI_DATA] &&
	       head.e_machine == needer->elf.machine;
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
