// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package attest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

var made = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

func claim() Claim {
	return Claim{
		Image: "demo/shop/Deployment/shop", Digest: "sha256:" + strings.Repeat("1", 64), Workload: "demo/shop/Deployment/shop",
		Verifier: "https://heapgate.dev/gate/v1", Version: "v1.2.3", Created: made, Outcome: "pass", WouldBe: "pass",
		Evidence: "sha256:" + strings.Repeat("2", 64), Policy: "sha256:" + strings.Repeat("3", 64), OPA: "1.22.0",
		WindowStart: made.Add(-10 * time.Minute), WindowEnd: made, Baseline: "none", Reasons: []Reason{{"warning", []string{"GC-002"}, "a < b & c"}},
		Excepted: []string{},
	}
}

// pair makes a key of one of the two kinds.
func pair(t testing.TB, elliptical bool) (Signer, Key) {
	t.Helper()
	var private any
	var err error
	if elliptical {
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		_, private, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ParseSigner(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}))
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(signer.(fileKey).public.public)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseKey(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
	if err != nil {
		t.Fatal(err)
	}
	return signer, key
}

func signed(t testing.TB, c Claim, signer Signer) []byte {
	t.Helper()
	text, err := Sign(t.Context(), c, signer)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func refused(t *testing.T, text []byte, keys []Key, want Want, kind Kind, words string) {
	t.Helper()
	got, err := Verify(t.Context(), text, keys, want)
	var typed *Error
	if !errors.As(err, &typed) || typed.Kind != kind || !strings.Contains(err.Error(), words) || got.Outcome != "" {
		t.Errorf("got %+v and %v, want %s with %q", got, err, kind, words)
	}
}

// TestStatements pins what others read.
func TestStatements(t *testing.T) {
	got, err := claim().Statements()
	if err != nil {
		t.Fatal(err)
	}
	subject := `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"demo/shop/Deployment/shop","digest":{"sha256":"` + strings.Repeat("1", 64) + `"}}],`
	policy := `{"name":"heapgate-policies","digest":{"sha256":"` + strings.Repeat("3", 64) + `"}}`
	want := []string{
		subject + `"predicateType":"https://in-toto.io/attestation/svr/v0.2","predicate":{"verifier":{"id":"https://heapgate.dev/gate/v1","policies":[` + policy +
			`]},"timeCreated":"2026-01-02T03:04:05.000000006Z","properties":["HEAPGATE_MEASURED","HEAPGATE_PASS","HEAPGATE_PASS_NO_EXCEPTION"]}}`,
		subject + `"predicateType":"https://heapgate.dev/attestation/verdict/v1","predicate":{"verifier":{"id":"https://heapgate.dev/gate/v1","version":{"heapgate":"v1.2.3","opa":"1.22.0"}},` +
			`"timeCreated":"2026-01-02T03:04:05.000000006Z","workload":"demo/shop/Deployment/shop","outcome":"pass","wouldBe":"pass",` +
			`"reasons":[{"code":"warning","rules":["GC-002"],"text":"a < b & c"}],"exceptions":[],"evidence":{"name":"heapgate-evidence-bundle","digest":{"sha256":"` +
			strings.Repeat("2", 64) + `"}},"policy":` + policy + `,"window":{"start":"2026-01-02T02:54:05.000000006Z","end":"2026-01-02T03:04:05.000000006Z"},"baseline":"none"}}`,
	}
	for i := range want {
		if string(got[i]) != want[i] {
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
}

func TestProperties(t *testing.T) {
	for _, c := range []struct {
		outcome, wouldBe string
		excepted         []string
		want             string
	}{
		{"pass", "pass", nil, "HEAPGATE_MEASURED HEAPGATE_PASS HEAPGATE_PASS_NO_EXCEPTION"},
		{"pass", "fail", []string{"x"}, "HEAPGATE_MEASURED HEAPGATE_PASS HEAPGATE_PASS_WITH_EXCEPTION"},
		{"pass", "fail", nil, "HEAPGATE_MEASURED HEAPGATE_PASS HEAPGATE_PASS_WITH_EXCEPTION"},
		{"pass", "pass", []string{"x"}, "HEAPGATE_MEASURED HEAPGATE_PASS HEAPGATE_PASS_WITH_EXCEPTION"},
		{"fail", "fail", nil, "HEAPGATE_MEASURED"},
		{"inconclusive", "inconclusive", nil, "HEAPGATE_MEASURED"},
		{"error", "error", nil, ""},
	} {
		if got := strings.Join(Claim{Outcome: c.outcome, WouldBe: c.wouldBe, Excepted: c.excepted}.properties(), " "); got != c.want {
			t.Errorf("%+v: got %q", c, got)
		}
	}
}

// TestSignedBytes holds the envelope to DSSE's definition with nothing but the standard library.
func TestSignedBytes(t *testing.T) {
	signer, key := pair(t, false)
	for line := range bytes.Lines(signed(t, claim(), signer)) {
		var envelope struct {
			PayloadType, Payload string
			Signatures           []struct{ KeyID, Sig string }
		}
		if err := json.Unmarshal(line, &envelope); err != nil {
			t.Fatal(err)
		}
		payload, _ := base64.StdEncoding.DecodeString(envelope.Payload)
		signature, _ := base64.StdEncoding.DecodeString(envelope.Signatures[0].Sig)
		pae := fmt.Sprintf("DSSEv1 28 application/vnd.in-toto+json %d %s", len(payload), payload)
		if !ed25519.Verify(key.public.(ed25519.PublicKey), []byte(pae), signature) || envelope.Signatures[0].KeyID != key.id {
			t.Errorf("the signature is not of %s", pae)
		}
	}
}

func TestVerify(t *testing.T) {
	for _, elliptical := range []bool{false, true} {
		signer, key := pair(t, elliptical)
		_, other := pair(t, !elliptical)
		c := claim()
		want := Want{Image: c.Digest, Policy: c.Policy, Evidence: c.Evidence, Verdict: "pass", Now: made.Add(time.Hour), MaxAge: 2 * time.Hour}
		text := signed(t, c, signer)
		got, err := Verify(t.Context(), text, []Key{other, key, key, other}, want)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(c) {
			t.Errorf("got  %+v\nwant %+v (%v)", got, c, err)
		}
		refused(t, text, []Key{other}, want, KindUntrusted, "no signature is by a key")
		refused(t, text, nil, want, KindKey, "no key")
		for _, one := range []struct {
			change func(*Want)
			kind   Kind
			words  string
		}{
			{func(w *Want) { w.Image = c.Policy }, KindSubject, "about the image sha256:1"},
			{func(w *Want) { w.Policy = c.Digest }, KindDigest, "the policies sha256:3"},
			{func(w *Want) { w.Evidence = c.Digest }, KindDigest, "about the evidence sha256:2"},
			{func(w *Want) { w.Verdict = "fail" }, KindVerdict, "the verdict is pass (want fail)"},
			{func(w *Want) { w.MaxAge = time.Hour - 1 }, KindExpired, "more than"},
			{func(w *Want) { w.Now = made.Add(-clockSkew - 1) }, KindExpired, "still to come"},
		} {
			changed := want
			one.change(&changed)
			refused(t, text, []Key{key}, changed, one.kind, one.words)
		}
		if _, err := Verify(t.Context(), text, []Key{key}, Want{Now: made.Add(-clockSkew)}); err != nil {
			t.Errorf("a clock within %s is no lie: %v", clockSkew, err)
		}
	}
}

// forged signs any payload as any type.
func forged(t *testing.T, signer Signer, payloadType string, payloads ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, payload := range payloads {
		pae := fmt.Sprintf("DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload)
		signature, err := signer.Sign(t.Context(), []byte(pae))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintf(&out, "{\"payloadType\":%q,\"payload\":%q,\"signatures\":[{\"sig\":%q}]}\n", payloadType,
			base64.StdEncoding.EncodeToString([]byte(payload)), base64.StdEncoding.EncodeToString(signature))
	}
	return out.Bytes()
}

// TestSignedNonsense is by a trusted key and still refused.
func TestSignedNonsense(t *testing.T) {
	signer, key := pair(t, false)
	both, err := claim().Statements()
	if err != nil {
		t.Fatal(err)
	}
	short, long := string(both[0]), string(both[1])
	other := claim()
	other.Outcome = "fail"
	others, err := other.Statements()
	if err != nil {
		t.Fatal(err)
	}
	change := func(text, from, to string) string {
		if !strings.Contains(text, from) {
			t.Fatalf("no %s in %s", from, text)
		}
		return strings.Replace(text, from, to, 1)
	}
	one := `[{"name":"demo/shop/Deployment/shop","digest":{"sha256":"` + strings.Repeat("1", 64) + `"}}]`
	for _, c := range []struct {
		name, payloadType, short, long string
		kind                           Kind
		words                          string
	}{
		{"another payload type", "application/json", short, long, KindMalformed, "payload type must be"},
		{"another statement type", PayloadType, short, change(long, "Statement/v1", "Statement/v0.1"), KindMalformed, "_type must be"},
		{"another predicate type", PayloadType, short, change(long, "verdict/v1", "verdict/v2"), KindMalformed, "predicateType must be"},
		{"the same statement twice", PayloadType, short, short, KindMalformed, "want one statement"},
		{"two images", PayloadType, short, change(long, one, one[:len(one)-1]+","+one[1:]), KindSubject, "about one image (got 2)"},
		{"no image", PayloadType, short, change(long, one, `[]`), KindSubject, "about one image (got 0)"},
		{"an image with two digests", PayloadType, short, change(long, `"digest":{`, `"digest":{"sha1":"00",`), KindSubject, "want one digest"},
		{"a digest in capitals", PayloadType, short, change(long, strings.Repeat("1", 64), strings.Repeat("A", 64)), KindSubject, "want one digest"},
		{"statements about two images", PayloadType, short, change(long, strings.Repeat("1", 64), strings.Repeat("4", 64)), KindMalformed, "do not belong to one verdict"},
		{"statements of two verdicts", PayloadType, short, string(others[1]), KindMalformed, "do not belong to one verdict"},
		{"statements of two times", PayloadType, change(short, "03:04:05", "03:04:06"), long, KindMalformed, "do not belong to one verdict"},
		{"statements of two policies", PayloadType, change(short, strings.Repeat("3", 64), strings.Repeat("4", 64)), long, KindMalformed, "do not belong to one verdict"},
		{"a property too many", PayloadType, change(short, `"HEAPGATE_MEASURED"`, `"HEAPGATE_MEASURED","X"`), long, KindMalformed, "do not belong to one verdict"},
		{"an unknown outcome", PayloadType, short, change(long, `"outcome":"pass"`, `"outcome":"PASS"`), KindMalformed, "an outcome is"},
		{"no time", PayloadType, short, change(long, `"2026-01-02T03:04:05.000000006Z"`, `""`), KindMalformed, "needs the time"},
		{"no statement at all", PayloadType, short, `[]`, KindMalformed, "no statement"},
	} {
		t.Run(c.name, func(t *testing.T) {
			refused(t, forged(t, signer, c.payloadType, c.short, c.long), []Key{key}, Want{Now: made}, c.kind, c.words)
		})
	}
	if _, err := Verify(t.Context(), forged(t, signer, PayloadType, long, short), []Key{key}, Want{Now: made}); err != nil {
		t.Errorf("the order of the lines says nothing: %v", err)
	}
}

func TestEnvelopes(t *testing.T) {
	signer, key := pair(t, false)
	text := string(signed(t, claim(), signer))
	first, second, _ := strings.Cut(text, "\n")
	for _, c := range []struct {
		name, text string
		kind       Kind
		words      string
	}{
		{"nothing", "", KindUnsigned, "no attestation"},
		{"one line", first + "\n", KindMalformed, "want 2 envelopes"},
		{"three lines", text + first + "\n", KindMalformed, "want 2 envelopes"},
		{"no JSON", "x\ny\n", KindMalformed, "want a DSSE envelope"},
		{"something behind an envelope", first + "{}\n" + second, KindMalformed, "behind its end"},
		{"no signatures", `{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[]}` + "\n" + second, KindUnsigned, "no signature"},
		{"many signatures", `{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[` + strings.Repeat(`{"sig":"AA=="},`, 8) + `{"sig":"AA=="}]}` + "\n" + second, KindMalformed, "at most 8"},
		{"no base64", strings.Replace(first, `"payload":"`, `"payload":"!`, 1) + "\n" + second, KindUntrusted, "base64"},
		{"too large", strings.Repeat("x", maxText+1), KindMalformed, "at most"},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, []byte(c.text), []Key{key}, Want{Now: made}, c.kind, c.words) })
	}
}

// TestEveryByte changes each byte of both envelopes. What is still accepted says the same: only the hint of the key may change, and the
// names of fields, which JSON in Go reads in either case.
func TestEveryByte(t *testing.T) {
	signer, key := pair(t, false)
	text := signed(t, claim(), signer)
	want := fmt.Sprint(claim())
	accepted := 0
	for i := range text {
		changed := bytes.Clone(text)
		changed[i] ^= 1
		if got, err := Verify(t.Context(), changed, []Key{key}, Want{Now: made}); err == nil {
			accepted++
			if fmt.Sprint(got) != want {
				t.Fatalf("byte %d: %+v", i, got)
			}
		}
	}
	if accepted > 20 {
		t.Errorf("%d of %d changes were accepted", accepted, len(text))
	}
}

func TestKeys(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long, err := x509.MarshalPKIXPublicKey(&curve.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: long})
	for _, bad := range [][]byte{nil, []byte("x"), text, bytes.Repeat(text, 2), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")})} {
		var typed *Error
		if _, err := ParseKey(bad); !errors.As(err, &typed) || typed.Kind != KindKey {
			t.Errorf("%q: got %v", bad, err)
		}
	}
	for _, bad := range [][]byte{nil, []byte("secret"), text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret")})} {
		var typed *Error
		if _, err := ParseSigner(bad); !errors.As(err, &typed) || typed.Kind != KindKey || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}

func TestClaims(t *testing.T) {
	signer, _ := pair(t, false)
	for _, c := range []struct {
		change func(*Claim)
		words  string
	}{
		{func(c *Claim) { c.Digest = "" }, "digest of the image"},
		{func(c *Claim) { c.Digest = "latest" }, "digest of the image"},
		{func(c *Claim) { c.Evidence = "" }, "digest of the evidence"},
		{func(c *Claim) { c.Policy = "" }, "digest of the policies"},
		{func(c *Claim) { c.Outcome = "" }, "an outcome is"},
		{func(c *Claim) { c.WouldBe = "maybe" }, "an outcome is"},
		{func(c *Claim) { c.Image = "" }, "name of its subject"},
		{func(c *Claim) { c.Created = time.Time{} }, "needs the time"},
	} {
		bad := claim()
		c.change(&bad)
		if _, err := Sign(t.Context(), bad, signer); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("got %v, want %q", err, c.words)
		}
	}
	if _, err := Sign(t.Context(), claim(), failing{}); err == nil || !strings.Contains(err.Error(), "no token") {
		t.Errorf("got %v", err)
	}
	if _, err := Sign(t.Context(), claim(), nil); err == nil {
		t.Error("signed with no key")
	}
}

