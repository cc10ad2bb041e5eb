// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/heapgate/heapgate/internal/crash"
	"github.com/heapgate/heapgate/receiver/internal/metadata"
)

const crashEvent = "heapgate.process.crash"

// crashed hands on that a process of an owner died, as its log says. It is called by the reader of the log.
func (r *runtimeReceiver) crashed(ctx context.Context, owner, path string, c *crash.Crash) {
	r.telemetry.ReceiverGoRuntimeCrashes.Add(ctx, 1, metric.WithAttributes(attribute.String("kind", string(c.Kind))))
	if r.next.logs == nil {
		return
	}
	resource, known := r.resources.Load(owner)
	if !known {
		resource = resourceOfFile(path)
	}
	logs := plog.NewLogs()
	of := logs.ResourceLogs().AppendEmpty()
	resource.(pcommon.Resource).CopyTo(of.Resource())
	scope := of.ScopeLogs().AppendEmpty()
	scope.Scope().SetName(metadata.ScopeName)
	scope.Scope().SetVersion(r.set.BuildInfo.Version)
	crashRecord(scope.LogRecords().AppendEmpty(), c, time.Now())
	r.deliverLogs(ctx, owner, logs)
}

// crashes writes how many dumps were found, by kind.
func (e *emitter) crashes(counts crashCounts, at pcommon.Timestamp) {
	for kind, n := range counts {
		e.build.RecordHeapgateProcessCrashesDataPoint(at, n, string(kind))
	}
}

// crashRecord writes what a dump says. What it does not say has no attribute.
func crashRecord(record plog.LogRecord, c *crash.Crash, now time.Time) {
	record.SetEventName(crashEvent)
	record.SetObservedTimestamp(pcommon.NewTimestampFromTime(now))
	if !c.Time.IsZero() {
		record.SetTimestamp(pcommon.NewTimestampFromTime(c.Time))
	}
	record.SetSeverityNumber(plog.SeverityNumberFatal)
	record.SetSeverityText("FATAL")
	record.Body().SetStr(c.Message)
	attrs := record.Attributes()
	attrs.PutStr("heapgate.crash.kind", string(c.Kind))
	if c.Goroutine > 0 {
		attrs.PutInt("heapgate.goroutine.id", c.Goroutine)
	}
	for _, a := range []struct{ name, value string }{
		{"heapgate.goroutine.state", c.State}, {"heapgate.crash.note", strings.Join(c.Notes, "; ")},
		{"code.function.name", c.Function}, {"code.file.path", c.File}, {"code.stacktrace", stacktrace(c.Stack)},
	} {
		if a.value != "" {
			attrs.PutStr(a.name, a.value)
		}
	}
	if c.Line > 0 {
		attrs.PutInt("code.line.number", int64(c.Line))
	}
}

// stacktrace has one frame a line, the leaf first. What other writers have torn is a question mark.
func stacktrace(stack []crash.Frame) string {
	var b strings.Builder
	for _, f := range stack {
		function, file := f.Function, f.File
		if function == "" {
			function = "?"
		}
		if file == "" {
			file = "?"
		}
		fmt.Fprintf(&b, "%s %s:%d\n", function, file, f.Line)
	}
	return b.String()
}
