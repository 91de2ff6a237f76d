// SPDX-License-Identifier: BSD-2-Clause
// Measures Open+Lookup, and what is said to be slow beside it. One line per number:
//
//	what goroutines p50 p99 p99.9 mean (ns) bytes allocations (per operation)

package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"plugin"
	"reflect"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

var sink any

type thing struct{ A, B int }

func work(what, alpha string) func() {
	p, _, err := call(alpha)
	must(err)
	sym, err := p.Lookup("Name")
	must(err)
	pluginPC := reflect.ValueOf(sym).Pointer()
	hostPC := reflect.ValueOf(fatal).Pointer()
	hostType := reflect.TypeOf(thing{})
	switch what {
	case "empty":
		return func() {}
	case "open":
		return func() {
			p, err := plugin.Open(alpha)
			if err != nil {
				fatal(err)
			}
			if _, err = p.Lookup("Name"); err != nil {
				fatal(err)
			}
		}
	case "lookup":
		return func() { p.Lookup("Name") }
	case "funcforpc-host":
		return func() { runtime.FuncForPC(hostPC) }
	case "funcforpc-plugin":
		return func() { runtime.FuncForPC(pluginPC) }
	case "typename-host":
		return func() { _ = hostType.Name() }
	case "cgo":
		return func() { cgoNothing() }
	}
	fatal("unknown work", what)
	return nil
}

func quantile(v []int64, q float64) int64 { return v[int(q*float64(len(v)-1))] }

// measure runs op in n goroutines, each yielding after every operation, and returns all latencies.
func measure(n, total int, op func()) []int64 {
	each := total / n
	if each < 4 {
		each = 4
	}
	all := make([]int64, n*each)
	gate := make(chan struct{})
	var ready, done sync.WaitGroup
	ready.Add(n)
	done.Add(n)
	for g := 0; g < n; g++ {
		mine := all[g*each : (g+1)*each]
		go func() {
			ready.Done()
			<-gate
			for i := range mine {
				t := time.Now()
				op()
				mine[i] = int64(time.Since(t))
				runtime.Gosched()
			}
			done.Done()
		}()
	}
	ready.Wait()
	close(gate)
	done.Wait()
	return all
}

// loop is one goroutine in a plain loop: nanoseconds, bytes and allocations per operation.
func loop(total int, op func()) (ns, size, allocs float64) {
	var a, b runtime.MemStats
	op()
	runtime.ReadMemStats(&a)
	t := time.Now()
	for i := 0; i < total; i++ {
		op()
	}
	d := time.Since(t)
	runtime.ReadMemStats(&b)
	n := float64(total)
	return float64(d) / n, float64(b.TotalAlloc-a.TotalAlloc) / n, float64(b.Mallocs-a.Mallocs) / n
}

func bench(dir string, args []string) {
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	works := flags.String("work", "empty,open", "what to measure")
	levels := flags.String("g", "0,1,1000,10000,100000", "goroutines; 0 is a plain loop")
	total := flags.Int("ops", 400000, "operations in all, at each level")
	profile := flags.String("cpuprofile", "", "write a CPU profile there")
	flags.Parse(args)
	if *profile != "" {
		f, err := os.Create(*profile)
		must(err)
		must(pprof.StartCPUProfile(f))
		defer pprof.StopCPUProfile()
	}
	first := time.Now()
	cgoNothing()
	fmt.Printf("first-cgo-call 0 - - - %d - -\n", time.Since(first))
	abs, err := filepath.EvalSymlinks(dir)
	must(err)
	abs, err = filepath.Abs(abs)
	must(err)
	for _, what := range strings.Split(*works, ",") {
		op := work(what, abs+"/alpha.so")
		for _, level := range strings.Split(*levels, ",") {
			n, err := strconv.Atoi(level)
			must(err)
			runtime.GC()
			if n == 0 {
				ns, size, allocs := loop(*total, op)
				fmt.Printf("%s 0 - - - %.1f %.0f %.2f\n", what, ns, size, allocs)
				continue
			}
			debug.SetGCPercent(400)
			v := measure(n, *total, op)
			var sum int64
			for _, x := range v {
				sum += x
			}
			sort.Slice(v, func(i, j int) bool { return v[i] < v[j] })
			fmt.Printf("%s %d %d %d %d %.0f - -\n", what, n, quantile(v, 0.5), quantile(v, 0.99),
				quantile(v, 0.999), float64(sum)/float64(len(v)))
		}
	}
}
