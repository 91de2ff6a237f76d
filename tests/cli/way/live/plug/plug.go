// SPDX-License-Identifier: BSD-2-Clause

// The Go service's plugin.
package main

import "C"

// TruthValue is what the service looks up.
func TruthValue() int { return 41 }

// LieValue is the other one.
func LieValue() int { return 42 }

func main() {}
