// SPDX-License-Identifier: BSD-2-Clause
// private FOLDER INPUT PROGRAM ARGUMENT...: runs it with INPUT as standard input, in a mount namespace of its own in which each file and
// folder of FOLDER/etc stands in the place of the one in /etc. Nothing of the machine is changed.
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

static int
cover_all(const char *folder)
{
	char from[8192], to[512];
	const struct dirent *d;
	DIR *dir;

	snprintf(from, sizeof(from), "%s/etc", folder);
	dir = opendir(from);
	while (dir != NULL && (d = readdir(dir)) != NULL) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(from, sizeof(from), "%s/etc/%s", folder, d->d_name);
		snprintf(to, sizeof(to), "/etc/%s", d->d_name);
		if (mount(from, to, NULL, MS_BIND, NULL) != 0)
			return -1;
	}
	return dir != NULL ? closedir(dir) : -1;
}

int
main(int argc, char **argv)
{
	int input;

	if (argc < 4 || unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 || cover_all(argv[1]) != 0) {
		perror("private");
		return 125;
	}
	input = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (input < 0 || dup2(input, 0) < 0) {
		perror(argv[2]);
		return 125;
	}
	execv(argv[3], argv + 3);
	perror(argv[3]);
	return 125;
}
