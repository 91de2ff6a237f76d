// SPDX-License-Identifier: BSD-2-Clause
// A plugin whose init takes a while: whoever opens it meanwhile has to wait for it.
package main

import "C"

import "time"

// ID is set last by init.
var ID string

func init() {
	time.Sleep(150 * time.Millisecond)
	ID = "slow"
}

// Name returns ID.
func Name() string { return ID }

func main() {}
