// SPDX-License-Identifier: BSD-2-Clause
// doctor.h: what the files of `symfast doctor` share: an object's file, and the list of findings.
//
// Nothing that it reads is run or trusted: it may be hostile.
#ifndef SF_CLI_DOCTOR_H
#define SF_CLI_DOCTOR_H

#include "../../image/elf_file.h"
#include "../base/document.h"

/* The file of one object, read into memory. */
struct doctor_object {
	char *path;
	void *bytes;
	uint64_t size; /* of what was read */
	enum sf_elf_file_fault fault;
	struct sf_elf_file elf; /* if there is no fault */
};

/* false with errno if it cannot be read (ENOEXEC: no regular file, EFBIG: too big). */
bool doctor_object_read(struct doctor_object *o, const char *path, uint64_t most);
#define DOCTOR_OBJECT_MOST ((uint64_t)4 << 30)
void doctor_object_free(struct doctor_object *o);

/*
 * The file that the loader would take for a needed library: absolute, by the RPATH or RUNPATH of who
 * needs it, or in the usual folders; `root` goes before all ("" or "/proc/PID/root"). NULL if there
 * is none. ld.so.cache and LD_LIBRARY_PATH are not asked.
 */
char *doctor_object_search(const char *name, const struct doctor_object *needer, const char *root);

/* "2.36" from the text that every glibc carries; false if there is none. */
bool doctor_object_libc_version(const struct doctor_object *libc, char *version, size_t size);

/* A case under examination. */
struct patient {
	json_t *document; /* "facts": {}, "findings": [], "imports": [], "expect": [] */
	const char *root;
	bool stopped;       /* a finding says that the shim cannot serve it */
	bool dynamic_calls; /* something looks names up or loads objects */
	bool go_detour;
	bool gains; /* from doctor_retain() and doctor_expect() */
};

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
/* A program by its file, or by a word that PATH finds. CLI_OK, or after one line. */
int doctor_file(struct patient *p, const char *word);
/* A running process: environment, rights, filters, what is mapped. CLI_OK, or after one line. */
int doctor_process(struct patient *p, unsigned long pid);
/* LD_PRELOAD, LD_AUDIT and the like, of NUL-separated or own variables. */
void doctor_environment(struct patient *p, const char *(*get)(const char *name));
/* What the settings file says of a program; `named`: SYMFAST_CONF, or NULL. */
void doctor_conf(struct patient *p, const char *program, const char *named);
/* Known ways of loading and unloading, by what the program needs. */
void doctor_known(struct patient *p, const char *name);
/* From all that: what an operator can expect, in plain words. */
void doctor_expect(struct patient *p);
/* One line of that. */
void doctor_expect_add(struct patient *p, const char *text);
/* libc's own files, which every process has. */
bool doctor_is_part_of_libc(const char *name);

#endif
