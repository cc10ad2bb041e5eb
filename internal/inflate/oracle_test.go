// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package inflate

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// oracle is what compress/gzip makes of a body.
func oracle(body []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// all reads a body to its end and leaves left bytes unused every time.
func all(r *Reader, body []byte, left int) ([]byte, error) {
	var out []byte
	r.Reset(body)
	used, had := 0, 0
	for {
		window, err := r.Next(used)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if !bytes.Equal(window[:had], out[len(out)-had:]) {
			return out, errors.New("what was left is not what comes again")
		}
		out = append(out, window[had:]...)
		had = min(left, len(window))
		used = len(window) - had
	}
}

func TestOracle(t *testing.T) {
	r := new(Reader)
	for name, body := range bodies(t) {
		want, err := oracle(body)
		if err != nil {
			t.Fatalf("%s: compress/gzip: %v", name, err)
		}
		for _, left := range []int{0, 1, 5000, MaxLeft} {
			got, err := all(r, body, left)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, %d left: %v; %d bytes, want %d", name, left, err, len(got), len(want))
			}
		}
	}
}

// TestLeft leaves everything unused: it comes again and again until there is too much of it.
func TestLeft(t *testing.T) {
	r := new(Reader)
	r.Reset(bodies(t)["ones std d"])
	had := 0
	for {
		window, err := r.Next(0)
		if errors.Is(err, ErrLeft) {
			break
		}
		if err != nil || len(window) <= had {
			t.Fatalf("got %d bytes behind %d, %v", len(window), had, err)
		}
		had = len(window)
	}
	if had <= MaxLeft || had > MaxLeft+fresh+slack {
		t.Errorf("refused at %d bytes, want more than %d", had, MaxLeft)
	}
}

// TestBroken cuts and changes small bodies at each byte: the outcome must be compress/gzip's.
func TestBroken(t *testing.T) {
	all := bodies(t)
	for _, name := range []string{"sevens std d", "sevens std a", "one std c", "two members", "go1.26/threadcreate.pb.gz", "go1.19/mutex.pb.gz"} {
		body := all[name]
		if len(body) > 700 {
			body = body[:700]
		}
		for i := range body {
			compare(t, body[:i])
			for _, bit := range []byte{1, 0x80, 0x3c} {
				changed := bytes.Clone(body)
				changed[i] ^= bit
				compare(t, changed)
			}
		}
	}
}

// compare holds the outcome to compress/gzip's: equal output, or both an error.
func compare(t *testing.T, body []byte) {
	t.Helper()
	want, wantErr := oracle(body)
	got, err := all(new(Reader), body, 0)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%x: got %v, compress/gzip %v", body, err, wantErr)
	}
	if err == nil && !bytes.Equal(got, want) {
		t.Fatalf("%x: got %x, want %x", body, got, want)
	}
	var corrupt *CorruptError
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &corrupt) {
		t.Fatalf("%x: error of another kind: %v", body, err)
	}
}

// TestCodes are deflate streams that no compressor writes, wrapped into gzip.
func TestCodes(t *testing.T) {
	for _, stream := range []string{
		"0500", "05e0810800000000209f", "edc00400", // degenerate: hand-made dynamic heads
		"04008011100c", "fcff", "0bff", "63180506", "010000ffff", "010100feff61", "0100000000", "07", "06",
		"05c1010000001082f8bf021401", "05c08105000000002096ff", "050300",
		"ed cf c1 81 00 00 00 00 80 a0 fd a9 17",
	} {
		raw, err := hex.DecodeString(strings.ReplaceAll(stream, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		compare(t, wrap(raw))
	}
	// Random dynamic heads: nearly all of them are no codes, or codes with holes.
	random := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		raw := make([]byte, 4+random.IntN(60))
		for i := range raw {
			raw[i] = byte(random.Uint32())
		}
		raw[0] = raw[0]&^7 | 5
		compare(t, wrap(raw))
	}
}

// wrap makes a member of a deflate stream with the checksum of what compress/flate inflates from it.
func wrap(raw []byte) []byte {
	plain, _ := io.ReadAll(flate.NewReader(bytes.NewReader(raw)))
	return member(raw, plain)
}

// member makes one of a deflate stream and what it is to give.
func member(raw, plain []byte) []byte {
	sum, size := crc32.ChecksumIEEE(plain), uint32(len(plain))
	b := append([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}, raw...)
	for _, v := range []uint32{sum, size} {
		b = append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
	}
	return b
}

// TestHeads has all that a member's head may have.
func TestHeads(t *testing.T) {
	plain := compress(t, []byte("hello"), func(w io.Writer) (io.WriteCloser, error) {
		z := gzip.NewWriter(w)
		z.Extra, z.Name, z.Comment = bytes.Repeat([]byte("x"), 70), "heap.pb", "a comment"
		return z, nil
	})
	for i := range plain {
		compare(t, plain[:i])
	}
	compare(t, plain)
	summed := bytes.Clone(plain)
	summed[3] |= hasChecksum
	end := bytes.Index(summed, []byte("a comment\x00")) + 10
	sum := crc32.ChecksumIEEE(summed[:end])
	summed = append(summed[:end:end], append([]byte{byte(sum), byte(sum >> 8)}, plain[end:]...)...)
	compare(t, summed)
	summed[end]++
	compare(t, summed)
	for _, n := range []int{511, 512, 600} {
		compare(t, compress(t, []byte("hello"), func(w io.Writer) (io.WriteCloser, error) {
			z := gzip.NewWriter(w)
			z.Name = strings.Repeat("n", n)
			return z, nil
		}))
	}
}

// TestMemberBoundary: a match must not reach into the member before, neither in a long one nor in the last bytes.
func TestMemberBoundary(t *testing.T) {
	before := []byte("the member before has all these words, and more of them than one match can copy; ")
	first := compress(t, before, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })
	for _, plain := range [][]byte{before[:20], bytes.Repeat(append(bytes.Clone(before), "0123456789 abcdefghijklmnopqrstuvwxyz"...), 3)} {
		raw := compress(t, plain, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriterDict(w, 9, before) })
		body := append(bytes.Clone(first), member(raw, plain)...)
		if _, err := oracle(body); err == nil {
			t.Fatal("compress/gzip accepts it")
		}
		compare(t, body)
	}
}

func FuzzReader(f *testing.F) {
	for name, body := range bodies(f) {
		if len(body) < 1000 && !strings.HasPrefix(name, "one") {
			f.Add(body)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		compare(t, in)
		compare(t, wrap(in))
	})
}

func TestAllocations(t *testing.T) {
	r, body := new(Reader), bodies(t)["go1.26/heap.pb.gz"]
	if n := testing.AllocsPerRun(10, func() { drain(r, body) }); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

func drain(r *Reader, body []byte) {
	r.Reset(body)
	for used := 0; ; {
		window, err := r.Next(used)
		if err != nil {
			return
		}
		used = len(window)
	}
}
