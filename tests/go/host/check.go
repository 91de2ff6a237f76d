// SPDX-License-Identifier: BSD-2-Clause
// Every kind of name, in an order that a cache could get wrong. What is printed must be the same with
// and without symfast, byte for byte; counters go to standard error.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"plugin"
	"reflect"
	"strings"
	"time"
	"unsafe"
)

func must(err error) {
	if err != nil {
		fatal(err)
	}
}

func try(what, name string) {
	for i := 0; i < 3; i++ {
		func() {
			defer func() {
				if r := recover(); r != nil {
					fmt.Printf("%s: panic %v\n", what, r)
				}
			}()
			p, id, err := call(name)
			fmt.Printf("%s: %v %q %v\n", what, p != nil, id, err)
		}()
	}
}

func copyFile(from, to string) {
	b, err := os.ReadFile(from)
	must(err)
	must(os.WriteFile(to, b, 0o755))
}

func relink(target, link string) {
	must(os.Symlink(target, link+".new"))
	must(os.Rename(link+".new", link))
}

func check(dir string) {
	must(os.Chdir(dir))
	work, err := os.MkdirTemp(".", "check")
	must(err)
	defer os.RemoveAll(work)
	must(os.Chdir(work))
	abs, err := filepath.EvalSymlinks("..")
	must(err)
	abs, err = filepath.Abs(abs)
	must(err)
	alpha, beta := abs+"/alpha.so", abs+"/beta.so"
	os.Setenv("SYMFASTGO_INNER", alpha)

	try("empty", "")
	try("missing", "no/such.so")
	try("absolute", alpha)
	try("relative", "../alpha.so")
	try("doubled slash", strings.Replace(alpha, "/", "//", 1))
	try("trailing slash", alpha+"/")
	try("with NUL", alpha+"\x00tail")
	try("with a last NUL", alpha+"\x00")
	try("4096 bytes", strings.Repeat("./", 2043)+"alpha.so\x00\x00")
	try("NUL only", "\x00")
	// Go panics, recoverably, for addresses below 4096.
	low := reflect.StringHeader{Data: 0, Len: 5}
	try("nil with a length", *(*string)(unsafe.Pointer(&low)))
	low = reflect.StringHeader{Data: 4095, Len: 5}
	try("low with a length", *(*string)(unsafe.Pointer(&low)))
	try("too long", strings.Repeat("./", 2047)+"x")
	try("longest", strings.Repeat("./", 2040)+"../alpha.so")
	try("much too long", strings.Repeat("x", 1<<16))
	try("directory", abs)

	must(os.WriteFile("text.so", []byte("not a plugin\n"), 0o755))
	try("no plugin", "./text.so")

	// A symlink that is switched is honoured at once.
	for i := 0; i < 6; i++ {
		relink([]string{alpha, beta}[i%2], "link.so")
		try(fmt.Sprint("link ", i), "link.so")
	}
	must(os.Remove("link.so"))
	try("link removed", "link.so")
	relink("nowhere.so", "link.so")
	try("link dangling", "link.so")

	// The same name from another folder is another file.
	must(os.Mkdir("sub", 0o755))
	relink(alpha, "here.so")
	try("here", "here.so")
	must(os.Chdir("sub"))
	try("elsewhere", "here.so")
	must(os.Chdir(".."))
	try("here again", "here.so")

	// A copy is a plugin that is loaded already under another path.
	copyFile(alpha, "copy.so")
	try("copy", "./copy.so")

	// While the file has a second link its identity proves nothing, and every call goes to Go. The
	// second link itself is not opened: stock Go dies of that ("no plugin module data").
	must(os.Link(alpha, "hard.so"))
	try("beside a hard link", "here.so")
	must(os.Remove("hard.so"))
	try("alone again", "here.so")

	// Replaced and deleted while open. A canonical path may answer for its time to live.
	own, err := filepath.Abs("slow.so")
	must(err)
	copyFile(abs+"/slow.so", own)
	relink(own, "toslow.so")
	try("slow", own)
	try("link to slow", "toslow.so")
	must(os.Remove(own))
	time.Sleep(250 * time.Millisecond)
	try("deleted", own)
	try("link to deleted", "toslow.so")
	copyFile(abs+"/slow.so", own)
	try("back again", own)
	try("link to it", "toslow.so")
	must(os.Truncate(own, 0))
	time.Sleep(250 * time.Millisecond)
	try("truncated", own)
	try("link to truncated", "toslow.so")
	// Another plugin's file moved there: Go goes by the path, and gives the one that it has.
	copyFile(beta, "moved.so")
	must(os.Rename("moved.so", own))
	time.Sleep(250 * time.Millisecond)
	try("replaced by another plugin", own)
	try("link to what replaced it", "toslow.so")

	try("nested", abs+"/nested.so")
	checkPanic(abs + "/panics.so")
	if n, ok := counter("go.hit"); ok {
		c, _ := counter("go.checked")
		fmt.Fprintf(os.Stderr, "go.hit %d go.checked %d\n", n, c)
		for _, why := range []string{"bypass.name", "stale", "skip.state", "skip.name", "skip.file"} {
			n, _ = counter("go." + why)
			fmt.Fprintf(os.Stderr, "go.%s %d\n", why, n)
		}
	}
}

// The panic of an init reaches the first opener; later ones wait, and must not be answered.
func checkPanic(name string) {
	func() {
		defer func() { fmt.Println("panicking init:", recover()) }()
		plugin.Open(name)
	}()
	done := make(chan error, 3)
	for i := 0; i < cap(done); i++ {
		go func() {
			_, err := plugin.Open(name)
			done <- err
		}()
	}
	select {
	case err := <-done:
		fmt.Println("after the panic: answered", err)
	case <-time.After(200 * time.Millisecond):
		fmt.Println("after the panic: waiting")
	}
}
