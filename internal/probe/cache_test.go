// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"fmt"
	"net/http"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/heapgate/heapgate/internal/heap"
)

// pageCounter counts requests by page.
type pageCounter struct {
	next  http.RoundTripper
	mu    sync.Mutex
	pages map[string]int
}

func (c *pageCounter) RoundTrip(req *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.pages[path.Base(req.URL.Path)]++
	c.mu.Unlock()
	return c.next.RoundTrip(req)
}

// fakeBuild is a program that stands somewhere in memory. Its one site allocates through two hidden frames, at 0x10 and
// 0x20 of the file, and 40 others have no hidden frame.
type fakeBuild struct {
	id     string // GNU build id
	name   string // of what its functions are named by
	grow   string // name of the hidden frame at 0x10; empty means runtime.hashGrow
	frames int    // visible ones; 0 means 41
	odd    int    // of these, the last ones have another name
	life   uint64 // of the process: another one has another last cycle
	extra  string // records
}

func (b fakeBuild) text(base uint64) string {
	var out strings.Builder
	fmt.Fprintf(&out, "heap profile: 1: 64 [2: 128] @ heap/2\n1: 64 [2: 128] @ %#x %#x %#x\n#\t%#x\t%s.fill+0x1\t/src/main.go:7\n",
		base+0x11, base+0x21, base+0x101, base+0x100, b.name)
	if b.frames == 0 {
		b.frames = 41
	}
	for i := 1; i < b.frames; i++ {
		odd := ""
		if i >= b.frames-b.odd {
			odd = "Odd"
		}
		address := base + 0x1000 + 0x10*uint64(i)
		fmt.Fprintf(&out, "\n1: 1 [1: 1] @ %#x\n#\t%#x\t%s.f%d%s+0x1\t/src/main.go:%d\n", address+1, address, b.name, i, odd, i)
	}
	tail := heapText{ends: map[uint32]uint64{2: 2000 + b.life}}.String()
	return out.String() + b.extra + tail[strings.Index(tail, "\n# runtime.MemStats"):]
}

// process is one that runs the build at a base address.
func (b fakeBuild) process(base uint64) *process {
	if b.grow == "" {
		b.grow = "runtime.hashGrow"
	}
	p := &process{
		heap:   says(b.text(base)),
		symbol: says(fmt.Sprintf("num_symbols: 1\n%#x %s\n%#x runtime.mapassign_fast64\n", base+0x10, b.grow, base+0x20)),
	}
	var mutex bytes.Buffer
	_ = (&profile.Profile{
		SampleType: []*profile.ValueType{{Type: "contentions", Unit: "count"}},
		Mapping: []*profile.Mapping{
			{ID: 1, Start: base, Limit: base + 0x100000, Offset: 0x400, File: "/shop", BuildID: b.id},
			{ID: 2, Start: 0x7f0000000000, Limit: 0x7f0000100000, File: "/libc.so.6", BuildID: "aaaaaaaaaaaa"},
		},
	}).Write(&mutex)
	p.mutex = says(mutex.String())
	return p
}

// fleet visits fakes with one cache.
type fleet struct {
	t       *testing.T
	prober  *Prober
	cache   *Cache
	counter *pageCounter
}

func newFleet(t *testing.T, l CacheLimits) *fleet {
	f := &fleet{t: t, cache: NewCache(l), counter: &pageCounter{next: client(t).Transport, pages: map[string]int{}}}
	f.prober = New(&http.Client{Transport: f.counter}, Settings{Cache: f.cache})
	return f
}

// visit asks a process of its own memory, and gives the class of its site and how many symbol requests it took.
func (f *fleet) visit(trust string, p *process, m *Memory) (class heap.Class, asked int) {
	f.t.Helper()
	if m == nil {
		m = new(Memory)
	}
	m.Trust = trust
	before := f.counter.pages["symbol"]
	o := visitOK(f.t, f.prober, start(f.t, p), m)
	for _, site := range o.Heap.Sites {
		if strings.HasSuffix(site.Function, ".fill") {
			class = site.Class
		}
	}
	return class, f.counter.pages["symbol"] - before
}

