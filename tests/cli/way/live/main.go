// SPDX-License-Identifier: BSD-2-Clause

// The Go service of the whole way: answers "NAME\n" by what the plugin's function NAME returns, or
// "none". Each request opens the plugin and looks up.
//
//	way SOCKET PLUGIN
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"plugin"
)

func answer(path, name string) string {
	p, err := plugin.Open(path)
	if err != nil {
		return "none: " + err.Error()
	}
	f, err := p.Lookup(name)
	if err != nil {
		return "none: " + err.Error()
	}
	return fmt.Sprint(f.(func() int)())
}

func serve(c net.Conn, path string) {
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		fmt.Fprintln(c, answer(path, lines.Text()))
	}
	c.Close()
}

func main() {
	l, err := net.Listen("unix", os.Args[1])
	for err == nil {
		var c net.Conn
		if c, err = l.Accept(); err == nil {
			go serve(c, os.Args[2])
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
