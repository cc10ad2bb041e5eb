// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// TestUnwrap reads every input at once and byte by byte.
func TestUnwrap(t *testing.T) {
	const at = "2026-11-21T06:00:00.123456789Z "
	docker := func(text, stream string) string {
		return `{"log":"` + text + `","stream":"` + stream + `","time":"2026-11-21T06:00:00.1Z"}` + "\n"
	}
	for _, c := range []struct {
		name   string
		format Format
		in     string
		want   string
	}{
		{"nothing", Auto, "", ""},
		{"raw", Auto, "gc 1\ngc 2", "gc 1\ngc 2"},
		{"raw that begins like the others", Auto, "{\"level\":\"info\"}\n2026-11-21 x\n", "{\"level\":\"info\"}\n2026-11-21 x\n"},
		{"an application's own log field", Auto, `{"log":"x","n":1}` + "\n", `{"log":"x","n":1}` + "\n"},
		{"docker", Auto, docker(`a \"b\" \u2206 <c>\n`, "stderr"), "a \"b\" ∆ <c>\n"},
		{"docker parts", Auto, docker(`a`, "stderr") + docker(`x\n`, "stdout") + docker(`b\n`, "stderr"), "ab\n"},
		{"docker with more fields", Auto, `{"log":"a\n","stream":"stderr","attrs":{"tag":"x"},"time":"t"}` + "\n", "a\n"},
		{"docker without last newline", Auto, strings.TrimSuffix(docker(`a\n`, "stderr"), "\n"), "a\n"},
		{"docker with a broken line", Docker, docker(`a\n`, "stderr") + `{"log":"b` + "\n" + docker(`c\n`, "stderr"), "a\n{\"log\":\"b\nc\n"},
		{"docker that begins with stdout", Auto, docker(`x\n`, "stdout") + docker(`a\n`, "stderr"), "a\n"},
		{"cri", Auto, at + "stderr F a\n" + at + "stdout F x\n" + at + "stderr F b\n", "a\nb\n"},
		{"cri parts", Auto, at + "stderr P a\n" + at + "stdout P x\n" + at + "stdout F y\n" + at + "stderr F b\n", "ab\n"},
		{"cri empty line", CRI, at + "stderr F \n" + at + "stderr F\n", "\n"},
		{"cri with tags", CRI, at + "stderr P:x a\n" + at + "stderr F:y:z b\n", "ab\n"},
		{"cri with offset", Auto, "2026-11-21T06:00:00.1+01:00 stderr F a\n", "a\n"},
		{"cri with broken lines", CRI, "x\n" + at + "stderr X a\n" + at + "stdin F a\n" + at + "stderr F b\n", "x\n" + at + "stderr X a\n" + at + "stdin F a\nb\n"},
		{"cri without last newline", CRI, at + "stderr F a", "a"},
		{"a line too long", CRI, strings.Repeat("x", 3*maxWrapped) + "\n" + at + "stderr F b\n", strings.Repeat("x", 3*maxWrapped) + "\nb\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i, in := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in)), iotest.HalfReader(strings.NewReader(c.in))} {
				if i == 1 && len(c.in) > 1<<20 {
					continue // byte by byte takes seconds
				}
				r, err := Unwrap(in, c.format)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(r)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, string(got)); diff != "" {
					t.Errorf("reader %d: -want +got\n%s", i, diff)
				}
			}
		})
	}
}

func TestUnwrapUnknownFormat(t *testing.T) {
	if _, err := Unwrap(strings.NewReader(""), "journald"); err == nil || !strings.Contains(err.Error(), `got "journald"`) {
		t.Errorf("got %v", err)
	}
}

// TestUnwrapPositionsAreBounded: only what the Scanner still holds is remembered.
func TestUnwrapPositionsAreBounded(t *testing.T) {
	text, err := Unwrap(strings.NewReader(strings.Repeat("2026-11-21T06:00:00.1Z stderr F line of a log\n", 100_000)), CRI)
	if err != nil {
		t.Fatal(err)
	}
	s := NewScanner(text, Settings{})
	for s.Scan() {
	}
	if n := len(text.(*unwrapper).marks); n > 10_000 {
		t.Errorf("%d positions are held", n)
	}
}
