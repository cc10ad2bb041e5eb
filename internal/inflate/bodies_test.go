// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package inflate

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	kgzip "github.com/klauspost/compress/gzip"
)

// bodies are gzipped by two compressors at all levels: stored, fixed and dynamic blocks, one member and more.
func bodies(t testing.TB) map[string][]byte {
	t.Helper()
	m := map[string][]byte{}
	for _, pattern := range []string{"../profile/testdata/corpus/*.gz", "../profile/testdata/go1.*/*.gz"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if m[strings.TrimPrefix(file, "../profile/testdata/")], err = os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(m) < 14 {
		t.Fatalf("got %d recorded bodies, want 14", len(m))
	}
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 300_000)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	skewed := make([]byte, 300_000) // codes longer than the tables' index
	for i := range skewed {
		skewed[i] = byte(random.ExpFloat64() * 6)
	}
	for name, plain := range map[string][]byte{
		"empty": nil, "one": {7}, "ones": bytes.Repeat([]byte{7}, 200_000), "threes": bytes.Repeat([]byte("abc"), 90_000),
		"noise": noise, "skewed": skewed, "sevens": bytes.Repeat([]byte("abcdefg"), 50),
		"far": append(append(bytes.Clone(noise[:32_700]), "0123456789abcdef"...), noise[:32_700]...),
	} {
		for level := -2; level <= 9; level++ {
			m[name+" std "+string(rune('a'+level+2))] = compress(t, plain, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, level) })
			m[name+" klauspost "+string(rune('a'+level+2))] = compress(t, plain, func(w io.Writer) (io.WriteCloser, error) { return kgzip.NewWriterLevel(w, level) })
		}
	}
	m["two members"] = append(bytes.Clone(m["threes std d"]), m["skewed std d"]...)
	m["many members"] = bytes.Repeat(m["sevens std d"], 1000)
	m["flushed"] = flushed(t, skewed)
	return m
}

func compress(t testing.TB, plain []byte, to func(io.Writer) (io.WriteCloser, error)) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := to(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = w.Write(plain); err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// flushed has many short blocks, empty stored ones between them.
func flushed(t testing.TB, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	for i := 0; i < len(plain); i += 1000 {
		if _, err := w.Write(plain[i : i+1000]); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
