// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exception_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/heapgate/heapgate/internal/exception"
)

var (
	noon   = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	digest = "sha256:" + strings.Repeat("ab", 32)
	sync   = exception.Subject{Application: "shop", Namespace: "shop", Workload: "Deployment/shop", Digest: digest, Revision: "f4263f6"}
)

const text = `apiVersion: heapgate.dev/v1alpha1
kind: GateException
metadata:
  name: shop-map
  namespace: heapgate-exceptions
  labels: {team: shop}
spec:
  application: shop
  imageDigest: sha256:abababababababababababababababababababababababababababababababab
  rules: [MAP-001, GC-001]
  reason: "the sale begins at noon: this release has the prices"
  ticket: OPS-123
  author: alice@example.com
  approver: bob@example.com
  notBefore: 2026-11-21T12:00:00Z
  expires: 2026-11-22T12:00:00Z
  maxUses: 2
status:
  uses: 1
  used: [{namespace: shop, workload: Deployment/shop, revision: aaaaaaa, wouldBe: fail, at: 2026-11-21T12:30:00Z}]
`

func sample() exception.Exception {
	return exception.Exception{
		Name: "shop-map",
		Spec: exception.Spec{
			Application: "shop", ImageDigest: digest, Rules: []string{"MAP-001", "GC-001"}, Reason: "the sale begins at noon: this release has the prices",
			Ticket: "OPS-123", Author: "alice@example.com", Approver: "bob@example.com", NotBefore: noon, Expires: noon.Add(24 * time.Hour), MaxUses: 2,
		},
		Uses: 1, Used: []exception.Use{{Namespace: "shop", Workload: "Deployment/shop", Revision: "aaaaaaa", WouldBe: "fail", At: noon.Add(30 * time.Minute)}},
	}
}