type failing struct{}

func (failing) Sign(context.Context, []byte) ([]byte, error) { return nil, errors.New("no token") }
func (failing) KeyID() (string, error)                       { return "", nil }

// FuzzVerify: an error and no claim, whatever the text.
func FuzzVerify(f *testing.F) {
	signer, key := pair(f, false)
	text := signed(f, claim(), signer)
	f.Add(text)
	f.Fuzz(func(t *testing.T, changed []byte) {
		got, err := Verify(t.Context(), changed, []Key{key}, Want{Now: made})
		var typed *Error
		switch {
		case err != nil && (!errors.As(err, &typed) || got.Outcome != ""):
			t.Fatalf("got %+v with %T %v", got, err, err)
		case err == nil && fmt.Sprint(got) != fmt.Sprint(claim()):
			t.Fatalf("accepted %+v", got)
		}
	})
}

// FuzzParse goes behind the signature.
func FuzzParse(f *testing.F) {
	both, err := claim().Statements()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(both[0], both[1])
	f.Fuzz(func(t *testing.T, short, long []byte) {
		one, errOne := parse(short)
		other, errOther := parse(long)
		if errOne != nil || errOther != nil {
			return
		}
		c, err := other.claim()
		if err != nil {
			return
		}
		if err := c.agrees(one); err != nil {
			return
		}
		again, err := c.Statements()
		if err != nil {
			t.Fatalf("%+v was read and cannot be written: %v", c, err)
		}
		reread, err := parse(again[1])
		if err != nil {
			t.Fatal(err)
		}
		if got, err := reread.claim(); err != nil || got.Digest != c.Digest || got.Outcome != c.Outcome || !got.Created.Equal(c.Created) {
			t.Fatalf("got %+v (%v), want %+v", got, err, c)
		}
	})
}
