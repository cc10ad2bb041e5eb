// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

// Discovery and logs come from one API server: the cycles of a discovered pod are heard without a file, and its death is
// told as a log record of the pod.
func TestLogsOfDiscoveredPodsComeFromTheAPI(t *testing.T) {
	api, logs := newKubeAPI(t), newLogAPI(t)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/log") {
			logs.ServeHTTP(w, r)
		} else {
			api.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(front.Close)
	text, err := os.ReadFile(api.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), `"server":"`)
	server, _, _ := strings.Cut(rest, `"`)
	if err := os.WriteFile(api.kubeconfig, []byte(strings.Replace(string(text), server, front.URL, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	at, _ := visitedPod(t)
	api.set(podAt(t, "api-1", at))
	cfg := discovering(api)
	cfg.Discovery.GCTrace.PodLogs = "api"
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	out, records := sink{newest: map[string]pmetric.Metrics{}}, new(consumertest.LogsSink)
	factory, set := NewFactory(), receivertest.NewNopSettings(NewFactory().Type())
	one, err := factory.CreateMetrics(t.Context(), set, cfg, &out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := factory.CreateLogs(t.Context(), set, cfg, records); err != nil {
		t.Fatal(err)
	}
	logs.say("starting\n", time.Second)
	if err := one.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = one.Shutdown(t.Context()) })
	logs.say(cycleLines(1, 1), time.Second)
	out.wait(t, "shop/api-1/api", "heapgate.gctrace.cycles", is(1))
	logs.say("fatal error: concurrent map writes\n\ngoroutine 7 [running]:\nmain.put(...)\n\t/src/main.go:42 +0x1d\nexit status 2\n", time.Millisecond)
	out.wait(t, "shop/api-1/api", "heapgate.process.crashes{heapgate.crash.kind=concurrent_map_writes}", is(1))
	eventually(t, "the death is told", func() bool { return records.LogRecordCount() == 1 })
	of := records.AllLogs()[0].ResourceLogs().At(0)
	if pod, _ := of.Resource().Attributes().Get(attrPod); pod.Str() != "api-1" {
		t.Errorf("the record is of %v, want the pod api-1", of.Resource().Attributes().AsRaw())
	}
	if line, _ := of.ScopeLogs().At(0).LogRecords().At(0).Attributes().Get("code.line.number"); line.Int() != 42 {
		t.Errorf("the record names line %v, want 42", line.Int())
	}
}
