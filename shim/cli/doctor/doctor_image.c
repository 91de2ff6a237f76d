// SPDX-License-Identifier: BSD-2-Clause
// doctor_image.c: an unpacked image or a container's root: which libc is in it, and what the shim would do there.
#include "doctor.h"

#include "../../base/bytes.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_MOST  ((uint64_t)4 << 20)
#define PRELOAD_MOST 4096
#define FILE_MOST    ((uint64_t)512 << 20)
#define ALL_MOST     ((uint64_t)64 << 30)
#define USUAL_SEARCH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* ---- what the bundle beside it says: config.json of the OCI runtime specification ---- */

static json_t *config;

static const char *
doctor_image_variable(const char *name)
{
	const json_t *one, *env = json_object_get(json_object_get(config, "process"), "env");
	size_t i, len = strlen(name);

	json_array_foreach(env, i, one)
	{
		const char *text = json_string_value(one);

		if (text != NULL && strncmp(text, name, len) == 0 && text[len] == '=')
			return text + len + 1;
	}
	return NULL;
}

/* Is this folder the root that the bundle names? A config.json of anything else says nothing of it. */
static bool
doctor_image_is_of(const char *bundle, const char *root)
{
	const char *name =
		json_string_value(json_object_get(json_object_get(config, "root"), "path"));
	struct stat its, ours;
	char *path;
	bool same;

	if (name == NULL)
		return false;
	path = *name == '/' ? cli_format("%s", name) : cli_format("%s%s", bundle, name);
	same = stat(path, &its) == 0 && stat(root, &ours) == 0 && its.st_dev == ours.st_dev &&
	       its.st_ino == ours.st_ino;
	free(path);
	return same;
}

static void
doctor_image_read_config(struct patient *p)
{
	size_t len = strlen(p->root);
	uint64_t size;
	char *bundle, *path, *text;

	while (len > 0 && p->root[len - 1] == '/')
		len--;
	while (len > 0 && p->root[len - 1] != '/')
		len--;
	bundle = len != 0 ? cli_format("%.*s", (int)len, p->root) : cli_format("./");
	path = cli_format("%sconfig.json", bundle);
	text = doctor_root_read("", path, CONFIG_MOST, &size);
	config = text != NULL ? json_loadb(text, size, 0, NULL) : NULL;
	if (config != NULL && !doctor_image_is_of(bundle, p->root)) {
		json_decref(config);
		config = NULL;
	}
	if (config != NULL)
		doctor_find(p, LEVEL_NOTE, "config", "%s says what is started and with what", path);
	free(text);
	free(path);
	free(bundle);
}

/* What it starts, below its own folder if it is not absolute; NULL if it does not say. */
static char *
doctor_image_entry(void)
{
	const json_t *process = json_object_get(config, "process");
	const char *word = json_string_value(json_array_get(json_object_get(process, "args"), 0)),
		   *folder = json_string_value(json_object_get(process, "cwd"));

	if (word == NULL || *word == '\0')
		return NULL;
	if (*word == '/' || strchr(word, '/') == NULL)
		return cli_format("%s", word);
	return cli_format("%s/%s", folder != NULL ? folder : "", word);
}

/* ---- all of it ---- */

static void
doctor_image_preload(struct patient *p)
{
	uint64_t size;
	char *text = doctor_root_read(p->root, "/etc/ld.so.preload", PRELOAD_MOST, &size);

	if (text != NULL && text[strspn(text, " \t\n:")] != '\0')
		doctor_find(p, LEVEL_NOTE, "preload",
			    "/etc/ld.so.preload names %.*s: loaded after what LD_PRELOAD names",
			    (int)strcspn(text, "\n"), text);
	free(text);
}

/* manifest.json, and nothing that a root has. */
static bool
doctor_image_is_saved(const char *root)
{
	static const char *const folders[] = {"/usr", "/bin", "/lib", "/lib64", "/etc"};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		int at = doctor_root_open(root, folders[i], NULL);

		if (at >= 0)
			return close(at), false;
	}
	return doctor_root_is_file(root, "/manifest.json", NULL);
}

static bool
doctor_image_is_root(const char *root)
{
	int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOTDIR && doctor_root_is_file("", root, NULL)) {
		cli_error("%s is a file, not a root: tar or umoci unpack it", root);
		return false;
	}
	if (fd < 0) {
		cli_error_errno(0, "%s", *root != '\0' ? root : "the name of the image's folder");
		return false;
	}
	close(fd);
	if (doctor_root_is_file(root, "/oci-layout", NULL))
		cli_error("%s is an OCI layout, not a root: umoci unpack --rootless makes one of "
			  "it",
			  root);
	else if (doctor_image_is_saved(root))
		cli_error("%s is what docker save wrote, not a root: skopeo and umoci unpack it",
			  root);
	else
		return true;
	return false;
}

int
doctor_image(struct patient *p, const char *root, const char *program)
{
	static uint64_t left = ALL_MOST;
	char *entry;
	int status = CLI_OK;

	if (!doctor_image_is_root(root))
		return CLI_TARGET;
	p->root = root;
	p->any_machine = true;
	p->most = FILE_MOST;
	p->left = &left;
	p->variable = doctor_image_variable;
	doctor_fact(p, "image", root);
	doctor_libcs(p);
	doctor_image_read_config(p);
	doctor_image_preload(p);
	p->search = doctor_image_variable("PATH");
	p->search = p->search != NULL ? p->search : USUAL_SEARCH;
	entry = program != NULL ? cli_format("%s", program) : doctor_image_entry();
	if (entry != NULL)
		status = doctor_file(p, entry);
	else
		doctor_scan(p);
	free(entry);
	json_decref(config);
	config = NULL;
	doctor_libcs_end();
	return status;
}
