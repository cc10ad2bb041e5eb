// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/heapgate/heapgate/internal/crash"
	"github.com/heapgate/heapgate/receiver/internal/metadata"
)

func TestCrashBecomesALogRecordOfItsTarget(t *testing.T) {
	r, err := newReceiver(receivertest.NewNopSettings(metadata.Type), createDefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	var out consumertest.LogsSink
	r.next.logs = &out
	resource := pcommon.NewResource()
	resource.Attributes().PutStr(attrInstanceID, "shop/api-1/api")
	r.resources.Store("shop/api-1/api", resource)
	r.crashed(t.Context(), "shop/api-1/api", "/var/log/x.log", &crash.Crash{
		Kind: crash.MapReadWrite, Message: "concurrent map read and map write", Goroutine: 7, State: "running",
		Function: "main.(*cache).get", File: "/src/cache.go", Line: 12, Time: epoch,
		Notes: []string{"the writer is not known"},
		Stack: []crash.Frame{{Function: "runtime.fatal", File: "/go/src/runtime/panic.go", Line: 1}, {Function: "main.(*cache).get", File: "/src/cache.go", Line: 12}, {}},
	})
	r.crashed(t.Context(), "gone", "/var/log/y.log", &crash.Crash{Kind: crash.OutOfMemory})
	if out.LogRecordCount() != 2 {
		t.Fatalf("got %d records, want 2", out.LogRecordCount())
	}
	first := out.AllLogs()[0].ResourceLogs().At(0)
	record := first.ScopeLogs().At(0).LogRecords().At(0)
	got := map[string]any{"resource": first.Resource().Attributes().AsRaw(), "attributes": record.Attributes().AsRaw(), "body": record.Body().Str(), "event": record.EventName(), "at": record.Timestamp().AsTime().Equal(epoch), "severity": record.SeverityText()}
	want := map[string]any{
		"resource": map[string]any{attrInstanceID: "shop/api-1/api"}, "body": "concurrent map read and map write", "event": "heapgate.process.crash", "at": true, "severity": "FATAL",
		"attributes": map[string]any{
			"heapgate.crash.kind": "concurrent_map_read_write", "heapgate.crash.note": "the writer is not known", "heapgate.goroutine.id": int64(7), "heapgate.goroutine.state": "running",
			"code.function.name": "main.(*cache).get", "code.file.path": "/src/cache.go", "code.line.number": int64(12),
			"code.stacktrace": "runtime.fatal /go/src/runtime/panic.go:1\nmain.(*cache).get /src/cache.go:12\n? ?:0\n",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	second := out.AllLogs()[1].ResourceLogs().At(0)
	if file, _ := second.Resource().Attributes().Get(attrLogFile); file.Str() != "/var/log/y.log" {
		t.Errorf("a crash of nobody's log is of %v, want the file", second.Resource().Attributes().AsRaw())
	}
	bare := second.ScopeLogs().At(0).LogRecords().At(0)
	if bare.Attributes().Len() != 1 || bare.Timestamp() != 0 || time.Since(bare.ObservedTimestamp().AsTime()) > time.Hour {
		t.Errorf("what is not known is told: %v at %v", bare.Attributes().AsRaw(), bare.Timestamp())
	}
}
