// SPDX-License-Identifier: BSD-2-Clause
// service.c: the C service of the whole way: answers "NAME\n" by what the plugin's function NAME
// returns, or "none". Each request opens the plugin, looks up, calls, closes; one handle stays open,
// or how often the plugin goes and what is known of it with it would depend on how requests overlap.
// Names are looked up where they always stand, as a program's own do: a buffer that holds one after the
// other is answered by content, and how many hits are timed would depend on what it held at first.
//
// service SOCKET PLUGIN      a thread per connection, until it is told to end by SIGTERM
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *plugin;

static const char *
name_of(const char *line)
{
	static const char *const names[] = {"truth_value", "lie_value", "no_value"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(line, names[i]) == 0)
			return names[i];
	return line;
}

static void
answer(const char *name, FILE *out)
{
	void *handle = dlopen(plugin, RTLD_NOW);
	union {
		void *value;
		int (*call)(void);
	} f = {handle != NULL ? dlsym(handle, name) : NULL};
	const char *error = f.value == NULL ? dlerror() : "";

	if (f.value != NULL)
		fprintf(out, "%d\n", f.call());
	else
		fprintf(out, "none: %s\n", error != NULL ? error : "no error");
	fflush(out);
	if (handle != NULL)
		dlclose(handle);
}

static void *
serve(void *arg)
{
	int fd = *(int *)arg;
	FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");
	char line[256];

	free(arg);
	while (fgets(line, sizeof(line), in) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		answer(name_of(line), out);
	}
	fclose(in);
	fclose(out);
	return NULL;
}

int
main(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int server = socket(AF_UNIX, SOCK_STREAM, 0);
	pthread_t thread;

	if (argc != 3)
		return EXIT_FAILURE;
	plugin = argv[2];
	if (dlopen(plugin, RTLD_NOW) == NULL)
		return EXIT_FAILURE;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", argv[1]);
	if (bind(server, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(server, 64) != 0)
		return EXIT_FAILURE;
	for (;;) {
		int *fd = malloc(sizeof(*fd));

		*fd = accept(server, NULL, NULL);
		if (*fd >= 0 && pthread_create(&thread, NULL, serve, fd) == 0)
			pthread_detach(thread);
	}
}
