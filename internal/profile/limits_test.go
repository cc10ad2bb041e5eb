// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// message is a protobuf being written.
type message []byte

func (m message) number(tag int, n uint64) message { return m.key(tag, varintType).varint(n) }

func (m message) key(tag, wire int) message { return m.varint(uint64(tag<<3 | wire)) }

func (m message) varint(n uint64) message {
	for ; n >= 0x80; n >>= 7 {
		m = append(m, byte(n)|0x80)
	}
	return append(m, byte(n))
}

func (m message) bytes(tag int, b []byte) message {
	return append(m.key(tag, bytesType).varint(uint64(len(b))), b...)
}

// small is a valid profile: 2 sample types, 1 mapping, 1 function, 1 location with 2 lines, 1 sample, 7 strings.
func small() message {
	m := message{}
	for _, s := range []string{"", "space", "bytes", "main.f", "f.go", "key", "value"} {
		m = m.bytes(tagString, []byte(s))
	}
	for range 2 {
		m = m.bytes(tagSampleType, message{}.number(1, 1).number(2, 2))
	}
	m = m.bytes(tagMapping, message{}.number(1, 1).number(2, 0x1000).number(3, 0x9000))
	m = m.bytes(tagFunction, message{}.number(1, 1).number(2, 3).number(4, 4))
	line := message{}.number(1, 1).number(2, 17)
	m = m.bytes(tagLocation, message{}.number(1, 1).number(2, 1).number(3, 0x1234).bytes(4, line).bytes(4, line))
	label := message{}.number(1, 5).number(2, 6)
	m = m.bytes(tagSample, message{}.bytes(1, []byte{1, 1, 1}).bytes(2, []byte{7, 8}).bytes(3, label))
	return m.number(tagComment, 6)
}

// refusedBodies are not profiles, each for one reason.
var refusedBodies = []struct {
	name string
	body func() []byte
	want error  // is it
	msg  string // or a *SyntaxError with this in it
}{
	{name: "empty", body: func() []byte { return nil }, want: ErrNotProfile},
	{name: "html", body: func() []byte { return []byte("<html><body>404</body></html>") }, want: ErrNotProfile},
	{name: "text", body: func() []byte { return []byte("heap profile: 0: 0 [0: 0] @ heap/1048576\n") }, want: ErrNotProfile},
	{name: "cut", body: func() []byte { m := small(); return m[:len(m)-3] }, want: ErrTruncated},
	{name: "cut gzip", body: func() []byte { b := deflate(small()); return b[:len(b)-12] }, want: ErrTruncated},
	{name: "cut gzip header", body: func() []byte { return deflate(small())[:5] }, want: ErrTruncated},
	{name: "no trailer", body: func() []byte { b := deflate(small()); return b[:len(b)-8] }, want: ErrTruncated},
	{name: "crc", body: func() []byte { b := deflate(small()); b[len(b)-8] ^= 1; return b }, msg: "checksum"},
	{name: "length", body: func() []byte { b := deflate(small()); b[len(b)-1] ^= 1; return b }, msg: "the length is wrong"},
	{name: "garbage behind", body: func() []byte { return append(deflate(small()), "garbage behind it"...) }, msg: "no member"},
	{name: "zeros behind", body: func() []byte { return append(deflate(small()), make([]byte, 512)...) }, msg: "no member"},
	{name: "deflate", body: func() []byte { b := deflate(small()); b[10] = 0xff; return b }, msg: "a block of type 3"},
	{name: "plain garbage behind", body: func() []byte { return append(small(), 0xff, 0xff) }, want: ErrTruncated},
	{name: "group", body: func() []byte { return append(small(), 16<<3|3&7, 1) }, msg: "wire type 3"},
	{name: "two profiles", body: func() []byte { return small().number(tagTimeNanos, 5).number(tagTimeNanos, 6) }, msg: "one profile only"},
	{name: "string 0", body: func() []byte { return message{}.bytes(tagString, []byte("x")) }, msg: "want an empty string"},
	{name: "no strings", body: func() []byte { return message{}.number(tagPeriod, 1) }, msg: "table of 0"},
	{name: "string index", body: func() []byte { return small().number(tagDropFrames, 7) }, msg: "string 7 of a table of 7"},
	{name: "negative string", body: func() []byte { return small().number(tagDocURL, 1<<64-1) }, msg: "string -1"},
	{name: "location id 0", body: func() []byte { return small().bytes(tagLocation, message{}.number(3, 5)) }, msg: "id 0"},
	{name: "location twice", body: func() []byte { return small().bytes(tagLocation, message{}.number(1, 1)) }, msg: "id 1 stands for two"},
	{name: "function twice", body: func() []byte { return small().bytes(tagFunction, message{}.number(1, 1)) }, msg: "id 1 stands for two"},
	{name: "mapping 77 twice", body: func() []byte {
		return small().bytes(tagMapping, message{}.number(1, 77)).bytes(tagMapping, message{}.number(1, 77))
	}, msg: "id 77 stands for two"},
	{name: "no function", body: func() []byte {
		return small().bytes(tagLocation, message{}.number(1, 2).bytes(4, message{}.number(1, 9)))
	}, msg: "no function 9"},
	{name: "no location", body: func() []byte { return small().bytes(tagSample, message{}.number(1, 9).bytes(2, []byte{1, 2})) }, msg: "no location 9"},
	{name: "few values", body: func() []byte { return small().bytes(tagSample, message{}.number(2, 9)) }, msg: "got 1 values for 2"},
	{name: "many values", body: func() []byte { return small().bytes(tagSample, message{}.bytes(2, []byte{1, 2, 3})) }, msg: "more values than the 2"},
	{name: "label key", body: func() []byte {
		return small().bytes(tagSample, message{}.bytes(2, []byte{1, 2}).bytes(3, message{}.number(1, 99)))
	}, msg: "string 99"},
	{name: "mistyped", body: func() []byte { return small().number(tagSample, 1) }, msg: "wire type 0 of field 2, want 2"},
	{name: "varint", body: func() []byte {
		return append(small().key(tagPeriod, 0), bytes.Repeat([]byte{0xff}, 11)...)
	}, msg: "more than 10 bytes"},
	{name: "field beyond", body: func() []byte { return small().bytes(tagSample, []byte{1<<3 | 2, 200}) }, msg: "beyond its message"},
}

