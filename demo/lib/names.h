// SPDX-License-Identifier: BSD-2-Clause
// 64 functions of libc that a demo host looks up; none is an IFUNC or thread-local; each release has them.
#ifndef DEMO_NAMES_H
#define DEMO_NAMES_H

#define NAMES 64

// clang-format off
static const char *const names[NAMES] = {
	"malloc", "calloc", "realloc", "free", "open", "close", "read", "write",
	"lseek", "pread", "pwrite", "access", "chmod", "fsync", "mkdir", "rmdir",
	"unlink", "rename", "link", "symlink", "readlink", "chdir", "getcwd", "dup",
	"pipe", "fork", "execve", "waitpid", "kill", "raise", "signal", "sigaction",
	"getpid", "getppid", "getuid", "geteuid", "setsid", "socket", "bind", "listen",
	"accept", "connect", "send", "recv", "sendmsg", "recvmsg", "poll", "select",
	"fopen", "fclose", "fread", "fwrite", "fprintf", "snprintf", "sscanf", "strtol",
	"strtod", "qsort", "bsearch", "getenv", "setenv", "localtime_r", "mktime", "strftime",
};
// clang-format on

#endif
