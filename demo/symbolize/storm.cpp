// SPDX-License-Identifier: BSD-2-Clause
// A program over libLLVM that takes a stack trace at every diagnostic, as error reporters do.
//
// Each round LLVM's bitcode reader is given garbage and calls the diagnostic handler from deep inside
// the library; the handler turns the trace into text, by Boost.Stacktrace (dladdr for each frame) or by
// backtrace_symbols.
#include <atomic>
#include <boost/stacktrace.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <execinfo.h>
#include <set>
#include <string>
#include <thread>
#include <vector>

// LLVM's C interface, by hand: the package of its headers is 300 MB.
extern "C" {
struct Context;
struct Buffer;
struct Module;
Context *LLVMContextCreate(void);
void LLVMContextDispose(Context *);
void LLVMContextSetDiagnosticHandler(Context *, void (*)(void *, void *), void *);
Buffer *LLVMCreateMemoryBufferWithMemoryRangeCopy(const char *, size_t, const char *);
void LLVMDisposeMemoryBuffer(Buffer *);
int LLVMParseBitcodeInContext2(Context *, Buffer *, Module **);
}

struct report {
	bool boost;
	long traces = 0, frames = 0;
	std::set<std::string> names; // of the first trace, for the comparison of outputs
};

static void with_boost(report &r)
{
	boost::stacktrace::stacktrace trace;

	for (const auto &frame : trace) {
		std::string name = frame.name();

		if (r.traces == 0)
			r.names.insert(name);
		r.frames++;
	}
}

// "/path/object(name+offset) [address]": the object without its path, and the name.
static std::string short_text(const char *text)
{
	const char *open = strchr(text, '('), *end = open ? strchr(open, '+') : nullptr, *slash = open;

	while (end && slash > text && slash[-1] != '/')
		slash--;
	return end ? std::string(slash, end) : "";
}

static void with_libc(report &r)
{
	void *pc[64];
	int n = backtrace(pc, 64);
	char **texts = backtrace_symbols(pc, n);

	for (int i = 0; texts && i < n; i++) {
		if (r.traces == 0)
			r.names.insert(short_text(texts[i]));
		r.frames++;
	}
	free(texts);
}

static void on_diagnostic(void *, void *arg)
{
	report &r = *static_cast<report *>(arg);

	if (r.boost)
		with_boost(r);
	else
		with_libc(r);
	r.traces++;
}

static void storm(report *r, long n)
{
	Context *context = LLVMContextCreate();
	static const char garbage[] = "no bitcode";

	LLVMContextSetDiagnosticHandler(context, on_diagnostic, r);
	for (long i = 0; i < n; i++) {
		Module *module = nullptr;
		Buffer *buffer =
			LLVMCreateMemoryBufferWithMemoryRangeCopy(garbage, sizeof(garbage), "input");

		LLVMParseBitcodeInContext2(context, buffer, &module);
		LLVMDisposeMemoryBuffer(buffer);
	}
	LLVMContextDispose(context);
}

int main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	long threads = atol(argv[2]), each = atol(argv[3]);
	std::vector<report> reports(threads);
	std::vector<std::thread> crew;
	timespec begin, end;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (report &r : reports) {
		r.boost = !strcmp(argv[1], "boost");
		crew.emplace_back(storm, &r, each);
	}
	for (auto &thread : crew)
		thread.join();
	clock_gettime(CLOCK_MONOTONIC, &end);
	double us = (end.tv_sec - begin.tv_sec) * 1e6 + (end.tv_nsec - begin.tv_nsec) / 1e3;

	for (const report &r : reports)
		printf("%ld traces, %ld frames\n", r.traces, r.frames);
	for (const std::string &name : reports[0].names)
		printf("%s\n", name.c_str());
	dprintf(3, "metric %.1f us %s\n", us / each, argv[4]);
	return reports[0].traces == each ? 0 : 1;
}
