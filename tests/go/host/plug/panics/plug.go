// SPDX-License-Identifier: BSD-2-Clause
// A plugin whose init panics: the first opener sees the panic, every later one waits for ever.
package main

import "C"

func init() { panic("init of panics") }

func main() {}