func TestRefused(t *testing.T) {
	for _, test := range refusedBodies {
		t.Run(test.name, func(t *testing.T) {
			p, err := NewDecoder(Limits{}).Decode(bytes.NewReader(test.body()))
			checkOutcome(t, p, err)
			var syntax *SyntaxError
			if test.want != nil && !errors.Is(err, test.want) || test.msg != "" && (!errors.As(err, &syntax) || !strings.Contains(err.Error(), test.msg)) {
				t.Errorf("got %v, want %v %s", err, test.want, test.msg)
			}
			if test.name != "text" && valid(test.body()) != nil {
				t.Error("google/pprof accepts it")
			}
		})
	}
}

// TestLimits fills each limit to the brim, and crosses it by one.
func TestLimits(t *testing.T) {
	if _, err := NewDecoder(Limits{}).Decode(bytes.NewReader(small())); err != nil {
		t.Fatal(err)
	}
	wire := int64(len(deflate(small())))
	for what, test := range map[string]struct{ brim, less Limits }{
		"bytes on the wire":       {Limits{WireBytes: wire}, Limits{WireBytes: wire - 1}},
		"bytes":                   {Limits{Bytes: int64(len(small()))}, Limits{Bytes: int64(len(small())) - 1}},
		"bytes of one message":    {Limits{MessageBytes: 20}, Limits{MessageBytes: 19}},
		"sample types":            {Limits{SampleTypes: 2}, Limits{SampleTypes: 1}},
		"samples":                 {Limits{Samples: 2}, Limits{Samples: 1}},
		"frames":                  {Limits{Frames: 6}, Limits{Frames: 5}},
		"locations of one sample": {Limits{StackDepth: 3}, Limits{StackDepth: 2}},
		"labels":                  {Limits{Labels: 2}, Limits{Labels: 1}},
		"locations":               {Limits{Locations: 2}, Limits{Locations: 1}},
		"lines":                   {Limits{Lines: 4}, Limits{Lines: 3}},
		"functions":               {Limits{Functions: 2}, Limits{Functions: 1}},
		"mappings":                {Limits{Mappings: 2}, Limits{Mappings: 1}},
		"strings":                 {Limits{Strings: 7}, Limits{Strings: 6}},
		"comments":                {Limits{Comments: 2}, Limits{Comments: 1}},
	} {
		t.Run(what, func(t *testing.T) {
			body := small()
			if what != "bytes" && what != "bytes on the wire" {
				body = twice()
			}
			for _, b := range [][]byte{body, deflate(body)} {
				if what == "bytes on the wire" && len(b) == len(body) {
					continue
				}
				if _, err := NewDecoder(test.brim).Decode(bytes.NewReader(b)); err != nil {
					t.Errorf("at the limit: %v", err)
				}
				_, err := NewDecoder(test.less).Decode(bytes.NewReader(b))
				var limit *LimitError
				if !errors.As(err, &limit) || limit.What != what {
					t.Errorf("above the limit: got %v, want more than N %s", err, what)
				}
			}
		})
	}
}

