// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatNoTextTeachesIsSettled: a function of the runtime is inlined where it allocates, so the protobuf profile lacks a frame that the
// text has. One text is enough to know that no text will tell.
func TestWhatNoTextTeachesIsSettled(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "proto.go"), strings.Replace(read(t, filepath.Join("testdata", "proto", "main.go")), "func main()", "func usual()", 1))
	copyFile(t, filepath.Join("testdata", "settle", "main.go"), filepath.Join(dir, "main.go"))
	write(t, filepath.Join(dir, "go.mod"), "module example.com/prog\n\ngo 1.19\n")
	command(t, dir, "go", "build", "-trimpath", "-o", "prog", ".")
	run := runProto(t, dir, "4096", "1000", "out")[0]

	build, r := NewBuild(BuildLimits{}), NewProtoReader(ProtoLimits{})
	target := &ProtoTarget{Build: build}
	if first := readProto(t, r, target, run.proto); first.Unseen == 0 {
		t.Fatal("nothing is unseen before a text")
	}
	teachText(t, build, run, target.Base())
	missed := readProto(t, r, target, run.proto).Unseen
	if missed == 0 {
		t.Fatal("this Go shows the frame: another case is needed")
	}
	if n := target.Settle(); n == 0 || n > missed {
		t.Errorf("%d pairs of %d samples are settled", n, missed)
	}
	after := readProto(t, r, target, run.proto)
	if after.Unseen != 0 || after.UnknownBytes == 0 || after.Relearned {
		t.Errorf("settled: %d unseen, %d of %d bytes unknown, relearned %v", after.Unseen, after.UnknownBytes, after.Total.AllocBytes, after.Relearned)
	}
	if n := target.Settle(); n != 0 {
		t.Errorf("%d pairs are settled again", n)
	}
	if learned := teachText(t, build, run, target.Base()); learned.New != 0 {
		t.Errorf("the text teaches %d pairs again", learned.New)
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
