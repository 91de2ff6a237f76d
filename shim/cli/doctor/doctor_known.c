// SPDX-License-Identifier: BSD-2-Clause
// doctor_known.c: what is known of programs and libraries by their names, and what the settings file says.
#include "doctor.h"

#include "../../base/bytes.h"
#include "../../observe/conf.h"
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Libraries that load and unload others for each of their users: what retaining is for (docs/retain.md). */
static const struct {
	const char *library, *objects, *what;
} doctor_known_churn[] = {
	{"libpam.so", "pam_*.so", "PAM loads its modules for each transaction and unloads them"},
	{"libodbc.so", "lib*odbc*.so*", "unixODBC loads the driver for each first connection"},
	{"libsasl2.so", "lib*.so*", "SASL loads its plugins for each client or server"},
	{"libvulkan.so", "libvulkan_*.so*", "Vulkan's loader loads drivers for each instance"},
	{"libp11-kit.so", "*pkcs11*.so*:p11-kit-*.so",
	 "p11-kit loads modules at each initialisation"},
	{"libsqlite3.so", "mod_spatialite.so*", "SQLite loads extensions for each connection"},
	{"liblua5", "*.so", "a Lua state loads its C modules and unloads them when it is closed"},
};

void
doctor_known(struct patient *p, const char *name)
{
	for (size_t i = 0; i < sizeof(doctor_known_churn) / sizeof(doctor_known_churn[0]); i++)
		if (strncmp(name, doctor_known_churn[i].library,
			    strlen(doctor_known_churn[i].library)) == 0)
			doctor_find(p, LEVEL_NOTE, "retain",
				    "%s: if SYMFAST=observe counts such loads, SYMFAST_RETAIN='%s' "
				    "saves "
				    "most of their cost",
				    doctor_known_churn[i].what, doctor_known_churn[i].objects);
	if (strncmp(name, "php", 3) == 0 || strncmp(name, "libphp", 6) == 0)
		doctor_find(
			p, LEVEL_NOTE, "deepbind",
			"PHP opens its extensions with RTLD_DEEPBIND: what is looked up in them is "
			"passed through");
}

/* What `path` is under the root, by a name that leads there whatever links are on the way; ENOENT if nothing. */
static bool
doctor_conf_open(struct sf_conf *c, const struct patient *p, const char *path, bool must_be,
		 const char *program)
{
	int at = *p->root != '\0' ? doctor_root_open(p->root, path, NULL) : -1;
	struct stat st;
	char link[32];
	bool open;

	if (at >= 0 && fstat(at, &st) == 0 && !S_ISREG(st.st_mode)) {
		close(at); /* not even opened: a device may do something then */
		*c = (struct sf_conf){.fault = "is no regular file"};
		return false;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", at);
	open = sf_conf_open(c, *p->root != '\0' ? link : path, must_be, program);
	if (at >= 0)
		close(at);
	return open;
}

void
doctor_conf(struct patient *p, const char *program, const char *named)
{
	const char *path = named != NULL ? named : SF_CONF_PATH, *mode = NULL, *entry;
	struct sf_conf c;

	if (*path == '\0')
		return;
	if (doctor_conf_open(&c, p, path, named != NULL, program))
		while ((entry = sf_conf_next(&c)) != NULL)
			mode = strncmp(entry, "SYMFAST=", 8) == 0 ? entry : mode;
	if (c.fault != NULL)
		doctor_find(p, LEVEL_STOP, "conf", "%s, line %u, %s: the shim is off", path, c.line,
			    c.fault);
	else if (!sf_conf_listed(&c))
		doctor_find(
			p, LEVEL_STOP, "conf",
			"%s has no section for this program: the shim passes everything through",
			path);
	else if (c.sections)
		doctor_find(p, LEVEL_OK, "conf", "%s has a section for this program%s%s", path,
			    mode != NULL ? ": " : "", mode != NULL ? mode : "");
	sf_conf_close(&c);
}