func (f *fleet) want(trust string, p *process, wantClass heap.Class, wantAsked int) {
	f.t.Helper()
	if class, asked := f.visit(trust, p, nil); class != wantClass || asked != wantAsked {
		f.t.Errorf("class %s by %d symbol requests, want %s by %d; %+v", class, asked, wantClass, wantAsked, f.cache.Stats())
	}
}

// TestOneBuildIsAskedOnce: of a hundred processes of one build, wherever they stand in memory, one is asked; of another
// build, one more.
func TestOneBuildIsAskedOnce(t *testing.T) {
	for _, id := range []string{"0123456789abcdef", ""} {
		f := newFleet(t, CacheLimits{})
		old, current := fakeBuild{id: id, name: "main"}, fakeBuild{id: strings.Repeat(id, 2), name: "main", odd: 1}
		for i := range uint64(100) {
			base := 0x400000 + 0x1000*i
			if id == "" { // then only programs at one address can be compared
				base = 0x400000
			}
			f.visit("shop", old.process(base), nil)
			f.visit("shop", current.process(base), nil)
		}
		stats := f.cache.Stats()
		if got := f.counter.pages; got["symbol"] != 2 || got["mutex"] != 200 || got["heap"] != 200 {
			t.Errorf("id %q: asked %v, want one symbol page for each of two builds", id, got)
		}
		if stats.Builds != 2 || stats.Names != 4 || stats.Hits != 2*99*2 || stats.Misses != 4 || stats.Refused != 0 || stats.Evicted != 0 || stats.Bytes < 1000 {
			t.Errorf("id %q: %+v", id, stats)
		}
	}
}

// TestRestarts: a process that starts again needs no names if its build is known, and the memory of another build none of
// those before.
func TestRestarts(t *testing.T) {
	f := newFleet(t, CacheLimits{})
	a, b := fakeBuild{id: "aaaaaaaa", name: "main"}, fakeBuild{id: "bbbbbbbb", name: "main", odd: 40, grow: "runtime.makemap"}
	var m Memory
	for i, step := range []struct {
		build fakeBuild
		base  uint64
		life  uint64
		class heap.Class
		asked int
	}{
		{a, 0x400000, 1, heap.MapGrow, 1}, {a, 0x400000, 1, heap.MapGrow, 0}, {b, 0x400000, 2, heap.MapMake, 1},
		{a, 0x600000, 3, heap.MapGrow, 0}, {b, 0x800000, 4, heap.MapMake, 0},
	} {
		step.build.life = step.life
		if class, asked := f.visit("shop", step.build.process(step.base), &m); class != step.class || asked != step.asked {
			t.Errorf("step %d: %s by %d requests, want %s by %d", i, class, asked, step.class, step.asked)
		}
	}
	if got := f.counter.pages["mutex"]; got != 4 {
		t.Errorf("the build was asked for %d times, want once for each life of the process", got)
	}
}

