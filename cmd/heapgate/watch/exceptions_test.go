// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clienttesting "k8s.io/client-go/testing"

	"github.com/heapgate/heapgate/internal/exception"
	"github.com/heapgate/heapgate/internal/record"
)

func sale(expires time.Time) exception.Exception {
	return exception.Exception{Name: "shop-sale", Spec: exception.Spec{
		Application: "shop", ImageDigest: digestA, Rules: []string{"MAP-001"}, Reason: "x", Ticket: "OPS-1", Author: "alice", Approver: "bob",
		NotBefore: expires.Add(-48 * time.Hour), Expires: expires, MaxUses: 1,
	}, Uses: 1, Used: []exception.Use{{Namespace: "shop", Workload: "Deployment/shop", Revision: "abcdef0", WouldBe: "fail", At: expires.Add(-30 * time.Hour)}}}
}

// stored is the exception as the API server has it.
func stored(e exception.Exception) *unstructured.Unstructured {
	p := e.Spec
	status, _ := e.StatusObject()
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": exception.APIVersion, "kind": exception.Kind, "metadata": map[string]any{"namespace": exception.Namespace, "name": e.Name}, "status": status,
		"spec": map[string]any{
			"application": p.Application, "imageDigest": p.ImageDigest, "rules": []any{"MAP-001"}, "reason": p.Reason, "ticket": p.Ticket, "author": p.Author,
			"approver": p.Approver, "notBefore": p.NotBefore.Format(time.RFC3339), "expires": p.Expires.Format(time.RFC3339), "maxUses": int64(p.MaxUses),
		},
	}}
}

func byException(phase, wouldBe string, at time.Time) record.Record {
	r := written(record.Pass, phase, at)
	r.Exception, r.WouldBe = "shop-sale", wouldBe
	return r
}

// TestAnExceptionEnds: what only an exception let in is verified for as long as that holds, and no longer.
func TestAnExceptionEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		phase, wouldBe string
		excuse         *excuse
		want           State
		reason         string
	}{
		"holds":                    {record.PostSync, "fail", &excuse{Exception: sale(noon.Add(time.Second))}, Passed, "by the exception shop-sale until 2026-05-01T12:00:01Z; it would be fail"},
		"has expired":              {record.PostSync, "fail", &excuse{Exception: sale(noon)}, Failed, "has expired at 2026-05-01T12:00:00Z, and still runs: a sentence"},
		"expired, was not certain": {record.PostSync, "inconclusive", &excuse{Exception: sale(noon)}, Inconclusive, "has expired"},
		"was deleted":              {record.PostSync, "fail", nil, Failed, "is not there any more"},
		"cannot be read":           {record.PostSync, "fail", &excuse{Exception: sale(noon.Add(time.Hour)), problem: exception.Exception{}.Validate()}, Failed, "is not there any more"},
		"is of another image": {record.PostSync, "fail", func() *excuse {
			e := sale(noon.Add(time.Hour))
			e.Spec.ImageDigest = digestB
			return &excuse{Exception: e}
		}(), Failed, "is for another image"},
		"is being measured":            {record.PreSync, "fail", &excuse{Exception: sale(noon.Add(time.Hour))}, Measuring, "admitted at"},
		"ended before it was measured": {record.PreSync, "fail", &excuse{Exception: sale(noon)}, Failed, "has expired"},
	} {
		l := look{workload: shop(digestA), entry: &entry{record: byException(tt.phase, tt.wouldBe, noon.Add(-time.Minute)), writer: "heapgate"}, excuse: tt.excuse}
		if got := decide(l, noon, 30*time.Minute, gateway); got.State != tt.want || !strings.Contains(got.Reason, tt.reason) {
			t.Errorf("%s: %s, %s", name, got.State, got.Reason)
		}
	}
}

