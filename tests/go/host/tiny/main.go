// SPDX-License-Identifier: BSD-2-Clause

// Command tiny is the smallest Go host that opens plugins: few packages, so that it is built in seconds
// for another processor. Arguments: the plugin, a symlink to it, a file that is no plugin. It opens
// each name again and again, prints what stock Go would print, and the room's counters on stderr.
package main

/*
#cgo LDFLAGS: -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static char words[4096], *word[16];

// The arguments, without package os.
static int arguments(void)
{
	FILE *f = fopen("/proc/self/cmdline", "r");
	size_t n = f ? fread(words, 1, sizeof(words) - 1, f) : 0;
	int count = 0;

	if (f)
		fclose(f);
	for (char *at = words; at < words + n && count < 16; at += strlen(at) + 1)
		word[count++] = at;
	return count;
}

static char *argument(int i) { return word[i]; }

static void say(const char *name)
{
	int (*f)(const char *, uint64_t *) =
		(int (*)(const char *, uint64_t *))dlsym(RTLD_DEFAULT, "symfast_counter");
	uint64_t v;

	if (f && f(name, &v) == 0)
		fprintf(stderr, "%s %llu\n", name, (unsigned long long)v);
}
*/
import "C"

import (
	"plugin"
	"unsafe"
)

var counters = []string{"go.hit", "go.checked", "go.miss", "go.fill", "go.modules",
	"go.bypass.stock", "go.ab.sent", "go.ab.ended"}

// text copies a C string.
func text(p *C.char) string {
	var b []byte
	for ; *p != 0; p = (*C.char)(unsafe.Add(unsafe.Pointer(p), 1)) {
		b = append(b, byte(*p))
	}
	return string(b)
}

// deep opens the name with ever less stack left: the check at plugin.open's entry grows it.
func deep(name string, n int) *plugin.Plugin {
	var room [64]byte
	if n > 0 {
		room[n%64] = byte(n)
		return deep(name, n-1+int(room[(n+1)%64]))
	}
	p, err := plugin.Open(name)
	if err != nil {
		panic(err.Error())
	}
	return p
}

func open(name string) (*plugin.Plugin, string) {
	p, err := plugin.Open(name)
	if err != nil {
		return nil, err.Error()
	}
	s, err := p.Lookup("Name")
	if err != nil {
		return p, err.Error()
	}
	if f, ok := s.(func() string); ok {
		return p, f()
	}
	return p, "no function"
}

func main() {
	n := int(C.arguments())
	first := n - 3 // behind ld.so's own arguments, where it was started by name
	var names []string
	for i := 0; i < 3; i++ {
		names = append(names, text(C.argument(C.int(first+i))))
	}
	truth, said := open(names[0])
	println("plugin", said)
	done, wrong := make(chan int), 0
	for g := 0; g < 8; g++ {
		go func() {
			bad := 0
			for i := 0; i < 200; i++ {
				if deep(names[0], i%50*8) != truth || deep(names[1], i%7) != truth {
					bad++
				}
			}
			done <- bad
		}()
	}
	for g := 0; g < 8; g++ {
		wrong += <-done
	}
	_, said = open(names[2])
	println("wrong", wrong, "error", said)
	for _, c := range counters {
		C.say(C.CString(c))
	}
}
