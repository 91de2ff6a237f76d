// SPDX-License-Identifier: BSD-2-Clause
// A plugin that opens another one in its init.
package main

import "C"

import (
	"os"
	"plugin"
)

// ID is set by init from the other plugin.
var ID string

func init() {
	for i := 0; i < 3; i++ {
		p, err := plugin.Open(os.Getenv("SYMFASTGO_INNER"))
		if err != nil {
			panic(err)
		}
		f, err := p.Lookup("Name")
		if err != nil {
			panic(err)
		}
		ID = "nested " + f.(func() string)()
	}
}

// Name returns ID.
func Name() string { return ID }

func main() {}