// TestPoison: a process that lies about its names or about its build changes the classes of no other.
func TestPoison(t *testing.T) {
	honest := fakeBuild{id: "0123456789abcdef", name: "main"}
	liar := fakeBuild{id: honest.id, name: "main", grow: "runtime.makemap"}
	stranger := fakeBuild{id: honest.id, name: "evil", grow: "runtime.makemap"}
	t.Run("another trust", func(t *testing.T) {
		f := newFleet(t, CacheLimits{})
		f.want("evil", liar.process(0x400000), heap.MapMake, 1)
		f.want("shop", honest.process(0x400000), heap.MapGrow, 1)
		f.want("evil", honest.process(0x400000), heap.MapMake, 0) // only those of its own trust believe it
		f.want("", liar.process(0x400000), heap.MapMake, 1)       // nobody is trusted
		f.want("", honest.process(0x400000), heap.MapGrow, 1)
	})
	t.Run("claims the build, comes second", func(t *testing.T) {
		f := newFleet(t, CacheLimits{})
		f.want("shop", honest.process(0x400000), heap.MapGrow, 1)
		f.want("shop", stranger.process(0x400000), heap.MapMake, 1)
		f.want("shop", honest.process(0x800000), heap.MapGrow, 0)
		if stats := f.cache.Stats(); stats.Refused != 1 || stats.Builds != 1 {
			t.Errorf("%+v", stats)
		}
	})
	t.Run("claims the build, comes first", func(t *testing.T) {
		f := newFleet(t, CacheLimits{})
		f.want("shop", stranger.process(0x400000), heap.MapMake, 1)
		f.want("shop", honest.process(0x400000), heap.MapGrow, 1)
		f.want("shop", honest.process(0x400000), heap.MapGrow, 1)
	})
	t.Run("lies in the trust about what is known", func(t *testing.T) {
		f := newFleet(t, CacheLimits{})
		f.want("shop", honest.process(0x400000), heap.MapGrow, 1)
		f.want("shop", liar.process(0x400000), heap.MapGrow, 0) // it is not even asked
		f.want("shop", honest.process(0x400000), heap.MapGrow, 0)
	})
	t.Run("names the hidden as a visible one contradicts", func(t *testing.T) {
		f := newFleet(t, CacheLimits{})
		f.want("shop", honest.process(0x400000), heap.MapGrow, 1)
		other := honest
		other.extra = "\n1: 1 [1: 1] @ 0x400011 0x500001\n#\t0x400010\truntime.other+0x1\t/x.go:1\n#\t0x500000\tmain.g+0x1\t/x.go:1\n"
		f.want("shop", other.process(0x400000), heap.MapGrow, 1)
		if stats := f.cache.Stats(); stats.Refused != 1 {
			t.Errorf("%+v", stats)
		}
	})
}

// TestFingerprint: without a build id, sixteen frames must agree and none contradict.
func TestFingerprint(t *testing.T) {
	for _, test := range []struct {
		name        string
		second      fakeBuild
		base        uint64
		first       int // frames of the first process
		asked       int // symbol requests of the second
		wantsBuilds int
	}{
		{"the same", fakeBuild{name: "main"}, 0x400000, 41, 0, 1},
		{"16 frames", fakeBuild{name: "main", frames: 16}, 0x400000, 16, 0, 1},
		{"15 frames", fakeBuild{name: "main", frames: 15}, 0x400000, 15, 1, 0},
		{"15 of 41 frames", fakeBuild{name: "main", frames: 15}, 0x400000, 41, 1, 1},
		{"one contradicts", fakeBuild{name: "main", odd: 1}, 0x400000, 41, 1, 2},
		{"elsewhere in memory", fakeBuild{name: "main"}, 0x500000, 41, 1, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFleet(t, CacheLimits{})
			f.want("shop", fakeBuild{name: "main", frames: test.first}.process(0x400000), heap.MapGrow, 1)
			f.want("shop", test.second.process(test.base), heap.MapGrow, test.asked)
			if got := f.cache.Stats().Builds; got != test.wantsBuilds {
				t.Errorf("%d builds, want %d", got, test.wantsBuilds)
			}
			f.want("another trust", test.second.process(test.base), heap.MapGrow, 1)
		})
	}
}

// TestFewFrames: what a build id claims must be seen by some frames as well.
func TestFewFrames(t *testing.T) {
	for _, test := range []struct{ founder, second, asked int }{{4, 4, 0}, {3, 41, 1}, {41, 1, 0}, {41, -1, 1}} {
		f := newFleet(t, CacheLimits{})
		second := fakeBuild{id: "0123456789abcdef", name: "main", frames: test.second}
		if test.second < 0 { // its one frame is none of the first one's
			second.frames, second.extra = 1, ""
		}
		f.want("shop", fakeBuild{id: second.id, name: "main", frames: test.founder}.process(0x400000), heap.MapGrow, 1)
		p := second.process(0x400000)
		if test.second < 0 {
			p.heap = says(strings.ReplaceAll(second.text(0x400000), "0x40010", "0x40910"))
		}
		f.want("shop", p, heap.MapGrow, test.asked)
	}
}

