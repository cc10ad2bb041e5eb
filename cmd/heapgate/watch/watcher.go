// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/heapgate/heapgate/cmd/heapgate/cluster"
	"github.com/heapgate/heapgate/internal/exception"
	"github.com/heapgate/heapgate/internal/guard"
	"github.com/heapgate/heapgate/internal/record"
)

// Settings of the detector.
type Settings struct {
	Namespace    string        // "" for all
	Cluster      string        // name of the cluster, as an attribute of every metric; "" for none
	Grace        time.Duration // how long an image may run before its measurement has to be there
	MaxWorkloads int
	Writers      []string // field managers that may write records; none: everybody may
	Log          *slog.Logger
	// Tell writes an Event; nil for none.
	Tell func(context.Context, cluster.Event) error
}

// settle is how long changes are gathered before they are looked at: the record and the workload of one release arrive by different
// ways, in any order. every is how often time alone is looked at: a grace that ends is no change in the cluster.
const (
	settle = 2 * time.Second
	every  = 10 * time.Second
)

// Status is what the detector says of one workload.
type Status struct {
	Workload guard.Workload
	Decision
	record *entry
	excuse *excuse
	uid    string
}

func (s Status) id() string {
	return s.Workload.Namespace + "/" + s.Workload.Kind + "/" + s.Workload.Name
}

// Watcher is the detector. Its methods other than Run may be called while Run runs.
type Watcher struct {
	settings Settings
	feeds    []*feed
	changed  chan struct{}
	events   chan cluster.Event
	memory   memory

	errors atomic.Int64
	mu     sync.Mutex
	last   snapshot
	logged map[string]time.Time // errors
}

// snapshot is the result of the last look.
type snapshot struct {
	statuses []Status
	excuses  []*excuse // that can be read, in the order of their names
	opened   []opened  // in the order of namespaces, kinds and names
	looked   bool
	complete bool // there were not more workloads than may be
}

// New prepares a detector; it does not connect.
func New(client dynamic.Interface, settings Settings) (*Watcher, error) {
	w := &Watcher{settings: settings, changed: make(chan struct{}, 1), events: make(chan cluster.Event, 64), memory: memory{}, logged: map[string]time.Time{}}
	for _, k := range kinds {
		f, err := newFeed(client, k, settings.Namespace, w.change, w.fail)
		if err != nil {
			return nil, err
		}
		w.feeds = append(w.feeds, f)
	}
	f, err := newFeed(client, gateExceptions, exception.Namespace, w.change, w.fail)
	if err != nil {
		return nil, err
	}
	w.feeds = append(w.feeds, f)
	return w, nil
}

// Run watches until the context ends, and returns when everything that it started has ended.
func (w *Watcher) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	for _, f := range w.feeds {
		running.Go(func() { f.informer.RunWithContext(ctx) })
	}
	running.Go(func() { w.tell(ctx) })
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-w.changed:
			if !pause(ctx, settle) {
				return
			}
		}
		if w.Filled() {
			w.look(time.Now())
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (w *Watcher) change() {
	select {
	case w.changed <- struct{}{}:
	default: // one is waiting already
	}
}

// sayAgain keeps an outage from filling the log; maxLogged bounds what is remembered for that.
const (
	sayAgain  = 5 * time.Minute
	maxLogged = 32
)

func (w *Watcher) fail(err error) {
	w.errors.Add(1)
	now, text := time.Now(), err.Error()
	w.mu.Lock()
	last, known := w.logged[text]
	again := known && now.Sub(last) < sayAgain
	if !again {
		if len(w.logged) >= maxLogged {
			clear(w.logged)
		}
		w.logged[text] = now
	}
	w.mu.Unlock()
	if !again {
		w.settings.Log.Error("the API server does not answer as it should; the last states stay", "error", text)
	}
}

// Filled tells whether every cache was filled once. Before that nothing can be said of any workload.
func (w *Watcher) Filled() bool {
	for _, f := range w.feeds {
		if filled, _ := f.state(); !filled {
			return false
		}
	}
	return true
}

// Problem says what keeps the detector from seeing everything now; nil if nothing does.
func (w *Watcher) Problem() error {
	var problems []error
	for _, f := range w.feeds {
		filled, problem := f.state()
		if problem == nil && !filled {
			problem = fmt.Errorf("%s: not read yet", f.resource.Resource)
		}
		problems = append(problems, problem)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.last.looked {
		problems = append(problems, errors.New("nothing was looked at yet"))
	}
	if w.last.looked && !w.last.complete {
		problems = append(problems, fmt.Errorf("more than %d guarded workloads: raise --max-workloads", w.settings.MaxWorkloads))
	}
	return errors.Join(problems...)
}

// look decides the state of every guarded workload from the caches.
func (w *Watcher) look(now time.Time) {
	verdicts, excuses := map[string]*records{}, map[string]*excuse{}
	var found []Status
	next := snapshot{looked: true}
	for _, f := range w.feeds {
		for _, object := range f.informer.GetStore().List() {
			switch o := object.(type) {
			case *records:
				if o.Name == record.ConfigMapName {
					verdicts[o.Namespace] = o
					next.opened = append(next.opened, o.opened...)
				}
			case *excuse:
				if o.problem == nil {
					excuses[o.Exception.Name] = o
					next.excuses = append(next.excuses, o)
				}
			case *unstructured.Unstructured:
				workload, problem, is := guarded(o)
				if is {
					found = append(found, Status{Workload: workload, Decision: Decision{Reason: text(problem)}, uid: string(o.GetUID())})
				}
			}
		}
	}
	sortStatuses(found)
	complete := len(found) <= w.settings.MaxWorkloads
	if !complete {
		w.fail(fmt.Errorf("%d guarded workloads, of which only %d are looked at: raise --max-workloads", len(found), w.settings.MaxWorkloads))
		found = found[:w.settings.MaxWorkloads]
	}
	present := map[string]bool{}
	for i := range found {
		s := &found[i]
		present[s.id()] = true
		s.record = verdicts[s.Workload.Namespace].find(s.Workload)
		if s.record != nil {
			s.excuse = excuses[s.record.record.Exception]
		}
		w.decide(s, now)
	}
	w.memory.forget(present)
	next.statuses, next.complete = found, complete
	next.sort()
	w.mu.Lock()
	w.last = next
	w.mu.Unlock()
}

// sort makes the order of the caches one that does not change.
func (s *snapshot) sort() {
	slices.SortFunc(s.excuses, func(a, b *excuse) int { return strings.Compare(a.Exception.Name, b.Exception.Name) })
	slices.SortFunc(s.opened, func(a, b opened) int {
		return cmp.Or(strings.Compare(a.namespace, b.namespace), strings.Compare(a.kind, b.kind), strings.Compare(a.name, b.name))
	})
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func (w *Watcher) decide(s *Status, now time.Time) {
	l := look{workload: s.Workload, entry: s.record, excuse: s.excuse}
	if s.Reason != "" {
		l.problem = errors.New(s.Reason)
	}
	l = w.memory.recall(s.id(), l, now)
	s.Decision = decide(l, now, w.settings.Grace, w.settings.Writers)
	before := w.memory.keep(s.id(), s.Decision, now)
	w.say(*s, before, now)
}
