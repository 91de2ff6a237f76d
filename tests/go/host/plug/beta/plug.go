// SPDX-License-Identifier: BSD-2-Clause
// A plugin that tells its name.
package main

import "C"

// ID is the plugin's name; Name returns it.
var ID = "beta"

// Name returns ID.
func Name() string { return ID }

// BetaThing is a type that only this plugin has.
type BetaThing struct{ A int }

// New returns one.
func New() any { return BetaThing{1} }

// Deep calls f under n+1 frames of its own, on a stack that it makes grow.
func Deep(n int, f func()) int {
	var pad [64]byte
	pad[n%64] = 1
	if n == 0 {
		f()
		return int(pad[0])
	}
	return Deep(n-1, f) + int(pad[(n+1)%64])
}

func main() {}
