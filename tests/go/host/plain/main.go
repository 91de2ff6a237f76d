// SPDX-License-Identifier: BSD-2-Clause

// Command plain is a Go program without package plugin, with and without cgo.
package main

import (
	"fmt"
	"net"
	"os"
)

func main() {
	_, err := net.ResolveTCPAddr("tcp", "127.0.0.1:80")
	fmt.Println("plain", err, len(os.Args))
}
