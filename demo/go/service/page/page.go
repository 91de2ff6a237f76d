// SPDX-License-Identifier: BSD-2-Clause
// The plugin: what a request is answered with.
package main

import "C"

import (
	"fmt"
	"net/http"
)

// Serve writes a page.
func Serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	fmt.Fprintf(w, "page %s\n", r.URL.Path)
}

func main() {}
