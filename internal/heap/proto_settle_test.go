// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"bytes"
	"reflect"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"testing"
)

var nameSink string

//go:noinline
func inlinesTheRuntime() { nameSink = nameOf(reflect.ValueOf(inlinesTheRuntime).Pointer()) }

// nameOf is what loggers do, and is inlined into its caller, as runtime.CallersFrames is.
func nameOf(pc uintptr) string {
	pcs := []uintptr{pc}
	frames := runtime.CallersFrames(pcs)
	frame, _ := frames.Next()
	return frame.Function
}

// TestWhatNoTextTeachesIsSettled: a function of the runtime is inlined where it allocates, so the protobuf profile of this very process
// lacks a frame that the text has. One text is enough to know that no text will tell.
func TestWhatNoTextTeachesIsSettled(t *testing.T) {
	for range 60_000 { // of 240 bytes: about 27 samples
		inlinesTheRuntime()
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // both forms of one profile; and a cycle that begins by itself would keep the last back
	for range 3 {
		runtime.GC()
	}
	var proto, text bytes.Buffer
	for form, w := range map[int]*bytes.Buffer{0: &proto, 1: &text} {
		if err := pprof.Lookup("heap").WriteTo(w, form); err != nil {
			t.Fatal(err)
		}
	}
	build, r := NewBuild(BuildLimits{}), NewProtoReader(ProtoLimits{})
	target := &ProtoTarget{Build: build}
	if first := readProto(t, r, target, proto.Bytes()); first.Unseen == 0 {
		t.Fatal("nothing is unseen before a text")
	}
	parsed, pairs, err := ParsePairs(strings.NewReader(text.String()), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	name := func(address uint64) (string, bool) { return runtime.FuncForPC(uintptr(address)).Name(), true }
	if _, err := build.Learn(parsed, pairs, name, target.Base()); err != nil {
		t.Fatal(err)
	}
	missed := readProto(t, r, target, proto.Bytes()).Unseen
	if missed == 0 {
		t.Fatal("this Go shows the frame: another case is needed")
	}
	if n := target.Settle(); n == 0 || n > missed {
		t.Errorf("%d pairs of %d samples are settled", n, missed)
	}
	after := readProto(t, r, target, proto.Bytes())
	if after.Unseen != 0 || after.UnknownBytes == 0 || after.Relearned {
		t.Errorf("settled: %d unseen, %d of %d bytes unknown, relearned %v", after.Unseen, after.UnknownBytes, after.Total.AllocBytes, after.Relearned)
	}
	if n := target.Settle(); n != 0 {
		t.Errorf("%d pairs are settled again", n)
	}
	if learned, err := build.Learn(parsed, pairs, name, target.Base()); err != nil || learned.New != 0 {
		t.Errorf("the text teaches %d pairs again: %v", learned.New, err)
	}
}

// TestOtherSizeOfOneCall: of a call that makes values every size is a value; of a call to a map each size must be shown.
func TestOtherSizeOfOneCall(t *testing.T) {
	for name, test := range map[string]struct {
		is     way
		unseen int
		class  rank
	}{
		"value":     {way{rank: isValue}, 0, isValue},
		"map":       {way{rank: isGrow}, 1, isUnknown},
		"collector": {way{collector: true}, 1, isUnknown},
		"settled":   {way{rank: isUnknown}, 1, isUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			b := NewBuild(BuildLimits{})
			b.spots = []spot{{offset: 64, frames: frames{place: 0, way: -1}}}
			b.at.add(64, 0, 0)
			b.learn(addressSize{64, 48}, test.is, &Learned{})
			var sums protoSums
			sums.reset(b)
			sums.setRate(512 << 10)
			if !sums.add(&protoStack{leaf: 0, way: b.spots[0].way, site: 0}, &[4]int64{1, 96, 0, 0}, 96) || sums.close() != nil {
				t.Fatal("not added")
			}
			if sums.unseen != test.unseen || len(sums.missing) != test.unseen || sums.find(0, test.class) < 0 {
				t.Errorf("%d unseen, %v missing, as class %d: %v", sums.unseen, sums.missing, test.class, sums.find(0, test.class) >= 0)
			}
		})
	}
}
