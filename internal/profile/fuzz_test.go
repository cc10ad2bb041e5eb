// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/google/pprof/profile"
)

// FuzzDecode reads anything. Error xor value, the error is typed, small reads make no difference; and what google/pprof
// reads as a valid protobuf is accepted with the same content, and nothing else is.
func FuzzDecode(f *testing.F) {
	for name, body := range recorded(f) {
		if len(body) < 2000 {
			f.Add(body)
		}
		if strings.Contains(name, "go1.") {
			f.Add(unzip(f, body))
		}
	}
	for _, body := range handmade() {
		f.Add(body)
	}
	f.Add([]byte("heap profile: 0: 0 [0: 0] @ heap/1048576\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := NewDecoder(Limits{}).Decode(bytes.NewReader(in))
		checkOutcome(t, got, err)
		slow, slowErr := NewDecoder(Limits{}).Decode(iotest.OneByteReader(bytes.NewReader(in)))
		if (err == nil) != (slowErr == nil) {
			t.Fatalf("whole: %v, byte by byte: %v", err, slowErr)
		}
		var limit *LimitError
		if errors.As(err, &limit) {
			return
		}
		want := valid(in)
		if (want == nil) != (err != nil) {
			t.Fatalf("google/pprof accepts it: %v; got error %v", want != nil, err)
		}
		if want == nil || repeatedKeys(want) {
			return
		}
		for _, p := range []*Profile{got, slow} {
			if diff := difference(want, p); diff != "" {
				t.Fatalf("(-google/pprof +got):\n%s", diff)
			}
		}
	})
}

// valid is what google/pprof makes of a protobuf, or nil.
func valid(in []byte) *profile.Profile {
	plain := in
	if bytes.HasPrefix(in, []byte{0x1f, 0x8b}) {
		var err error
		if plain, err = gunzip(in); err != nil {
			return nil
		}
	}
	p, err := profile.ParseUncompressed(plain)
	if err != nil || p.CheckValid() != nil {
		return nil
	}
	return p
}

// repeatedKeys reports whether labels may have lost more than their order: cleaned keys fall together, long names are cut.
func repeatedKeys(p *profile.Profile) bool {
	for _, s := range p.Sample {
		seen := map[string]bool{}
		for _, keys := range []map[string]bool{keysOf(s.Label), keysOf(s.NumLabel)} {
			for key := range keys {
				if seen[clean(key)] {
					return true
				}
				seen[clean(key)] = true
			}
		}
		for _, values := range s.NumLabel {
			if len(values) > 1 {
				return true
			}
		}
	}
	return false
}

func keysOf[V any](m map[string][]V) map[string]bool {
	keys := map[string]bool{}
	for key := range m {
		keys[key] = true
	}
	return keys
}

// checkOutcome: error xor value, one of the documented errors, names fit to be shown.
func checkOutcome(t *testing.T, p *Profile, err error) {
	t.Helper()
	if (p == nil) == (err == nil) {
		t.Fatalf("got profile %v and error %v", p, err)
	}
	if err != nil {
		var limit *LimitError
		var syntax *SyntaxError
		if !errors.As(err, &limit) && !errors.As(err, &syntax) && !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrNotProfile) {
			t.Fatalf("error of another kind: %v", err)
		}
		return
	}
	for _, f := range p.Functions {
		if !utf8.ValidString(f.Name) || strings.ContainsAny(f.Name, "\x00\n\x1b") || len(f.Name) > 3*1024+3 {
			t.Fatalf("name %q", f.Name)
		}
	}
}
