// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/discovery/kubernetes"
	"go.opentelemetry.io/collector/component/componenttest"
	"gopkg.in/yaml.v3"
)

// logAPI is an API server that hands out the log of one container: what its instances have written so far, as kubelet does.
type logAPI struct {
	url string

	mu       sync.Mutex
	changed  *sync.Cond
	previous []string // lines of the instance before
	lines    []string // of the instance that runs, each with its time
	at       time.Time
	status   int
	answer   string
	noFollow bool
	cutAfter int // bytes of an answer, after which the connection breaks; 0: never
	asked    []url.Values
	closed   bool
}

func newLogAPI(t *testing.T) *logAPI {
	t.Helper()
	a := &logAPI{at: time.Date(2026, 11, 21, 6, 0, 0, 0, time.UTC)}
	a.changed = sync.NewCond(&a.mu)
	server := httptest.NewServer(a)
	t.Cleanup(func() {
		a.mu.Lock()
		a.closed = true
		a.mu.Unlock()
		a.changed.Broadcast()
		server.Close()
	})
	a.url = server.URL
	return a
}

// say writes lines, each a while after the one before.
func (a *logAPI) say(text string, apart time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for line := range strings.Lines(text) {
		a.at = a.at.Add(apart)
		a.lines = append(a.lines, a.at.Format("2006-01-02T15:04:05.000000000Z07:00")+" "+line)
	}
	a.changed.Broadcast()
}

// restart lets the instance die, and another one begin.
func (a *logAPI) restart() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.previous, a.lines = a.lines, nil
	a.changed.Broadcast()
}

func (a *logAPI) do(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
	a.changed.Broadcast()
}

func (a *logAPI) requests() []url.Values {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]url.Values(nil), a.asked...)
}

func (a *logAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	query := r.URL.Query()
	a.asked = append(a.asked, query)
	if r.URL.Path != "/api/v1/namespaces/shop/pods/api-1/log" || query.Get("container") != "api" || query.Get("timestamps") != "true" {
		a.fail(w, http.StatusNotFound, "no such path: "+r.URL.String())
		return
	}
	if a.status != 0 {
		a.fail(w, a.status, a.answer)
		return
	}
	since := time.Time{}
	if text := query.Get("sinceTime"); text != "" {
		var err error
		if since, err = time.Parse("2006-01-02T15:04:05Z", text); err != nil { // an old server knows no parts of seconds
			a.fail(w, http.StatusBadRequest, err.Error())
			return
		}
	}
	limit, err := strconv.ParseInt(query.Get("limitBytes"), 10, 64)
	if err != nil || limit < 1 {
		a.fail(w, http.StatusBadRequest, "limitBytes")
		return
	}
	left := int(limit)
	if a.cutAfter > 0 {
		left = min(left, a.cutAfter)
	}
	send := func(line string) (more bool) {
		at, _, _ := strings.Cut(line, " ")
		if stamp, err := time.Parse(time.RFC3339Nano, at); err == nil && stamp.Before(since) {
			return true
		}
		n := min(len(line), left)
		_, _ = w.Write([]byte(line[:n]))
		w.(http.Flusher).Flush()
		left -= n
		return left > 0
	}
	if query.Get("previous") == "true" {
		if a.previous == nil {
			a.fail(w, http.StatusBadRequest, `previous terminated container "api" in pod "api-1" not found`)
			return
		}
		for _, line := range a.previous {
			send(line)
		}
		return
	}
	stop := make(chan struct{})
	defer close(stop)
	go func() { // wakes the loop below when the client goes away
		select {
		case <-r.Context().Done():
			a.do(func() {})
		case <-stop:
		}
	}()
	first := a.first()
	for sent := 0; r.Context().Err() == nil && !a.closed && a.first() == first && a.status == 0; {
		for ; sent < len(a.lines); sent++ {
			if !send(a.lines[sent]) {
				if a.cutAfter > 0 {
					panic(http.ErrAbortHandler)
				}
				return
			}
		}
		if a.noFollow || query.Get("follow") != "true" {
			return
		}
		a.changed.Wait()
	}
}

// first tells the instances apart.
func (a *logAPI) first() string {
	if len(a.lines) == 0 {
		return ""
	}
	return a.lines[0]
}

func (a *logAPI) fail(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":%q,"code":%d}`, message, status)
}

var loggedPod = podLogRef{"shop", "api-1", "uid-1", "api"}

// reading is a reader of the log, which is not started yet.
func (a *logAPI) reader(t *testing.T) *reader {
	t.Helper()
	var sd kubernetes.SDConfig
	if err := yaml.Unmarshal([]byte("{role: pod, api_server: '"+a.url+"'}"), &sd); err != nil {
		t.Fatal(err)
	}
	client, err := newPodLogClient([]*kubernetes.SDConfig{&sd})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.http.CloseIdleConnections)
	return &reader{kept: newMemory(), path: loggedPod.String(), tel: componenttest.NewTelemetry(), set: func(f *followers) { f.pods = client }}
}