func TestParse(t *testing.T) {
	got, err := exception.Parse([]byte(text))
	if diff := cmp.Diff(sample(), got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	again, err := got.YAML()
	if err != nil {
		t.Fatal(err)
	}
	back, err := exception.Parse(again)
	want := sample()
	want.Uses, want.Used = 0, nil // The status is the gate's.
	if diff := cmp.Diff(want, back); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestParseRefuses(t *testing.T) {
	swap := func(old, with string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("the sample has no %q", old)
		}
		return strings.Replace(text, old, with, 1)
	}
	for name, tt := range map[string]struct{ text, says string }{
		"nothing":               {"", "got nothing"},
		"a list":                {"[]", "want a mapping"},
		"two documents":         {text + "---\n{}\n", "got more"},
		"another kind":          {swap("kind: GateException", "kind: Exception"), "want apiVersion heapgate.dev/v1alpha1 and kind GateException"},
		"another namespace":     {swap("namespace: heapgate-exceptions", "namespace: shop"), "where alone it counts"},
		"an unknown field":      {swap("maxUses: 2", "maxuse: 2"), "unknown field"},
		"a key twice":           {swap("maxUses: 2", "maxUses: 2\n  maxUses: 9"), "each key once"},
		"an alias":              {swap("[MAP-001, GC-001]", "&a [MAP-001]"), "anchors"},
		"no digest":             {swap("imageDigest: sha256:", "imageDigest: sha512:"), "spec.imageDigest must be"},
		"no subject":            {swap("application: shop", "namespace: shop"), "must say what it is for"},
		"two subjects":          {swap("application: shop", "application: shop\n  namespace: shop\n  workload: Deployment/shop"), "must not both be given"},
		"a workload of no kind": {swap("application: shop", "namespace: shop\n  workload: shop"), "spec.workload must be KIND/NAME"},
		"a workload anywhere":   {swap("application: shop", "workload: Deployment/shop"), "needs spec.namespace"},
		"all applications":      {swap("application: shop", `application: "*"`), "spec.application must be"},
		"no rules":              {swap("[MAP-001, GC-001]", "[]"), "spec.rules must be 1 to 20"},
		"all rules":             {swap("[MAP-001, GC-001]", `["*"]`), "spec.rules[0] must be the id"},
		"a rule twice":          {swap("[MAP-001, GC-001]", `[MAP-001, MAP-001]`), "given twice"},
		"itself":                {swap("[MAP-001, GC-001]", `[EXC-001]`), "about exceptions"},
		"no reason":             {swap(`"the sale begins at noon: this release has the prices"`, `" "`), "spec.reason must be"},
		"two lines":             {swap("at noon", `at\nnoon`), "spec.reason must be"},
		"no ticket":             {swap("OPS-123", "later"), "spec.ticket must be"},
		"no author":             {swap("author: alice@example.com", `author: ""`), "spec.author must be"},
		"approves oneself":      {swap("bob@", "alice@"), "another user than the author"},
		"no time":               {swap("2026-11-22T12:00:00Z", "tomorrow"), "spec.expires must be a time"},
		"for ever":              {swap("  expires: 2026-11-22T12:00:00Z\n", ""), "spec.notBefore and spec.expires must be times"},
		"four days":             {swap("2026-11-22T12", "2026-11-25T12"), "at most 72 hours"},
		"a second too long":     {swap("2026-11-22T12:00:00Z", "2026-11-24T12:00:01Z"), "at most 72 hours"},
		"backwards":             {swap("2026-11-22T12", "2026-11-20T12"), "must be after spec.notBefore"},
		"uses without an end":   {swap("maxUses: 2", "maxUses: 11"), "spec.maxUses must be 1 to 10"},
		"uses below none":       {swap("maxUses: 2", "maxUses: -1"), "spec.maxUses must be 1 to 10"},
		"a text of uses":        {swap("maxUses: 2", `maxUses: "2"`), "cannot unmarshal"},
		"a negative status":     {swap("uses: 1", "uses: -1"), "status.uses must not be negative"},
		"too long":              {text + strings.Repeat("#", exception.MaxText), "at most 65536 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := exception.Parse([]byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.says) || !reflect.DeepEqual(got.Spec, exception.Spec{}) {
				t.Errorf("got %+v, %v; want %q", got, err, tt.says)
			}
		})
	}
	_, err := exception.Parse([]byte("apiVersion: heapgate.dev/v1alpha1\nkind: GateException\nmetadata: {name: x}\nspec: {}\n"))
	if err == nil || strings.Count(err.Error(), "spec.") < 7 {
		t.Errorf("want every mistake at once, got %v", err)
	}
}

