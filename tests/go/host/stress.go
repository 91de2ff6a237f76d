// SPDX-License-Identifier: BSD-2-Clause
// Many goroutines open plugins by every kind of name while stacks grow, the collector runs, signals
// arrive and links are switched. Every answer is compared with the truth.

package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"plugin"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"runtime/trace"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type truth struct {
	plugin *plugin.Plugin
	id     string
}

type field struct {
	alpha, beta truth
	names       []string // all lead to alpha
	link        string   // leads to alpha or beta
	state       int64    // odd while the link is being switched; state/2 odd: beta
	broken      string
	wrong, ops  int64
	switched    int64
	stop        int32
	modules     []*module
}

func (f *field) complain(format string, v ...any) {
	if atomic.AddInt64(&f.wrong, 1) <= 10 {
		fmt.Printf("WRONG "+format+"\n", v...)
	}
}

func (f *field) compare(name string, want truth, p *plugin.Plugin, id string, err error) {
	if err != nil || p != want.plugin || id != want.id {
		f.complain("%.80q: %p %q %v, not %p %q", name, p, id, err, want.plugin, want.id)
	}
}

// zeroes is compiled to stores of X15, Go's register of zeros.
type zeroes struct{ a, b, c, d uint64 }

//go:noinline
func fresh(z *zeroes) { *z = zeroes{} }

// openDeep grows the stack before the call and uses floats and zeroed memory right after it.
//
//go:noinline
func (f *field) openDeep(depth int, name string, seed float64) float64 {
	var pad [96]byte
	pad[depth%len(pad)] = byte(depth)
	if depth > 0 {
		return f.openDeep(depth-1, name, seed) + float64(pad[(depth+1)%len(pad)])
	}
	p, id, err := call(name)
	z := zeroes{1, 2, 3, 4}
	fresh(&z)
	var sum float64
	if z != (zeroes{}) {
		f.complain("X15 is not zero after Open")
	}
	sum += seed
	f.compare(name, f.alpha, p, id, err)
	return sum
}

func (f *field) openSwitched() {
	before := atomic.LoadInt64(&f.state)
	p, id, err := call(f.link)
	after := atomic.LoadInt64(&f.state)
	if before != after || before&1 == 1 {
		return
	}
	want := f.alpha
	if before/2%2 == 1 {
		want = f.beta
	}
	atomic.AddInt64(&f.switched, 1)
	f.compare(f.link, want, p, id, err)
}

func (f *field) openBad(name, want string) {
	p, err := plugin.Open(name)
	if p != nil || err == nil || !strings.HasPrefix(err.Error(), want) {
		f.complain("%q: %v %v, not %s", name, p, err, want)
	}
}

func (f *field) opener(seed int64) {
	r := rand.New(rand.NewSource(seed))
	var floats float64
	for atomic.LoadInt32(&f.stop) == 0 {
		name := f.names[r.Intn(len(f.names))]
		switch k := r.Intn(100); {
		case k < 60:
			// A temporary name: its bytes are garbage right after the call.
			b := []byte(name)
			p, id, err := call(string(b))
			f.compare(name, f.alpha, p, id, err)
		case k < 75:
			x := float64(r.Intn(1000))
			if got := f.openDeep(r.Intn(60), name, x); got != x {
				f.complain("floats: %v, not %v", got, x)
			}
		case k < 85:
			f.openSwitched()
		case k < 87:
			f.openBad("no/such.so", `plugin.Open("no/such.so"): realpath failed`)
		case k < 88:
			// What follows is dlerror's text, which Go copies after another goroutine may have
			// freed it by a dl* call on the same thread: stock prints garbage there, too.
			f.openBad(f.broken, `plugin.Open("`+f.broken+`"): `)
		case k < 94:
			f.checkModule(f.modules[r.Intn(len(f.modules))], r.Intn(40))
		default:
			floats += floats*0.5 + 1
			runtime.Gosched()
		}
		atomic.AddInt64(&f.ops, 1)
		runtime.Gosched()
	}
}

func (f *field) switcher(targets [2]string) {
	for i := 1; atomic.LoadInt32(&f.stop) == 0; i++ {
		atomic.AddInt64(&f.state, 1)
		relink(targets[i%2], f.link)
		atomic.AddInt64(&f.state, 1)
		time.Sleep(time.Duration(rand.Intn(3000)) * time.Microsecond)
	}
}

func (f *field) signaller() {
	for atomic.LoadInt32(&f.stop) == 0 {
		tasks, _ := os.ReadDir("/proc/self/task")
		for _, t := range tasks {
			id, _ := strconv.Atoi(t.Name())
			syscall.Syscall(syscall.SYS_TGKILL, uintptr(os.Getpid()), uintptr(id), uintptr(syscall.SIGURG))
		}
		time.Sleep(500 * time.Microsecond)
	}
}

