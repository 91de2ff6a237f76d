// SPDX-License-Identifier: BSD-2-Clause
// Measures what each further plugin costs those who ask for a function or a type by its address.

package main

import (
	"fmt"
	"path/filepath"
	"plugin"
	"reflect"
	"runtime"
	"sort"
)

func many(dir string) {
	names, err := filepath.Glob(dir + "/many*.so")
	must(err)
	sort.Strings(names)
	pcs, types := make([]uintptr, 0), make([]reflect.Type, 0)
	for _, name := range names {
		p, err := plugin.Open(name)
		must(err)
		f, err := p.Lookup("Thing")
		must(err)
		pcs = append(pcs, reflect.ValueOf(f).Pointer())
		types = append(types, reflect.TypeOf(f.(func() any)()))
	}
	show := func(where string, pc uintptr, t reflect.Type) {
		a, _, _ := loop(200000, func() { runtime.FuncForPC(pc) })
		b, _, _ := loop(200000, func() { t.Name() })
		fmt.Printf("%d plugins, %s: FuncForPC %.0f ns, Type.Name %.0f ns\n", len(names), where, a, b)
	}
	show("host", reflect.ValueOf(fatal).Pointer(), reflect.TypeOf(thing{}))
	if n := len(names); n > 0 {
		show("first plugin", pcs[0], types[0])
		show("last plugin", pcs[n-1], types[n-1])
	}
}
