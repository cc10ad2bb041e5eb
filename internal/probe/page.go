// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"io"
	"net/url"
	"strconv"
	"time"
)

// Page is one page of a process, and what it costs. There is none with gc=1, which makes the process collect its garbage
// on demand, and none with goroutine?debug=2, which stops it for as long as it writes.
type Page struct {
	name, query string
	asked       time.Duration // how long the process gathers before it answers
	limit       func(*Settings) int64
	price       price
}

// String is the page's name, without its query.
func (p Page) String() string { return p.name }

// Asked is how long the process gathers before it answers; zero for a page of what it already has.
func (p Page) Asked() time.Duration { return p.asked }

// HeapText is the heap profile as text: see package heap.
func HeapText() Page { return text("heap", "debug=1") }

// HeapProfile is the heap profile as gzipped protobuf: cumulative allocations and what is live, without the runtime's frames.
func HeapProfile() Page { return protobuf("heap") }

// Mutex is the contention of mutexes since the process started, as gzipped protobuf. It is empty unless the program calls
// runtime.SetMutexProfileFraction.
func Mutex() Page { return protobuf("mutex") }

// Block is the time goroutines were blocked since the process started, as gzipped protobuf. It is empty unless the program
// calls runtime.SetBlockProfileRate.
func Block() Page { return protobuf("block") }

// CPU is a CPU profile of so many whole seconds, at least one, as gzipped protobuf. A process takes one at a time.
func CPU(d time.Duration) Page {
	seconds := max(int64(d/time.Second), 1)
	p := protobuf("profile")
	p.query, p.asked, p.price = "seconds="+strconv.FormatInt(seconds, 10), time.Duration(seconds)*time.Second, priceCPU
	return p
}

// Trace is an execution trace of so many milliseconds, at least one. A process takes one at a time.
func Trace(d time.Duration) Page {
	d = max(d.Truncate(time.Millisecond), time.Millisecond)
	query := "seconds=" + strconv.FormatFloat(d.Seconds(), 'f', -1, 64)
	return Page{name: "trace", query: query, asked: d, limit: func(s *Settings) int64 { return s.MaxTraceBytes }, price: priceTrace}
}

// Goroutine is the stacks of all goroutines as text, equal ones counted together.
func Goroutine() Page { return text("goroutine", "debug=1") }

// GoroutineLeak is the stacks of the goroutines that can never go on, as text like Goroutine's. The process runs a garbage
// collection for it, and serves it only if it was built with GOEXPERIMENT=goroutineleakprofile.
func GoroutineLeak() Page { return text("goroutineleak", "debug=1") }

// VarsPage is what package expvar publishes, as JSON: next to the prefix of the pprof pages.
func VarsPage() Page {
	return Page{name: "vars", limit: func(*Settings) int64 { return maxVars }, price: priceText}
}

func text(name, query string) Page {
	return Page{name: name, query: query, limit: func(s *Settings) int64 { return s.MaxBodyBytes }, price: priceText}
}

func protobuf(name string) Page {
	return Page{name: name, limit: func(s *Settings) int64 { return s.MaxProfileBytes }, price: priceProfile}
}

// Get asks a process for one page, within Settings.Timeout and the time that the page gathers. read is given the body,
// limited on the wire; what it inflates, it must limit itself. Cost is what was spent, also where that is for nothing. The
// error is an *Error. Where read gives an error of its own, it is wrapped: its kind is that of an *Error which read gives
// without a URL, and else KindNotPprof, unless it is one of the limits of packages heap, goroutine and profile, or the end
// of a body that broke off.
func (p *Prober) Get(ctx context.Context, base *url.URL, page Page, read func(body io.Reader) error) (Cost, error) {
	if err := CheckBase(base); err != nil {
		return Cost{}, fail(base, 0, err)
	}
	ctx, cancel := context.WithTimeout(ctx, p.settings.Timeout+page.asked)
	defer cancel()
	return p.fetch(ctx, page.url(base), page, read)
}

// url is that of a page: an empty path of base means /debug/pprof, any other is the prefix itself.
func (p Page) url(base *url.URL) *url.URL {
	u := *base
	u.RawQuery = p.query
	if u.Path == "" || u.Path == "/" {
		u.Path = "/debug/pprof"
	}
	if p.name == "vars" {
		return u.JoinPath("..", "vars")
	}
	return u.JoinPath(p.name)
}

// get is Get for a reader that returns a value, within the deadline of ctx.
func get[T any](ctx context.Context, p *Prober, base *url.URL, page Page, read func(io.Reader) (T, error)) (value T, cost Cost, err error) {
	cost, err = p.fetch(ctx, page.url(base), page, func(body io.Reader) (err error) {
		value, err = read(body)
		return err
	})
	if err != nil {
		var none T
		return none, cost, err
	}
	return value, cost, nil
}