func (f *field) collector() {
	for atomic.LoadInt32(&f.stop) == 0 {
		runtime.GC()
		time.Sleep(20 * time.Millisecond)
	}
}

// toggler turns the live switch off and on again.
func (f *field) toggler() {
	for i := 0; atomic.LoadInt32(&f.stop) == 0; i++ {
		serve(i % 2)
		time.Sleep(time.Duration(rand.Intn(3000)) * time.Microsecond)
	}
	serve(1)
}

// slowInit lets hundreds of goroutines open a plugin whose init still runs: all must wait for it.
func (f *field) slowInit(name string) {
	var wg sync.WaitGroup
	first := make(chan truth, 300)
	for i := 0; i < cap(first); i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			p, id, err := call(name)
			if err != nil || id != "slow" {
				f.complain("during init: %q %v", id, err)
			}
			first <- truth{p, id}
		}()
	}
	wg.Wait()
	want := <-first
	for len(first) > 0 {
		if got := <-first; got != want {
			f.complain("slow init: %v, not %v", got, want)
		}
	}
}

func open(name string) truth {
	p, id, err := call(name)
	must(err)
	return truth{p, id}
}

func stress(dir string, args []string) {
	seconds := 2.0
	if len(args) > 0 {
		seconds, _ = strconv.ParseFloat(args[0], 64)
	}
	goroutines := 10000
	if len(args) > 1 {
		goroutines, _ = strconv.Atoi(args[1])
	}
	abs, err := filepath.EvalSymlinks(dir)
	must(err)
	abs, err = filepath.Abs(abs)
	must(err)
	work, err := os.MkdirTemp(abs, "stress")
	must(err)
	defer os.RemoveAll(work)
	must(os.Chdir(work))
	f := &field{link: work + "/link.so", broken: work + "/broken.so"}
	must(os.WriteFile(f.broken, []byte("x"), 0o755))
	must(os.Symlink(abs+"/alpha.so", "fixed.so"))
	relink(abs+"/alpha.so", f.link)
	f.names = []string{abs + "/alpha.so", abs + "/alpha.so", abs + "/alpha.so", "../alpha.so",
		work + "/fixed.so", "fixed.so", abs + "//alpha.so"}
	f.alpha, f.beta = open(abs+"/alpha.so"), open(abs+"/beta.so")

	f.modules = []*module{newModule(f.alpha.plugin, "alpha", "AlphaThing"),
		newModule(f.beta.plugin, "beta", "BetaThing")}

	os.Setenv("SYMFASTGO_INNER", abs+"/alpha.so")
	runtime.SetCPUProfileRate(1000)
	var profile, traced bytes.Buffer
	must(pprof.StartCPUProfile(&profile))
	must(trace.Start(&traced))
	debug.SetGCPercent(20)

	var wg sync.WaitGroup
	start := func(g func()) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			g()
		}()
	}
	for i := 0; i < goroutines; i++ {
		seed := int64(i)
		start(func() { f.opener(seed) })
	}
	start(func() { f.switcher([2]string{abs + "/alpha.so", abs + "/beta.so"}) })
	start(f.signaller)
	start(f.collector)
	if os.Getenv("SYMFAST_GO_DEV_SWITCH") == "1" {
		if !serve(1) {
			fatal("no switch in this library")
		}
		start(f.toggler)
	}
	f.slowInit(abs + "/slow.so")
	if got := open(abs + "/nested.so"); got.id != "nested alpha" {
		f.complain("nested: %v", got)
	}
	time.Sleep(time.Duration(seconds / 3 * float64(time.Second)))
	trace.Stop() // its buffer grows with time
	time.Sleep(time.Duration(seconds * 2 / 3 * float64(time.Second)))
	if seconds == 0 { // as long as whoever started it wants
		io.Copy(io.Discard, os.Stdin)
	}
	atomic.StoreInt32(&f.stop, 1)
	wg.Wait()
	pprof.StopCPUProfile()
	if profile.Len() == 0 || traced.Len() == 0 {
		f.complain("empty profile or trace")
	}
	checkPanic(abs + "/panics.so")
	fmt.Printf("%d goroutines, GOMAXPROCS %d: %d opens, %d of a switching link at rest, %d wrong\n",
		goroutines, runtime.GOMAXPROCS(0), f.ops, f.switched, f.wrong)
	for _, name := range []string{"go.hit", "go.checked", "go.refresh", "go.miss", "go.stale",
		"go.bypass.off", "go.bypass.stock", "go.fill", "go.ab.sent", "go.ab.ended", "go.ab.lost",
		"go.modules"} {
		if n, ok := counter(name); ok {
			fmt.Printf("%s %d\n", name, n)
		}
	}
	if f.wrong > 0 || f.ops == 0 {
		os.Exit(1)
	}
}
