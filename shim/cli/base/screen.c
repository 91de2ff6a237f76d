// SPDX-License-Identifier: BSD-2-Clause
// screen.c: see screen.h.
#include "screen.h"

#include "cli.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"
#define WIDE  512

static struct termios before;
static volatile sig_atomic_t taken, ending;
static bool keys; /* standard input is a terminal, too */
static int width, height, row;

static void
screen_on_signal(int signal)
{
	(void)signal;
	ending = 1;
}

/* A new size: the sleep ends, and the next frame asks for it. */
static void
screen_on_size(int signal)
{
	(void)signal;
}

static void
screen_catch_signals(void)
{
	struct sigaction end = {.sa_handler = screen_on_signal},
			 size = {.sa_handler = screen_on_size};

	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGHUP, &end, NULL);
	sigaction(SIGWINCH, &size, NULL);
}

bool
screen_open(bool whole)
{
	struct termios raw;

	screen_catch_signals();
	if (!whole || !isatty(STDOUT_FILENO))
		return false;
	keys = tcgetattr(STDIN_FILENO, &before) == 0;
	if (keys) {
		raw = before;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	taken = 1;
	fputs(ENTER, stdout);
	fflush(stdout);
	return true;
}

void
screen_close(void)
{
	if (!taken)
		return;
	taken = 0;
	if (keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	if (write(STDOUT_FILENO, LEAVE, sizeof(LEAVE) - 1) < 0)
		return; /* a terminal that is gone needs nothing back */
}

void
screen_begin(void)
{
	struct winsize size;

	row = 0;
	width = 80;
	height = 24;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 && size.ws_row != 0) {
		width = size.ws_col;
		height = size.ws_row;
	}
	if (taken)
		fputs("\033[H", stdout);
}

/* The bytes of the first `columns` characters. */
static int
screen_cut(const char *text, int columns)
{
	int bytes = 0;

	for (; text[bytes] != '\0'; bytes++)
		if (((unsigned char)text[bytes] & 0xc0) != 0x80 && columns-- == 0)
			break;
	return bytes;
}

static void
screen_put(const char *colour, const char *format, va_list args)
{
	bool coloured = taken && *colour != '\0' && cli_colours(stdout);
	char text[WIDE];

	vsnprintf(text, sizeof(text), format, args);
	if (!taken)
		puts(text);
	else if (row < height)
		printf("%s%s%.*s%s\033[K", row != 0 ? "\r\n" : "", coloured ? colour : "",
		       screen_cut(text, width), text, coloured ? "\033[0m" : "");
	row++;
}

void
screen_line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	screen_put("", format, args);
	va_end(args);
}

void
screen_line_in(const char *colour, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	screen_put(colour, format, args);
	va_end(args);
}

int
screen_width(void)
{
	return taken ? width : WIDE;
}

bool
screen_full(void)
{
	return taken && row >= height;
}

void
screen_end(void)
{
	if (taken)
		fputs("\033[J", stdout);
	fflush(stdout);
}

bool
screen_wait(double seconds, char *key)
{
	struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
	struct pollfd in = {.fd = keys ? STDIN_FILENO : -1, .events = POLLIN};

	*key = 0;
	if (ending || ppoll(&in, 1, &t, NULL) <= 0)
		return ending;
	return read(STDIN_FILENO, key, 1) != 1 || *key == 'q' || *key == 'Q';
}
