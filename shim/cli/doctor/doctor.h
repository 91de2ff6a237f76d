// SPDX-License-Identifier: BSD-2-Clause
// doctor.h: what the files of `symfast doctor` share: an object's file, and the list of findings.
//
// Nothing that it reads is run or trusted: it may be hostile.
#ifndef SF_CLI_DOCTOR_H
#define SF_CLI_DOCTOR_H

#include "../../image/elf_file.h"
#include "../base/document.h"
#include <sys/types.h>

/*
 * A root is the folder that a path begins in: "" is this machine's own, else that of a container or an unpacked
 * image ("/proc/PID/root"). Links in it are followed as a process in it would: a link to /x is ROOT/x, and
 * no number of ".." leaves it, also while somebody changes it. Paths are given and told without the root.
 *
 * A descriptor for looking (O_PATH), never one for reading; -1 with errno. `real` (may be NULL) gets the path
 * without links.
 */
int doctor_root_open(const char *root, const char *path, char **real);
/* That path alone; NULL if it leads nowhere. The caller frees it. */
char *doctor_root_real(const char *root, const char *path);
/* Is there a regular file? `mode` may be NULL. */
bool doctor_root_is_file(const char *root, const char *path, mode_t *mode);
/* The entries of a folder that begin with `prefix`, sorted, NULL at the end; NULL with errno. */
char **doctor_root_list(const char *root, const char *path, const char *prefix);
void doctor_root_list_free(char **names);
/* A regular file of at most `most` bytes, with a NUL behind it; NULL with errno. */
void *doctor_root_read(const char *root, const char *path, uint64_t most, uint64_t *size);
/* The two halves of that. The first gives a descriptor for reading a regular file, or -1 with errno. */
struct stat;
int doctor_root_open_file(const char *root, const char *path, struct stat *st);
void *doctor_root_read_all(int fd, const struct stat *st, uint64_t most, uint64_t *size);

/* The file of one object, read into memory. */
struct doctor_object {
	char *path; /* without the root */
	void *bytes;
	uint64_t size; /* of what was read */
	mode_t mode;
	bool capable; /* has file capabilities */
	enum sf_elf_file_fault fault;
	struct sf_elf_file elf; /* if there is no fault */
};

/* false with errno if it cannot be read (ENOEXEC: no regular file, EFBIG: too big). */
bool doctor_object_read(struct doctor_object *o, const char *root, const char *path, uint64_t most);
#define DOCTOR_OBJECT_MOST ((uint64_t)4 << 30)
/* The same under a patient's root, within what it may read. */
struct patient;
bool doctor_object_of(struct doctor_object *o, const struct patient *p, const char *path);
void doctor_object_free(struct doctor_object *o);

/*
 * The file that the loader would take for a needed library: absolute, by the RPATH or RUNPATH of who
 * needs it, by ld.so.cache, or in the usual folders of its processor. NULL if there is none.
 * LD_LIBRARY_PATH is not asked.
 */
char *doctor_search(const char *name, const struct doctor_object *needer, const char *root);
/* The same for the libc of a program that names this loader: the one that lies beside it goes before the usual folders. */
char *doctor_search_libc(const struct doctor_object *program, const char *loader, const char *root);
/* Is there a file that it could take, and is it of the same processor? */
bool doctor_object_is_for(const char *root, const char *path, const struct doctor_object *needer);
/* By the root's ld.so.cache. */
char *doctor_cache_find(const char *root, const char *name, const struct doctor_object *needer);

/* "2.36" from the text that every glibc carries, or else the newest version that it defines; false if neither. */
bool doctor_object_libc_version(const struct doctor_object *libc, char *version, size_t size);

/* A case under examination. */
struct patient {
	json_t *document; /* "facts": {}, "findings": [], "imports": [], "expect": [] */
	const char *root;
	bool any_machine;   /* of an image: whatever processor the shim is built for */
	uint64_t most;      /* bytes of one file */
	uint64_t *left;     /* bytes of all files still to be read; NULL: as many as there are */
	const char *search; /* where words without a '/' are looked for: PATH, or NULL */
	/* A variable of the environment that it is or would be started with. */
	const char *(*variable)(const char *name);
	bool stopped;       /* a finding says that the shim cannot serve it */
	bool dynamic_calls; /* something looks names up or loads objects */
	bool go_detour;
	bool limited; /* doctor_served_is_limited() */
	bool gains;   /* from doctor_retain() and doctor_expect() */
	bool many;    /* programs, each with a row of its own, and what to expect is said */
};

