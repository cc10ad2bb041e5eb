// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exportertest"
)

// TestFactory takes the way the collector takes.
func TestFactory(t *testing.T) {
	cfg := testConfig(t.TempDir())
	e, err := NewFactory().CreateMetrics(context.Background(), exportertest.NewNopSettings(NewFactory().Type()), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if e.Capabilities().MutatesData {
		t.Error("the exporter must leave the data as they are for the other exporters")
	}
	if err := e.Start(context.Background(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	// A batch of the year 2033 is too new for the clock of this machine.
	if err := e.ConsumeMetrics(context.Background(), gauges("up", noon, 1)); !consumererror.IsPermanent(err) || !strings.Contains(err.Error(), "too_new") {
		t.Errorf("got %v, want a permanent error that says too_new", err)
	}
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestRestart(t *testing.T) {
	cfg := testConfig(t.TempDir())
	r := startRig(t, cfg)
	r.write(noon, gauges("up", noon, 1, 2))
	address := r.server.address.String()
	r.stop()

	if err := r.push(context.Background(), gauges("up", noon, 1)); !consumererror.IsPermanent(err) || !errors.Is(err, errClosed) {
		t.Errorf("a write after shutdown gave %v", err)
	}
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("the port answers after shutdown")
	}
	again := startRig(t, cfg)
	if got := again.number("sum(up)", noon); got != 3 {
		t.Errorf("after the restart sum(up) = %g, want 3", got)
	}
}

func TestNeverStarted(t *testing.T) {
	r := newRig(t, testConfig(t.TempDir()))
	if err := r.push(context.Background(), gauges("up", noon, 1)); !errors.Is(err, errClosed) {
		t.Errorf("a write before start gave %v", err)
	}
	r.stop()
	r.stop() // shutting down twice is allowed
}

// TestSharedDirectory takes a second way to the same directory, which the TSDB's own lock would let pass.
func TestSharedDirectory(t *testing.T) {
	dir := t.TempDir()
	first := startRig(t, testConfig(dir))
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	err := newRig(t, testConfig(link)).start(context.Background(), componenttest.NewNopHost())
	if err == nil || !strings.Contains(err.Error(), "directory must belong to one prometheus_tsdb exporter (got \""+link+"\", which another one in this collector uses)") {
		t.Fatalf("got %v", err)
	}
	first.write(noon, gauges("up", noon, 1)) // the first one is not disturbed
}

// TestStartFails leaves nothing behind: the next start with the same directory succeeds.
func TestStartFails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	busy := testConfig(dir)
	busy.Endpoint = taken.Addr().String()
	err = newRig(t, busy).start(context.Background(), componenttest.NewNopHost())
	if err == nil || !strings.Contains(err.Error(), "endpoint must be an address of this machine with a free port: listen tcp "+busy.Endpoint) {
		t.Fatalf("a taken port gave %v", err)
	}

	wal := filepath.Join(dir, "wal")
	if err := errors.Join(os.RemoveAll(wal), os.WriteFile(wal, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := newRig(t, testConfig(dir)).start(context.Background(), componenttest.NewNopHost()); err == nil || !strings.Contains(err.Error(), "cannot open the store in") {
		t.Fatalf("a broken directory gave %v", err)
	}
	if err := os.Remove(wal); err != nil {
		t.Fatal(err)
	}
	startRig(t, testConfig(dir)).write(noon, gauges("up", noon, 1))

	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := newRig(t, testConfig(file)).start(context.Background(), componenttest.NewNopHost()); err == nil || !strings.Contains(err.Error(), "directory must be one that can be created") {
		t.Fatalf("a file in place of the directory gave %v", err)
	}
}

// TestOpenToOthers warns before the port opens, and only then.
func TestOpenToOthers(t *testing.T) {
	const warning = "the query API has no authentication and its endpoint can be reached from other machines"
	cfg := testConfig(t.TempDir())
	if n := startRig(t, cfg).logs.FilterMessage(warning).Len(); n != 0 {
		t.Errorf("%d warnings for %s", n, cfg.Endpoint)
	}
	open := testConfig(t.TempDir())
	open.Endpoint = "0.0.0.0:0"
	if n := startRig(t, open).logs.FilterMessage(warning).Len(); n != 1 {
		t.Errorf("%d warnings for %s", n, open.Endpoint)
	}
}

// TestImpatientWriter gives up when its time is over while another batch is written, and says that a retry may help.
func TestImpatientWriter(t *testing.T) {
	r := startRig(t, testConfig(t.TempDir()))
	w := <-r.turn
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.push(ctx, gauges("up", noon, 1)); !errors.Is(err, context.Canceled) || consumererror.IsPermanent(err) {
		t.Errorf("got %v", err)
	}
	r.turn <- w
	// One that is cut short while it writes leaves nothing of its batch.
	if _, err := w.write(ctx, noon, gauges("up", noon, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	r.write(noon, gauges("up", noon, 2))
	if got := r.number("up", noon); got != 2 {
		t.Errorf("up = %g, want 2", got)
	}
}

// TestBrokenLog stands for a full disk: what is not in the write-ahead log is not acknowledged, and a retry may help.
func TestBrokenLog(t *testing.T) {
	r := startRig(t, testConfig(t.TempDir()))
	if err := r.store.db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.push(context.Background(), gauges("up", noon, 1)); err == nil || consumererror.IsPermanent(err) || !strings.Contains(err.Error(), "cannot write to the store") {
		t.Errorf("got %v", err)
	}
	if got := r.told(); got != "" {
		t.Errorf("telemetry says %s", got)
	}
}

// TestStopCutsQueries ends a query that would take a while. Its client has sent a part of a next request already, so the HTTP server
// cannot tell from the connection that nobody waits any more.
func TestStopCutsQueries(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Query.Timeout, cfg.Query.MaxSamples = time.Hour, 20_000_000
	r := startRig(t, cfg)
	r.server.drainTime = 1 // nanosecond
	conn, err := net.Dial("tcp", r.server.address.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	params := url.Values{"query": {"sum_over_time(vector(1)[10000s:1ms])"}, "start": {"1000000"}, "end": {"1000001"}, "step": {"1"}}
	if _, err := fmt.Fprintf(conn, "GET /api/v1/query_range?%s HTTP/1.1\r\nHost: store\r\n\r\n", params.Encode()); err != nil {
		t.Fatal(err)
	}
	gate := r.server.admission
	for len(gate.running) == 0 {
		time.Sleep(time.Millisecond)
	}
	if _, err := conn.Write([]byte("GET ")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Millisecond) // for the server to read it
	requests := r.server.http.BaseContext(nil)
	r.stop()
	if requests.Err() == nil {
		t.Error("the requests were not canceled")
	}
	if free := cap(gate.places) - len(gate.places); free != 0 || len(gate.running) != 0 {
		t.Errorf("the store was closed with %d requests inside", len(gate.running))
	}
	if answer, _ := io.ReadAll(conn); len(answer) != 0 {
		t.Errorf("the query was answered before the shutdown: %.100s", answer)
	}
}

// TestLossesAreLogged writes one line at once and what came after it at the shutdown.
func TestLossesAreLogged(t *testing.T) {
	r := startRig(t, testConfig(t.TempDir()))
	for _, n := range []float64{1, 2, 3} {
		// The second sample stays, for the batch to be none of which nothing is stored.
		md := gauges("late", noon.Add(-time.Hour*48), n)
		gauges("up", noon.Add(time.Duration(n)*time.Second), n).ResourceMetrics().MoveAndAppendTo(md.ResourceMetrics())
		r.write(noon, md)
	}
	r.stop()
	var got []any
	for _, entry := range r.logs.FilterMessage("metrics were not stored as they came").All() {
		got = append(got, entry.ContextMap()["too_old"])
	}
	if diff := cmp.Diff([]any{int64(1), int64(2)}, got); diff != "" {
		t.Errorf("refused samples in the lines of the log (-want +got):\n%s", diff)
	}
}

// TestWriterForgets holds that what the writer remembers is no more than one batch.
func TestWriterForgets(t *testing.T) {
	r := startRig(t, testConfig(t.TempDir()))
	r.write(noon, gauges("up", noon, make([]float64, 100)...))
	r.write(noon, gauges("down", noon, 1))
	w := <-r.turn
	defer func() { r.turn <- w }()
	if len(w.last) != 1 {
		t.Errorf("%d series are remembered after a batch of one", len(w.last))
	}
}