// TestMutexPageFails: then the build is known by its frames; the visit is whole.
func TestMutexPageFails(t *testing.T) {
	for name, page := range map[string]http.HandlerFunc{
		"absent": nil, "HTML": says("<html>"), "cut": says("\x1f\x8b\x08"), "a bomb": zipped(strings.Repeat("\x32\x00", 1<<20), 9), "an odd id": says(""),
	} {
		f := newFleet(t, CacheLimits{})
		for i := range 2 {
			p := fakeBuild{id: "0123456789abcdef", name: "main"}.process(0x400000)
			p.mutex = page
			if name == "an odd id" {
				p.mutex = fakeBuild{id: "../../hunter2", name: "main"}.process(0x400000).mutex
			}
			m := new(Memory)
			if class, asked := f.visit("shop", p, m); class != heap.MapGrow || asked != 1-i || m.BuildID() != "" {
				t.Errorf("%s: class %s by %d requests, build id %q", name, class, asked, m.BuildID())
			}
		}
	}
}

// TestCacheIsBounded fills it to the brim.
func TestCacheIsBounded(t *testing.T) {
	build := func(i int) fakeBuild { return fakeBuild{id: fmt.Sprintf("%08x", i), name: "main"} }
	t.Run("builds", func(t *testing.T) {
		f := newFleet(t, CacheLimits{Builds: 3})
		for i, asked := range map[int]int{0: 1} {
			f.want("shop", build(i).process(0x400000), heap.MapGrow, asked)
		}
		for _, step := range []struct{ build, asked int }{{1, 1}, {2, 1}, {0, 0}, {3, 1}, {0, 0}, {1, 1}, {3, 0}, {2, 1}} {
			f.want("shop", build(step.build).process(0x400000), heap.MapGrow, step.asked)
		}
		if stats := f.cache.Stats(); stats.Builds != 3 || stats.Evicted != 3 || stats.Names != 6 {
			t.Errorf("%+v", stats)
		}
	})
	t.Run("bytes", func(t *testing.T) {
		const limit = 10_000
		f := newFleet(t, CacheLimits{Bytes: limit})
		for i := range 20 {
			f.want("shop", build(i).process(0x400000), heap.MapGrow, 1)
			if got := f.cache.Stats().Bytes; got > limit {
				t.Fatalf("%d bytes", got)
			}
		}
		f.want("shop", build(19).process(0x400000), heap.MapGrow, 0)
		if stats := f.cache.Stats(); stats.Builds < 2 || int(stats.Evicted) != 20-stats.Builds {
			t.Errorf("%+v", stats)
		}
	})
	t.Run("bytes of names", func(t *testing.T) {
		f := newFleet(t, CacheLimits{})
		f.want("shop", build(0).process(0x400000), heap.MapGrow, 1)
		whole := f.cache.Stats().Bytes
		for _, limit := range []int64{2*whole - 50, 2 * whole, whole + 100, whole - 50} {
			f = newFleet(t, CacheLimits{Bytes: limit})
			for i := range 4 {
				p := build(i).process(0x400000)
				if i >= 2 {
					p.symbol = says("num_symbols: 1\n") // it only has frames
				}
				f.visit("shop", p, nil)
				if got := f.cache.Stats().Bytes; got > limit {
					t.Errorf("%d bytes, want at most %d", got, limit)
				}
			}
		}
	})
	t.Run("used last", func(t *testing.T) {
		f := newFleet(t, CacheLimits{Builds: 2})
		var m Memory
		for i, asked := range []int{1, 1, 0, 1, 0} {
			var own *Memory
			if i%2 == 0 { // build 0 is looked at again and again
				own = &m
			}
			if _, got := f.visit("shop", build(i%2*i).process(0x400000), own); got != asked {
				t.Errorf("step %d: %d requests, want %d", i, got, asked)
			}
		}
		f.want("shop", build(0).process(0x400000), heap.MapGrow, 0)
	})
	t.Run("names", func(t *testing.T) { // what finds no room is the process's own
		f := newFleet(t, CacheLimits{Names: 1})
		var m Memory
		p := build(1).process(0x400000)
		for i := range 2 {
			if class, asked := f.visit("shop", p, &m); class != heap.MapGrow || asked != 1-i {
				t.Errorf("%s by %d", class, asked)
			}
		}
		f.want("shop", build(1).process(0x400000), heap.MapGrow, 1)
		if stats := f.cache.Stats(); stats.Names != 1 || len(m.names) != 1 {
			t.Errorf("%+v, %v", stats, m.names)
		}
	})
	t.Run("evicted under a process", func(t *testing.T) {
		f := newFleet(t, CacheLimits{Builds: 1})
		var m Memory
		for i := range 3 {
			if class, asked := f.visit("shop", build(1).process(0x400000), &m); class != heap.MapGrow || asked != 1 {
				t.Errorf("visit %d: %s by %d", i, class, asked)
			}
			f.visit("shop", build(2).process(0x400000), nil)
		}
		if got := f.counter.pages["mutex"]; got != 1+3 {
			t.Errorf("the build was asked for %d times, want once for each process", got)
		}
	})
}

