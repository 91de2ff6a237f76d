// SPDX-License-Identifier: BSD-2-Clause

// A plugin with one function.
package main

func Value() int { return 41 }
func main()      {}
