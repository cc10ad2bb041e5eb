// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exectrace

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzRead: a result or an error, never both; the parts are their wholes; names are valid; errors are typed and short; it
// ends soon.
func FuzzRead(f *testing.F) {
	for _, body := range fixtures(f) {
		f.Add(body)
		f.Add(body[:len(body)/2])
		f.Add(body[:headerBytes+200])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r, err := Read(ctx, bytes.NewReader(body), Limits{Bytes: 1 << 20, Sites: 3, NameBytes: 64, Goroutines: 1000})
		if (r.Window > 0) == (err != nil) || len(r.Assist.Sites) > 3 {
			t.Fatalf("got %+v and error %v", r, err)
		}
		if err != nil {
			var limit *LimitError
			var syntax *SyntaxError
			if len(err.Error()) > 500 || !utf8.ValidString(err.Error()) {
				t.Errorf("error of %d bytes: %q", len(err.Error()), err)
			}
			if !errors.As(err, &limit) && !errors.As(err, &syntax) && !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrNotTrace) && !errors.Is(err, ErrVersion) {
				t.Errorf("error %v has no type", err)
			}
			return
		}
		checkResult(t, r)
		for _, s := range r.Assist.Sites {
			if !utf8.ValidString(s.Function) || !utf8.ValidString(s.File) || len(s.Function) > 3*64+3 {
				t.Errorf("site %q in %q", s.Function, s.File)
			}
		}
	})
}
