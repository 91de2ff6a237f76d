// SPDX-License-Identifier: BSD-2-Clause
// What the runtime says of a plugin's functions, types and frames, which it finds by walking its
// modules: held to what the plugin itself says.

package main

import (
	"plugin"
	"reflect"
	"runtime"
	"strings"
)

type module struct {
	name   string // of the plugin
	thing  string // its type
	pc     uintptr
	fresh  func() any
	deep   func(int, func()) int
	entry  uintptr
	symbol plugin.Symbol
}

func newModule(p *plugin.Plugin, name, thing string) *module {
	m := &module{name: name, thing: thing}
	var err error
	m.symbol, err = p.Lookup("Name")
	must(err)
	m.pc = reflect.ValueOf(m.symbol).Pointer()
	s, err := p.Lookup("New")
	must(err)
	m.fresh = s.(func() any)
	s, err = p.Lookup("Deep")
	must(err)
	m.deep = s.(func(int, func()) int)
	return m
}

// inFile tells whether the code at pc comes from that plugin's source.
func (m *module) inFile(pc uintptr) bool {
	file, _ := runtime.FuncForPC(pc).FileLine(pc)
	return strings.HasSuffix(file, "plug/"+m.name+"/plug.go")
}

// checkModule asks for everything, and walks its own stack under frames of the plugin's.
func (f *field) checkModule(m *module, depth int) {
	fn := runtime.FuncForPC(m.pc)
	if fn == nil || fn.Entry() != m.pc || !strings.HasSuffix(fn.Name(), ".Name") || !m.inFile(m.pc) {
		f.complain("FuncForPC of %s: %v", m.name, fn)
	}
	if t := reflect.TypeOf(m.fresh()); t.Name() != m.thing || t.Field(0).Name != "A" {
		f.complain("type of %s: %v", m.name, t)
	}
	if runtime.FuncForPC(1) != nil || runtime.FuncForPC(m.pc-m.pc%4096-1<<40) != nil {
		f.complain("a function where there is none")
	}
	m.deep(depth, func() {
		pcs := make([]uintptr, depth+8)
		frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
		n := 0
		for {
			frame, more := frames.Next()
			if strings.HasSuffix(frame.Function, ".Deep") {
				if n++; !strings.HasSuffix(frame.File, "plug/"+m.name+"/plug.go") {
					f.complain("a frame of %s in %s", m.name, frame.File)
				}
			}
			if !more {
				break
			}
		}
		if n != depth+1 {
			f.complain("%d frames of %s, not %d", n, m.name, depth+1)
		}
	})
}
