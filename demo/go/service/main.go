// SPDX-License-Identifier: BSD-2-Clause

// Command service is an HTTP service that asks its plugin anew for every request, and its own load:
// over loopback connections, at saturation and at a fixed rate, and with very many goroutines that
// call the same handler. Metrics go to descriptor 3, see demo/lib/measure.sh.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"plugin"
	"runtime"
	"runtime/debug"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

type service struct {
	page    string
	answers int64
}

// find is what a service does that wants to notice a new plugin: open it by name each time.
func (s *service) find() http.HandlerFunc {
	p, err := plugin.Open(s.page)
	if err != nil {
		fail(err)
	}
	f, err := p.Lookup("Serve")
	if err != nil {
		fail(err)
	}
	return f.(func(http.ResponseWriter, *http.Request))
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.find()(w, r)
	atomic.AddInt64(&s.answers, 1)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

var metrics = os.NewFile(3, "metrics")

func metric(value float64, unit, what string) {
	if metrics != nil {
		fmt.Fprintf(metrics, "metric %.3f %s %s\n", value, unit, what)
	}
}

func p99(v []int64) float64 {
	sort.Slice(v, func(i, j int) bool { return v[i] < v[j] })
	return float64(v[int(0.99*float64(len(v)-1))])
}

func fetch(c *http.Client, at string) {
	r, err := c.Get(at)
	if err != nil {
		fail(err)
	}
	b, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err != nil || string(b) != "page /x\n" {
		fail(fmt.Errorf("answer %q %v", b, err))
	}
}

func client(connections int) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
}

// saturate sends requests over some connections, each as soon as the last one is answered.
func saturate(at string, connections, requests int) {
	c := client(connections)
	var wg sync.WaitGroup
	begin := time.Now()
	for i := 0; i < connections; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for n := 0; n < requests/connections; n++ {
				fetch(c, at)
			}
		}()
	}
	wg.Wait()
	metric(float64(requests)/time.Since(begin).Seconds(), "N/s",
		fmt.Sprintf("HTTP requests at saturation, %d connections", connections))
}

// pace sends requests at a fixed rate; a latency counts from when the request was due.
func pace(at string, rate, requests int) {
	c := client(64)
	v := make([]int64, requests)
	var wg sync.WaitGroup
	begin := time.Now()
	for i := range v {
		due := begin.Add(time.Duration(i) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			fetch(c, at)
			v[i] = int64(time.Since(due))
		}(i)
	}
	wg.Wait()
	metric(p99(v)/1e3, "us", fmt.Sprintf("HTTP request p99 at %d/s", rate))
}

// discard is a response that goes nowhere.
type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// crowd lets n goroutines answer requests at once and times how long each waits for its plugin.
func (s *service) crowd(n, requests int) {
	each := requests / n
	v := make([]int64, n*each)
	gate := make(chan struct{})
	var ready, done sync.WaitGroup
	ready.Add(n)
	done.Add(n)
	for g := 0; g < n; g++ {
		mine := v[g*each : (g+1)*each]
		go func() {
			r := &http.Request{URL: &url.URL{Path: "/x"}}
			w := discard{http.Header{}}
			ready.Done()
			<-gate
			for i := range mine {
				t := time.Now()
				serve := s.find()
				mine[i] = int64(time.Since(t))
				serve(w, r)
				atomic.AddInt64(&s.answers, 1)
				runtime.Gosched()
			}
			done.Done()
		}()
	}
	ready.Wait()
	close(gate)
	done.Wait()
	metric(p99(v), "ns", fmt.Sprintf("plugin.Open + Lookup p99, %d goroutines", n))
}

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: service PLUGIN full|short"))
	}
	page, err := filepath.EvalSymlinks(os.Args[1])
	if err != nil {
		fail(err)
	}
	if page, err = filepath.Abs(page); err != nil {
		fail(err)
	}
	s := &service{page: page}
	s.find()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err)
	}
	go http.Serve(l, s)
	at := "http://" + l.Addr().String() + "/x"
	levels, answers := []int{1000, 10000, 100000}, 200000
	paced, saturating := 2000, 12800
	if os.Args[2] == "short" {
		levels, answers, paced, saturating = levels[:2], 60000, 1000, 6400
	}
	for _, n := range levels {
		debug.SetGCPercent(400)
		s.crowd(n, answers)
		debug.FreeOSMemory()
	}
	pace(at, 2000, paced)
	saturate(at, 64, saturating)
	fmt.Println(s.answers, "requests answered")
}