// TestAnExceptionIsNoTampering: a failure that an exception or other settings took back was not changed by hand; any other was.
func TestAnExceptionIsNoTampering(t *testing.T) {
	for name, tt := range map[string]struct {
		after func(*record.Record)
		hand  bool
	}{
		"by hand":         {func(*record.Record) {}, true},
		"by an exception": {func(r *record.Record) { r.Exception, r.WouldBe = "shop-sale", record.Fail }, false},
		"other settings":  {func(r *record.Record) { r.Parameters = digestB }, false},
		"other policies":  {func(r *record.Record) { r.PolicyDigest = digestB }, false},
	} {
		m := memory{}
		m.recall("id", look{workload: shop(digestA), entry: &entry{record: written(record.Fail, record.PostSync, noon)}}, noon)
		after := written(record.Pass, record.PreSync, noon)
		tt.after(&after)
		if got := m.recall("id", look{workload: shop(digestA), entry: &entry{record: after}}, noon); (got.tampered != "") != tt.hand {
			t.Errorf("%s: %q", name, got.tampered)
		}
	}
}

// TestExceptionsAndOpensAreShown, and end by time alone.
func TestExceptionsAndOpensAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(100 * time.Hour) // A bubble begins with the year 2000, and no exception is older.
		now := time.Now().UTC()
		records := verdicts(t, byException(record.PostSync, record.Fail, now))
		opens, _ := record.Opens{now.Add(-40 * 24 * time.Hour), now.Add(-2 * time.Hour), now.Add(-time.Hour)}.Encode()
		_ = unstructured.SetNestedField(records.Object, opens, "data", "opens.statefulset.cart")
		_ = unstructured.SetNestedField(records.Object, "spoiled", "data", "opens.deployment.x")
		b := start(t, nil, deployment(digestA), records, stored(sale(now.Add(time.Hour))))
		defer b.end()
		time.Sleep(10 * time.Second)
		labels := `{heapgate_application_name="shop",heapgate_exception_name="shop-sale"} `
		cart := `{heapgate_workload_kind="StatefulSet",heapgate_workload_name="cart",k8s_namespace_name="shop"} `
		for _, want := range []string{
			"heapgate_exception_active" + labels + "0", "heapgate_exception_uses" + labels + "1", "heapgate_exception_remaining_seconds" + labels + "3590",
			"heapgate_exception_last_use_age_seconds" + labels + "104410", "heapgate_gate_fail_opens" + cart + "2", "heapgate_gate_fail_open_age_seconds" + cart + "3610",
		} {
			name, _, _ := strings.Cut(want, "{")
			if !strings.Contains(b.metrics(name+"{"), want) {
				t.Errorf("want %s, got %s", want, b.metrics(name+"{"))
			}
		}
		if got := b.metrics("heapgate_workload_unverified{"); !strings.Contains(got, `state="passed"`) {
			t.Error(got)
		}
		time.Sleep(time.Hour)
		if got := b.metrics("heapgate_workload_unverified{"); !strings.Contains(got, `state="failed"`) {
			t.Errorf("the exception has expired, and the image is %s", got)
		}
	})
}

// TestNoExceptionsAtAll: a cluster without the kind, or without the right to see it, is watched as ever, in silence.
func TestNoExceptionsAtAll(t *testing.T) {
	resource := schema.GroupResource{Group: "heapgate.dev", Resource: "gateexceptions"}
	for name, refusal := range map[string]error{"no kind": apierrors.NewNotFound(resource, ""), "no right": apierrors.NewForbidden(resource, "", nil)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				now := time.Now().UTC()
				b := start(t, func(b *bench, _ *Settings) {
					refuse := func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, refusal }
					b.client.PrependReactor("list", "gateexceptions", refuse)
					b.client.PrependWatchReactor("gateexceptions", clienttesting.DefaultWatchReactor(nil, refusal))
				}, deployment(digestA), verdicts(t, written(record.Pass, record.PostSync, now)))
				defer b.end()
				time.Sleep(5 * time.Minute)
				b.want(`heapgate_workload_unverified{heapgate_workload_kind="Deployment",heapgate_workload_name="shop",k8s_namespace_name="shop",state="passed"} 0`)
				if got := b.metrics("heapgate_watch_synced"); got != "heapgate_watch_synced 1" {
					t.Error(got)
				}
				if got := b.metrics("heapgate_watch_errors_total"); got != "heapgate_watch_errors_total 0" {
					t.Error(got)
				}
				all, err := Once(t.Context(), b.client, Settings{MaxWorkloads: 10, Grace: time.Minute})
				if err != nil || len(all) != 1 || all[0].State != Passed {
					t.Errorf("%v, %v", all, err)
				}
			})
		})
	}
}
