// SPDX-License-Identifier: BSD-2-Clause
// A plugin that tells its name.
package main

import "C"

// ID is the plugin's name; Name returns it.
var ID = "beta"

// Name returns ID.
func Name() string { return ID }

func main() {}