// twice is small with two of everything but the sample types and the strings.
func twice() message {
	m := small()
	m = m.bytes(tagMapping, message{}.number(1, 900)) // not dense
	m = m.bytes(tagFunction, message{}.number(1, 901).number(2, 3))
	line := message{}.number(1, 901).number(2, 18)
	m = m.bytes(tagLocation, message{}.number(1, 902).number(2, 900).bytes(4, line).bytes(4, line))
	label := message{}.number(1, 5).number(3, 6)
	m = m.bytes(tagSample, message{}.number(1, 1).number(1, 902).number(1, 902).number(2, 7).number(2, 8).bytes(3, label))
	return m.number(tagComment, 5)
}

func TestNameBytes(t *testing.T) {
	for range 2 {
		p, err := NewDecoder(Limits{NameBytes: 4}).Decode(bytes.NewReader(small()))
		if err != nil || p.Functions[0].Name != "main..." || p.Functions[0].File != "f.go" {
			t.Fatalf("got %+v, %v; want main... in f.go", p, err)
		}
	}
}

func TestCleanNames(t *testing.T) {
	m := message{}
	for _, s := range []string{"", "bad\xff\xfe", "esc\x1b[31m\x00", "größe"} {
		m = m.bytes(tagString, []byte(s))
	}
	p, err := NewDecoder(Limits{}).Decode(bytes.NewReader(m.number(tagComment, 1).number(tagComment, 2).number(tagComment, 3)))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprintf("%q", p.Comments), `["bad�" "esc�[31m�" "größe"]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestBroken: a reader that fails is named in the error.
func TestBroken(t *testing.T) {
	broken := errors.New("connection reset")
	for _, body := range [][]byte{small(), deflate(small()), nil} {
		_, err := NewDecoder(Limits{}).Decode(io.MultiReader(bytes.NewReader(body[:len(body)/2]), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) || !errors.Is(err, ErrTruncated) {
			t.Errorf("got %v, want ErrTruncated and the reader's own", err)
		}
	}
}

func deflate(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}

func gunzip(b []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(z, 128<<20))
}

// handmade are profiles as other programs than Go may write them.
func handmade() map[string][]byte {
	half := len(small()) / 2
	return map[string][]byte{
		"small":           small(),
		"not dense":       twice(),
		"unknown fields":  append(small().bytes(99, []byte("x")).number(77, 5).key(55, fixed32Type), 1, 2, 3, 4),
		"two members":     append(deflate(small()[:half]), deflate(small()[half:])...),
		"mapping unknown": small().bytes(tagLocation, message{}.number(1, 2).number(2, 55)),
		"scalar twice":    small().number(tagPeriod, 1).number(tagPeriod, 2).bytes(tagPeriodType, message{}.number(1, 1)).bytes(tagPeriodType, message{}.number(2, 1)),
		"label of nothing": small().bytes(tagSample, message{}.bytes(2, []byte{1, 2}).bytes(3, message{}.number(1, 5)).
			bytes(3, message{}.number(1, 5).number(4, 2)).bytes(3, message{}.number(1, 5).number(2, 1).number(3, 9).number(4, 99))),
		"long varint": append(small().key(tagPeriod, 0), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
	}
}

func TestHandmade(t *testing.T) {
	for name, body := range handmade() {
		t.Run(name, func(t *testing.T) {
			want := valid(body)
			if want == nil {
				t.Fatal("google/pprof refuses it")
			}
			got, err := NewDecoder(Limits{}).Decode(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := difference(want, got); diff != "" {
				t.Errorf("(-google/pprof +got):\n%s", diff)
			}
		})
	}
}
