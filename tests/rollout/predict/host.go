// SPDX-License-Identifier: BSD-2-Clause

// Command host opens a plugin for every request: host ROUNDS PLUGIN; see ../predict.py.
package main

import (
	"os"
	"plugin"
	"strconv"
)

var sink uint64

func work() {
	x := sink
	for i := 0; i < 4000; i++ {
		x = x*6364136223846793005 + 1442695040888963407
	}
	sink = x
}

func main() {
	rounds, _ := strconv.Atoi(os.Args[1])
	for i := 0; i < rounds; i++ {
		p, err := plugin.Open(os.Args[2])
		if err != nil {
			panic(err)
		}
		f, err := p.Lookup("Value")
		if err != nil || f.(func() int)() != 41 {
			panic(err)
		}
		work()
	}
}