func TestPodLogIsFollowed(t *testing.T) {
	api := newLogAPI(t)
	api.say("starting\n"+cycleLines(1, 3), time.Second)
	r := api.reader(t)
	r.start(t)
	r.waitFor(t, 3)
	api.say("level=info msg=x\n"+cycleLines(4, 5), time.Second)
	r.waitFor(t, 5)
	r.stop(t, false)
	if at, ok := r.offsets.take(fileKey{"p", r.path}); !ok || at.Place.Log == nil || len(at.Place.Log.Lines) != 7 || at.Place.Log.Skip != 0 {
		t.Errorf("the place is %+v, want it behind the seventh line", at.Place.Log)
	}
	for _, q := range api.requests() {
		if q.Get("follow") != "true" && q.Get("previous") != "true" {
			t.Errorf("asked %v", q)
		}
	}
}

// However the connection breaks, every cycle is summed once.
func TestPodLogThroughBrokenConnections(t *testing.T) {
	for name, c := range map[string]struct {
		cut      int
		noFollow bool
		apart    time.Duration
		together int // cycles of one moment
		wrap     func(string) string
	}{
		"cut within lines":           {cut: 4321, apart: 300 * time.Millisecond},
		"cut, many lines a second":   {cut: 20_000, apart: 10 * time.Millisecond},
		"does not follow":            {noFollow: true, apart: time.Millisecond},
		"equal lines of one moment":  {cut: 4321, apart: 10 * time.Second, together: 5, wrap: func(s string) string { return "same\nsame\n" + s + "same\n" }},
		"does not follow, and slow":  {noFollow: true, apart: 10 * time.Second},
		"connection is never broken": {apart: time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newLogAPI(t)
			api.cutAfter, api.noFollow = c.cut, c.noFollow
			r := api.reader(t)
			r.start(t)
			for n := 1; n <= 40; n++ {
				text := cycleLine(n)
				if c.wrap != nil {
					text = c.wrap(text)
				}
				if c.together > 0 {
					api.say(text, 0)
				} else {
					api.say(text, c.apart)
				}
				if c.together > 0 && n%c.together == 0 {
					api.do(func() { api.at = api.at.Add(c.apart) })
				}
				if n%8 == 0 {
					time.Sleep(50 * time.Millisecond)
				}
			}
			r.waitFor(t, 40)
			time.Sleep(2 * time.Second) // it goes on asking
			got := r.sums(t)
			if got.summed != 40 || got.records[intact] != 40 {
				t.Errorf("%d cycles are summed of %v records", got.summed, got.records)
			}
			r.stop(t, false)
		})
	}
}

// The last lines of an instance that died while nobody listened are in the log of the instance before.
func TestPodLogThroughRestartsOfBothSides(t *testing.T) {
	api := newLogAPI(t)
	api.say(cycleLines(1, 3), time.Second)
	r := api.reader(t)
	r.start(t)
	r.waitFor(t, 3)
	before := r.sums(t).firstHeard
	r.stop(t, false)
	api.say(cycleLines(4, 6), time.Second)
	r.start(t)
	r.waitFor(t, 6)
	if got := r.sums(t); !got.firstHeard.Equal(before) || got.records[intact] != 6 {
		t.Errorf("%v records since %s; want 6 on top of what was there", got.records, got.firstHeard)
	}
	r.stop(t, false)
	api.say(cycleLines(7, 8), time.Second)
	api.restart()
	api.say(cycleLines(1, 2), time.Second)
	r.start(t)
	r.waitFor(t, 2)
	if got := r.sums(t); got.records[intact] != 10 || got.firstHeard.Equal(before) {
		t.Errorf("%v records; want 10: 8 of the instance that died, 2 of the next", got.records)
	}
	api.say(cycleLines(3, 3), time.Second)
	api.restart() // while it is followed
	api.say(cycleLines(1, 1), time.Second)
	r.waitFor(t, 1)
	if got := r.sums(t); got.records[intact] != 12 {
		t.Errorf("%v records; want 12", got.records)
	}
	r.stop(t, false)
}

func TestPodLogRefusals(t *testing.T) {
	api := newLogAPI(t)
	r := api.reader(t)
	r.start(t)
	defer r.stop(t, false)
	for status, want := range map[int]string{
		http.StatusForbidden:       "must allow verb get on resource pods/log in namespace shop",
		http.StatusUnauthorized:    "does not know the collector's credentials",
		http.StatusNotFound:        "the pod is gone",
		http.StatusGone:            "the pod is gone",
		http.StatusTooManyRequests: "status 429: busy",
		http.StatusFound:           "status 302",
	} {
		api.do(func() { api.status, api.answer = status, "busy" })
		_, err := r.pods.open(t.Context(), loggedPod, podLogQuery{limit: 1})
		var refused *podLogError
		if !errors.As(err, &refused) || refused.Status != status || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "shop/api-1") {
			t.Errorf("status %d: got %v, want %s", status, err, want)
		}
	}
	api.do(func() { api.status = 0 })
	api.say(cycleLines(1, 2), time.Second) // whoever was refused goes on
	r.waitFor(t, 2)
}

