// SPDX-License-Identifier: BSD-2-Clause
// doctor_process.c: what /proc says about a running process that an operator wants to restart with
// the shim.
#include "doctor.h"

#include "../base/proc.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *variables;
static size_t variables_size;

static const char *
doctor_process_get_variable(const char *name)
{
	size_t len = strlen(name);

	for (size_t at = 0; at < variables_size; at += strlen(variables + at) + 1)
		if (strncmp(variables + at, name, len) == 0 && variables[at + len] == '=')
			return variables + at + len + 1;
	return NULL;
}

static void
doctor_process_environment(struct patient *p, unsigned long pid, const char *program)
{
	variables = proc_read(pid, "environ", &variables_size);
	if (variables == NULL) {
		doctor_find(p, LEVEL_WARN, "environment", "its environment cannot be read: %s",
			    strerror(errno));
		return;
	}
	doctor_environment(p, doctor_process_get_variable);
	doctor_conf(p, program, doctor_process_get_variable("SYMFAST_CONF"));
	free(variables);
	variables = NULL;
}

static void
doctor_process_status(struct patient *p, unsigned long pid)
{
	size_t size;
	char *text = proc_read(pid, "status", &size);
	const char *line = text != NULL ? strstr(text, "\nSeccomp:\t") : NULL;
	int mode = line != NULL ? atoi(line + strlen("\nSeccomp:\t")) : 0;

	if (mode == 1)
		doctor_find(
			p, LEVEL_WARN, "seccomp",
			"strict seccomp: reads and writes are all it may do, nothing is loaded");
	if (mode == 2)
		doctor_find(
			p, LEVEL_NOTE, "seccomp",
			"a seccomp filter is set: where it forbids open or mmap, the statistics "
			"segment is missing; where it kills on mprotect, set SYMFAST_GO=libc");
	free(text);
}

static void
doctor_process_label(struct patient *p, unsigned long pid)
{
	char enforce = '0', clean[128];
	int fd = open("/sys/fs/selinux/enforce", O_RDONLY | O_CLOEXEC);
	size_t size;
	char *label;

	if (fd < 0)
		return; /* no SELinux here */
	if (read(fd, &enforce, 1) != 1)
		enforce = '0';
	close(fd);
	label = proc_read(pid, "attr/current", &size);
	doctor_find(
		p, enforce == '1' ? LEVEL_WARN : LEVEL_NOTE, "selinux",
		"SELinux is %s, label %s: its domain must be allowed to map the library's file; "
		"execmod is needed for the Go detour alone",
		enforce == '1' ? "enforcing" : "permissive",
		label != NULL ? cli_clean(clean, sizeof(clean), label) : "unknown");
	free(label);
}

static void
doctor_process_auxv(struct patient *p, unsigned long pid)
{
	size_t size;
	char *text = proc_read(pid, "auxv", &size);

	for (size_t at = 0; text != NULL && at + 16 <= size; at += 16) {
		uint64_t pair[2];

		memcpy(pair, text + at, 16);
		if (pair[0] == AT_SECURE && pair[1] != 0)
			doctor_find(p, LEVEL_STOP, "secure",
				    "was started in secure mode: the loader dropped LD_PRELOAD");
	}
	free(text);
}

static void
doctor_process_maps(struct patient *p, unsigned long pid)
{
	size_t size;
	char *text = proc_read(pid, "maps", &size);

	if (text == NULL)
		doctor_find(p, LEVEL_WARN, "maps", "its memory map cannot be read: %s",
			    strerror(errno));
	else if (strstr(text, "/libsymfast.so") != NULL)
		doctor_find(p, LEVEL_OK, "loaded", "the shim is loaded: symfast stat %lu", pid);
	else
		doctor_find(p, LEVEL_NOTE, "loaded",
			    "the shim is not loaded; a process can only be started with it");
	free(text);
}

/* Is the program of a process a 32-bit one? */
static bool
doctor_process_is_32(unsigned long pid)
{
	char *exe = cli_format("/proc/%lu/exe", pid), ident[EI_CLASS + 1] = "";
	int fd = open(exe, O_RDONLY | O_CLOEXEC);
	bool is = fd >= 0 && read(fd, ident, sizeof(ident)) == (ssize_t)sizeof(ident) &&
		  memcmp(ident, ELFMAG, SELFMAG) == 0 && ident[EI_CLASS] == ELFCLASS32;

	if (fd >= 0)
		close(fd);
	free(exe);
	return is;
}

/* Children inherit LD_PRELOAD; a thread's stand in a file of its own. */
static void
doctor_process_children(struct patient *p, unsigned long pid)
{
	char *pattern = cli_format("/proc/%lu/task/*/children", pid);
	unsigned int count = 0;
	glob_t files;

	if (glob(pattern, GLOB_NOSORT, NULL, &files) == 0) {
		for (size_t i = 0; i < files.gl_pathc && i < 256; i++) {
			char text[4096] = "", *at = text;
			FILE *f = fopen(files.gl_pathv[i], "re");

			if (f != NULL && fgets(text, sizeof(text), f) != NULL)
				for (unsigned long child; (child = strtoul(at, &at, 10)) != 0;)
					count += doctor_process_is_32(child);
			if (f != NULL)
				fclose(f);
		}
		globfree(&files);
	}
	free(pattern);
	if (count != 0)
		doctor_find(p, LEVEL_NOTE, "children",
			    "32-bit programs among its children: %u; the shim cannot serve them, "
			    "ld.so says so in one line and they run without",
			    count);
}

int
doctor_process(struct patient *p, unsigned long pid)
{
	static char root[64];
	char *exe = cli_format("/proc/%lu/exe", pid), target[4096], clean[4096];
	ssize_t n = readlink(exe, target, sizeof(target) - 1);
	struct doctor_object program;

	if (n < 0 && errno == ENOENT && access("/proc/self", F_OK) == 0)
		errno = ESRCH;
	if (n < 0 || !doctor_object_read(&program, "", exe, DOCTOR_OBJECT_MOST)) {
		free(exe);
		return cli_error_errno(CLI_TARGET, "process %lu", pid);
	}
	free(exe);
	target[n] = '\0';
	doctor_fact(p, "program", cli_clean(clean, sizeof(clean), target));
	snprintf(root, sizeof(root), "/proc/%lu/root", pid);
	p->root = root;
	p->variable = doctor_process_get_variable;
	/* For $ORIGIN: where the file lies, as the process sees it. */
	free(program.path);
	program.path = cli_format("%s", target);
	doctor_process_maps(p, pid);
	doctor_program(p, &program);
	doctor_process_environment(p, pid, target);
	doctor_process_status(p, pid);
	doctor_process_label(p, pid);
	doctor_process_auxv(p, pid);
	doctor_process_children(p, pid);
	if (program.fault == SF_ELF_FILE_NONE)
		doctor_mapped(p, &program, pid);
	doctor_object_free(&program);
	return CLI_OK;
}