/* A document with nothing in it yet. */
json_t *doctor_document(void);

enum level { LEVEL_OK, LEVEL_NOTE, LEVEL_WARN, LEVEL_STOP };
void doctor_find(struct patient *p, enum level level, const char *id, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void doctor_fact(struct patient *p, const char *name, const char *value);

/* Their names: "ok", "note", ... */
extern const char *const doctor_levels[];

/* The program's file: kind, libc, rights, Go, binding; then what it and its libraries import. */
void doctor_program(struct patient *p, const struct doctor_object *program);
/* A shared object, and no program? */
bool doctor_program_is_object(const struct doctor_object *o);
/* Of such: what SYMFAST_RETAIN could do for who loads and unloads it; which is "fresh", "keep" or "cannot". */
void doctor_retain(struct patient *p, const struct doctor_object *o);
void doctor_dependencies(struct patient *p, const struct doctor_object *program);
/* The same for what a process has mapped, as it lies in its maps: opened at run time, too. */
void doctor_mapped(struct patient *p, const struct doctor_object *program, unsigned long pid);
/*
 * What the shim does in a process of this libc: the one place that knows it.
 */
enum doctor_state { DOCTOR_SERVED, DOCTOR_PASSED, DOCTOR_NOT_LOADED };
extern const char *const doctor_states[]; /* "served", "passed through", "not loaded" */
struct doctor_libc {
	const char *kind; /* "glibc", "musl", "unknown" */
	char version[16]; /* of glibc; "" if it does not tell */
	bool find_object; /* it has _dl_find_object, which distributions have brought to 2.34 */
	uint16_t machine;
};
/* Of one that is served: is it without SYMFAST_RETAIN and plugin.Open? */
bool doctor_served_is_limited(const struct doctor_libc *libc);
/* `why` says for the end of a sentence what is in the way; "" if it is served. */
enum doctor_state doctor_served(const struct doctor_libc *libc, char *why, size_t size);
/* Its name, as uname has it ("x86_64"). */
const char *doctor_served_machine(uint16_t machine);
/* Is there a library for it? */
bool doctor_served_is_built_for(uint16_t machine);

/* A program by its file, or by a word that PATH finds. CLI_OK, or after one line. */
int doctor_file(struct patient *p, const char *word);
/* The same for one that is read already: kind, what it needs, the environment. */
void doctor_file_examine(struct patient *p, const struct doctor_object *program);
/* Whole enough for that? Its fault says what it is, if not. */
bool doctor_file_is_readable(struct doctor_object *o);
/* An unpacked image or a container's root: its libc, and one program or all that lie in the usual folders. */
int doctor_image(struct patient *p, const char *root, const char *program);
/* Begins "libcs" of the document with what lies in the usual folders; ends it. */
void doctor_libcs(const struct patient *p);
void doctor_libcs_end(void);
/* A program names this loader: its libc is told, too, wherever in the root it lies. Nothing where no image is looked into. */
void doctor_libcs_loader(const struct patient *p, const char *loader);
/* All programs of the usual folders: each gets a row in "programs". */
void doctor_scan(struct patient *p);
/* A running process: environment, rights, filters, what is mapped. CLI_OK, or after one line. */
int doctor_process(struct patient *p, unsigned long pid);
/* LD_PRELOAD, LD_AUDIT and the like, of NUL-separated or own variables. */
void doctor_environment(struct patient *p, const char *(*get)(const char *name));
/* What the settings file under its root says of a program; `named`: SYMFAST_CONF, or NULL. */
void doctor_conf(struct patient *p, const char *program, const char *named);
/* Known ways of loading and unloading, by what the program needs. */
void doctor_known(struct patient *p, const char *name);
/* From all that: what an operator can expect, in plain words. */
void doctor_expect(struct patient *p);
/* One line of that. */
void doctor_expect_add(struct patient *p, const char *text);
/* libc's own files, which every process has; all of musl is one. */
bool doctor_is_part_of_libc(const char *name);

#endif