// TestOnlyTheRuntimeIsShared: any other name is the process's own, and so is what it has no name for.
func TestOnlyTheRuntimeIsShared(t *testing.T) {
	f := newFleet(t, CacheLimits{})
	odd := fakeBuild{id: "0123456789abcdef", name: "main", grow: "main.hashGrow"}
	for range 2 {
		f.want("shop", odd.process(0x400000), heap.MapGrow, 1)
	}
	silent := fakeBuild{id: "fedcba9876543210", name: "main"}.process(0x400000)
	silent.symbol = says("num_symbols: 1\n")
	for range 2 {
		f.want("shop", silent, heap.Unknown, 1)
	}
	if got := f.cache.Stats().Names; got != 1 {
		t.Errorf("%d names are shared, want one", got)
	}
}

// TestManyAtOnce: processes of few builds, all at once. For the race detector, and for what it costs without order.
func TestManyAtOnce(t *testing.T) {
	f := newFleet(t, CacheLimits{Builds: 4})
	base := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var n int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d/", &n)
		build := fakeBuild{id: fmt.Sprintf("%08x", n%6), name: "main"}
		r.URL.Path = "/debug/pprof/" + path.Base(r.URL.Path)
		build.process(0x400000+0x1000*uint64(n)).ServeHTTP(w, r)
	}))
	var wg sync.WaitGroup
	for n := range 60 {
		wg.Go(func() {
			at := *base
			at.Path = fmt.Sprintf("/%d/", n)
			m := Memory{Trust: "shop"}
			for range 3 {
				o, err := f.prober.Visit(t.Context(), &at, &m)
				if err != nil || o.Heap.Unresolved != 0 || len(o.Partial) != 0 {
					t.Errorf("unresolved %d, partial %v, %v", o.Heap.Unresolved, o.Partial, err)
				}
			}
		})
	}
	wg.Wait()
	var names int
	var bytes int64
	for element := f.cache.order.Front(); element != nil; element = element.Next() {
		names += len(element.Value.(*build).names)
		bytes += element.Value.(*build).bytes
	}
	if stats := f.cache.Stats(); stats.Builds != 4 || stats.Names != names || stats.Bytes != bytes {
		t.Errorf("%+v, counted %d names, %d bytes", stats, names, bytes)
	}
}

// TestFirstNameStays: of two processes that were asked at once and answered differently, each keeps its own.
func TestFirstNameStays(t *testing.T) {
	f := newFleet(t, CacheLimits{})
	honest := fakeBuild{id: "0123456789abcdef", name: "main"}
	var first, second Memory
	f.visit("shop", honest.process(0x400000), &first)
	f.visit("shop", honest.process(0x500000), &second)
	second.learn([]uint64{0x500010}, map[uint64]string{0x500010: "runtime.makemap"})
	if name, _ := first.symbol(0x400010); name != "runtime.hashGrow" {
		t.Errorf("the first one's name became %s", name)
	}
	if name, _ := second.symbol(0x500010); name != "runtime.makemap" {
		t.Errorf("the second one's name became %s", name)
	}
}