// A line that is too long is passed over and counted; the ones behind it are read.
func TestPodLogLinesAreBounded(t *testing.T) {
	api := newLogAPI(t)
	api.say(cycleLine(1)+strings.Repeat("x", maxLogLine+1)+"\n"+cycleLine(2), time.Second)
	r := api.reader(t)
	r.start(t)
	r.waitFor(t, 2)
	r.stop(t, false)
	if n := crossings(t, r.tel, "line_length"); n != 1 {
		t.Errorf("counted %d times", n)
	}
}

func TestPodLogStreamsAreBounded(t *testing.T) {
	api := newLogAPI(t)
	r := api.reader(t)
	withClient := r.set
	r.set = func(f *followers) { withClient(f); f.streams = 1 }
	r.start(t)
	for range 3 {
		r.followPod(t.Context(), "q", podLogs(podLogsAPI, "shop", "api-2", "uid-2", "api"))
	}
	if n := crossings(t, r.tel, "log_streams"); len(r.files) != 1 || n != 1 {
		t.Errorf("%d streams, counted %d times", len(r.files), n)
	}
	r.stop(t, false)
}

func TestPodLogClientIsThatOfDiscovery(t *testing.T) {
	parse := func(text string) *kubernetes.SDConfig {
		var sd kubernetes.SDConfig
		if err := yaml.Unmarshal([]byte(text), &sd); err != nil {
			t.Fatal(err)
		}
		return &sd
	}
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	text := `{"apiVersion":"v1","kind":"Config","current-context":"c","clusters":[{"name":"c","cluster":{"server":"http://10.0.0.1:8080/below"}}],"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],"users":[{"name":"u","user":{"token":"t"}}]}`
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := newPodLogClient([]*kubernetes.SDConfig{parse("{role: pod, kubeconfig_file: " + kubeconfig + "}"), parse("{role: endpointslice, kubeconfig_file: " + kubeconfig + "}")})
	if err != nil || client.base.String() != "http://10.0.0.1:8080/below" {
		t.Errorf("got %+v, %v", client, err)
	}
	for want, sections := range map[string][]*kubernetes.SDConfig{
		"needs kubernetes_sd_configs (got none)":                                nil,
		"reach one API server (got another in [1])":                             {parse("{role: pod, api_server: 'http://a'}"), parse("{role: pod, api_server: 'http://b'}")},
		"discovery::gctrace::pod_logs: unable to load in-cluster configuration": {parse("{role: pod}")},
	} {
		if _, err := newPodLogClient(sections); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A place within a line: the rest of that very line is used, and of no other.
func TestPodLogGoesOnWithinALine(t *testing.T) {
	line := "2026-11-21T06:00:05.000000000Z " + cycleLine(5)
	l, _, _, ok := stamped([]byte(line))
	if !ok {
		t.Fatal("no time")
	}
	for _, c := range []struct {
		next uint64
		want string
	}{{l.Hash, cycleLine(5)[3:]}, {l.Hash + 1, cycleLine(5)}} {
		p := &podLogPump{cursor: cursor{Before: 1, Next: c.next, Skip: 3}}
		a := podLogAnswer{pump: p, sieve: p.cursor.sieve()}
		a.add([]byte(line))
		a.finish()
		if want := "2026-11-21T06:00:05.000000000Z stderr F " + c.want; string(a.batch.text) != want {
			t.Errorf("got %q, want %q", a.batch.text, want)
		}
	}
}

// Lines before the remembered ones are known by their time, those after by themselves, and equal ones by their number.
func TestCursorKnowsWhatWasRead(t *testing.T) {
	var c cursor
	var all []seenLine
	for n := range int64(500) { // two streams, each late by turns; and equal lines
		l := seenLine{Stamp: 1e9 + n*10 + 25*(n%2), Hash: uint64(n / 3 * 3)}
		all = append(all, l)
	}
	for n, l := range all {
		for _, from := range []int{0, max(0, n-200)} { // what the API still has
			s := c.sieve()
			for i := from; i < n; i++ {
				if s.isNew(all[i]) {
					t.Fatalf("line %d is new after %d were read", i, n)
				}
			}
			if !s.isNew(l) {
				t.Fatalf("line %d was not read, but %d before it", n, n)
			}
		}
		c.add(l)
	}
	equal := seenLine{1e12, 1}
	c.add(equal)
	c.add(equal)
	s := c.sieve()
	for i, want := range []bool{false, false, true} {
		if s.isNew(equal) != want {
			t.Errorf("of three equal lines two were read; line %d is new: %v", i, !want)
		}
	}
	if !c.valid() || len(c.Lines) != maxSeen {
		t.Errorf("%d lines are remembered", len(c.Lines))
	}
}
