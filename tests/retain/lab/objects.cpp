// SPDX-License-Identifier: BSD-2-Clause
// A plugin in C++: static objects, one made at its first use, an exception within; with -DTHREADS thread_local ones, with
// -DTHROWS a constructor that throws.
#include "part.h"
#include <stdexcept>
#include <string>
#include <vector>

namespace {
struct Told {
	std::string name;
	int uses = 0;
	explicit Told(const char *n) : name(n) { part_say("%s made", name.c_str()); }
	~Told() { part_say("%s destroyed after %d", name.c_str(), uses); }
};
Told first("first"), second("second");
std::vector<std::string> words = {"a", "list", "of", "words that are too long to be kept inside"};
#ifdef THREADS
thread_local Told own("own");
#endif
#ifdef THROWS
struct Throws {
	Throws()
	{
		if (part_throws())
			throw std::runtime_error("a constructor's");
	}
} throws;
#endif
} // namespace

extern "C" void
objects_touch(void)
{
	static Told late("late");

	first.uses++;
	late.uses += 2;
	words.push_back("more");
	try {
		throw std::out_of_range("caught");
	} catch (const std::exception &e) {
		part_say("objects: %zu words, %s", words.size(), e.what());
	}
#ifdef THREADS
	own.uses++;
	part_say("objects: own %d", own.uses);
#endif
}