func TestMatches(t *testing.T) {
	byWorkload := func(e *exception.Exception) {
		e.Spec.Application, e.Spec.Namespace, e.Spec.Workload = "", "shop", "Deployment/shop"
	}
	for name, tt := range map[string]struct {
		change func(*exception.Exception, *exception.Subject)
		want   bool
	}{
		"application":           {func(*exception.Exception, *exception.Subject) {}, true},
		"another application":   {func(_ *exception.Exception, s *exception.Subject) { s.Application = "shop2" }, false},
		"no application":        {func(_ *exception.Exception, s *exception.Subject) { s.Application = "" }, false},
		"another digest":        {func(_ *exception.Exception, s *exception.Subject) { s.Digest = "sha256:" + strings.Repeat("cd", 32) }, false},
		"no digest at all":      {func(e *exception.Exception, s *exception.Subject) { e.Spec.ImageDigest, s.Digest = "", "" }, false},
		"application elsewhere": {func(e *exception.Exception, _ *exception.Subject) { e.Spec.Namespace = "other" }, false},
		"workload":              {func(e *exception.Exception, s *exception.Subject) { byWorkload(e); s.Application = "x" }, true},
		"another workload":      {func(e *exception.Exception, s *exception.Subject) { byWorkload(e); s.Workload = "Deployment/cart" }, false},
		"workload elsewhere":    {func(e *exception.Exception, s *exception.Subject) { byWorkload(e); s.Namespace = "other" }, false},
		"nothing at all":        {func(e *exception.Exception, s *exception.Subject) { e.Spec.Application, s.Application = "", "" }, false},
	} {
		e, s := sample(), sync
		tt.change(&e, &s)
		if got := e.Matches(s); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestRefusal(t *testing.T) {
	for name, tt := range map[string]struct {
		after  time.Duration
		uses   int
		change func(*exception.Exception)
		want   string
	}{
		"holds":          {0, 1, nil, ""},
		"to the last":    {24*time.Hour - 1, 1, nil, ""},
		"expired":        {24 * time.Hour, 1, nil, exception.Expired},
		"not yet":        {-1, 1, nil, exception.NotYet},
		"used up":        {0, 2, nil, exception.UsedUp},
		"less than none": {0, -1, nil, exception.Malformed},
		"not approved":   {0, 0, func(e *exception.Exception) { e.Spec.Approver = "" }, exception.Approver},
		"by oneself":     {0, 0, func(e *exception.Exception) { e.Spec.Approver = e.Spec.Author }, exception.Malformed},
		"nothing":        {0, 0, func(e *exception.Exception) { *e = exception.Exception{} }, exception.Malformed},
	} {
		e := sample()
		if tt.change != nil {
			tt.change(&e)
		}
		if got := e.Refusal(noon.Add(tt.after), tt.uses); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// TestCount: a sync is one use however many phases and retries it has, and the last use is the last.
func TestCount(t *testing.T) {
	now := noon.Add(time.Hour)
	e := sample()
	counted, changed, err := e.Count(sync, "fail", now)
	if err != nil || !changed || counted.Uses != 2 || len(counted.Used) != 2 || counted.LastUse() != now || len(e.Used) != 1 {
		t.Fatalf("%+v, %t, %v", counted, changed, err)
	}
	if again, changed, err := counted.Count(sync, "fail", now.Add(time.Hour)); err != nil || changed || again.Uses != 2 {
		t.Errorf("the second phase of a sync: %+v, %t, %v", again, changed, err)
	}
	if got := counted.Given(sync)["uses"]; got != 1 {
		t.Errorf("the sync sees %v uses of others", got)
	}
	other := sync
	other.Revision = "bbbbbbb"
	if _, changed, err := counted.Count(other, "fail", now); err == nil || changed || !strings.Contains(err.Error(), "uses") {
		t.Errorf("a third use of two: %t, %v", changed, err)
	}
	if _, _, err := counted.Count(sync, "fail", noon.Add(25*time.Hour)); err == nil {
		t.Error("what is counted outlives its end")
	}
	other = sync
	other.Digest = "sha256:" + strings.Repeat("cd", 32)
	if _, _, err := e.Count(other, "fail", now); err == nil {
		t.Error("another image is counted")
	}
	status, err := counted.StatusObject()
	if uses, _ := status["uses"].(float64); err != nil || uses != 2 || len(status["used"].([]any)) != 2 {
		t.Errorf("%v, %v", status, err)
	}
}

// FuzzParse: an error or an exception, never both; what is read can be written and read again, and what is not valid never holds.
func FuzzParse(f *testing.F) {
	f.Add(text)
	f.Add("{}")
	f.Add(strings.Replace(text, "application: shop", "namespace: shop\n  workload: StatefulSet/a", 1))
	f.Fuzz(func(t *testing.T, text string) {
		e, err := exception.Parse([]byte(text))
		if err != nil {
			if !reflect.DeepEqual(e.Spec, exception.Spec{}) || e.Refusal(noon, 0) != exception.Malformed {
				t.Fatalf("error and value: %v %+v", err, e)
			}
			return
		}
		if life := e.Spec.Expires.Sub(e.Spec.NotBefore); life <= 0 || life > exception.MaxLife || e.Spec.Approver == e.Spec.Author || e.Refusal(e.Spec.Expires, 0) == "" {
			t.Fatalf("%+v", e)
		}
		written, err := e.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := exception.Parse(written)
		if diff := cmp.Diff(e.Spec, again.Spec); err != nil || diff != "" || again.Name != e.Name {
			t.Fatalf("%v %s\n%s", err, diff, written)
		}
	})
}
