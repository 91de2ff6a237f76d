// SPDX-License-Identifier: BSD-2-Clause

// Command symfastgo is the Go host of the tests: it opens plugins in every way that matters and
// checks each answer, or measures them.
//
//	symfastgo check  DIR            every kind of name once; prints what happened
//	symfastgo stress DIR SECONDS    many goroutines, every answer compared with the truth
//	symfastgo bench  DIR [flags]    latencies, see bench.go
//	symfastgo many   DIR            opens all DIR/many*.so, measures the first and the last
//	symfastgo open   DIR            alpha.so again and again; prints its name
//
// DIR holds the plugins alpha.so, beta.so, slow.so, panics.so, nested.so and may be written to.
package main

/*
#cgo LDFLAGS: -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

static uint64_t count(const char *name)
{
	int (*f)(const char *, uint64_t *) =
		(int (*)(const char *, uint64_t *))dlsym(RTLD_DEFAULT, "symfast_counter");
	uint64_t v;

	return f && f(name, &v) == 0 ? v : ~(uint64_t)0;
}

static int serve(int on)
{
	void (*f)(int) = (void (*)(int))dlsym(RTLD_DEFAULT, "sf_dev_go_serve");

	if (f)
		f(on);
	return f != NULL;
}

static void nothing(void) {}
*/
import "C"

import (
	"fmt"
	"os"
	"plugin"
	"unsafe"
)

// counter returns one of the room's counters; false in a process without symfast.
func counter(name string) (uint64, bool) {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	v := uint64(C.count(s))
	return v, v != ^uint64(0)
}

// serve turns the live switch, where a development library offers it.
func serve(on int) bool { return C.serve(C.int(on)) != 0 }

func cgoNothing() { C.nothing() }

// call opens a plugin and returns it with what its Name function says.
func call(name string) (*plugin.Plugin, string, error) {
	p, err := plugin.Open(name)
	if err != nil {
		return p, "", err
	}
	f, err := p.Lookup("Name")
	if err != nil {
		return p, "", err
	}
	return p, f.(func() string)(), nil
}

// openAgain is all that a host of an unusual kind is asked: the same plugin every time.
func openAgain(name string) {
	first, id, err := call(name)
	for i := 0; i < 1000 && err == nil; i++ {
		var p *plugin.Plugin
		if p, _, err = call(name); p != first {
			fatal("another plugin", p, first)
		}
	}
	fmt.Println(id, err)
	if n, _ := counter("go.modules"); n == 1 {
		f := &field{}
		p, err := plugin.Open(name)
		must(err)
		for i := 0; i < 100; i++ {
			f.checkModule(newModule(p, "alpha", "AlphaThing"), i)
		}
		if f.wrong > 0 {
			os.Exit(1)
		}
		fmt.Fprintln(os.Stderr, "walks checked")
	}
	for _, why := range refusals {
		if n, _ := counter("go.refused." + why); n == 1 {
			fmt.Fprintln(os.Stderr, "counted go.refused."+why)
		}
	}
}

var refusals = []string{"version", "race", "size", "entry", "frame", "grow", "name", "calls", "path", "key", "site",
	"slot", "epilogue", "symbols", "room", "protect", "clock", "cpu"}

func fatal(v ...any) {
	fmt.Fprintln(os.Stderr, v...)
	os.Exit(1)
}

func main() {
	if len(os.Args) < 3 {
		fatal("usage: symfastgo check|stress|bench|many|open DIR ...")
	}
	dir := os.Args[2]
	switch os.Args[1] {
	case "check":
		check(dir)
	case "stress":
		stress(dir, os.Args[3:])
	case "many":
		many(dir)
	case "open":
		openAgain(dir + "/alpha.so")
	case "bench":
		bench(dir, os.Args[3:])
	default:
		fatal("unknown command", os.Args[1])
	}
}
