// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"strings"

	"github.com/heapgate/heapgate/internal/stacktext"
)

// MapKind is an implementation of maps.
type MapKind string

const (
	SwissMaps   MapKind = "swiss" // Go 1.24 and later, unless built with GOEXPERIMENT=noswissmap
	OldMaps     MapKind = "old"
	UnknownMaps MapKind = "unknown" // no frame tells
)

// Runtime is what the frames of a text tell of the Go runtime.
type Runtime struct {
	Maps MapKind // "" of a protobuf profile, which has no frame of the runtime
	// Version of the toolchain, such as go1.26.8, where the path of a standard library's file names it. Where none does, as in
	// programs built with -trimpath, go1.26 means that or later: stacks of Swiss maps begin with the allocator. Else "".
	Version string
}

// leaves tells where the stacks of Swiss maps begin: all of them with the allocator from Go 1.26 on, none before.
type leaves struct{ allocator, others bool }

func (l *leaves) take(chain stacktext.Chain, told *told, meanings map[uint64]meaning) {
	if !told.known || told.marks&marksSwissMap == 0 || len(chain.Hidden) == 0 {
		return
	}
	if meanings[chain.Hidden[0]].allocator {
		l.allocator = true
	} else {
		l.others = true
	}
}

// since126 tells that the runtime is of Go 1.26 or later.
func (l *leaves) since126() bool { return l.allocator && !l.others }

// runtime reads the frames of the text.
func (t *Text) runtime(meanings map[uint64]meaning, swiss leaves) Runtime {
	var marks stacktext.Mark
	for _, m := range meanings {
		marks |= m.mark
	}
	known := Runtime{Maps: UnknownMaps}
	for i := range t.table.Frames {
		frame := &t.table.Frames[i]
		marks |= frame.Mark
		if frame.Mark&stacktext.Standard != 0 && frame.File != "" { // one speaks for all: they are of one GOROOT
			known.Version = versionIn(frame.File)
			break
		}
	}
	switch marks & (marksSwissMap | marksOldMap) {
	case marksSwissMap:
		known.Maps = SwissMaps
	case marksOldMap:
		known.Maps = OldMaps
	}
	if known.Version == "" && known.Maps == SwissMaps && swiss.since126() {
		known.Version = "go1.26"
	}
	return known
}

// versionIn is the toolchain's version as the path of a standard library's file has it, "" where it has none: the last "go"
// with a version behind it in sdk/go1.21.13, lib/go-1.19, toolchain@v0.0.1-go1.26.8.linux-amd64, go/1.22.5/x64.
func versionIn(file string) string {
	root := file[:max(0, strings.LastIndex(file, "/src/"), strings.LastIndex(file, `\src\`))]
	for end := len(root); ; {
		at := strings.LastIndex(root[:end], "go")
		if at < 0 {
			return ""
		}
		end = at
		if at > 0 && strings.IndexByte(`/\@-.`, root[at-1]) < 0 {
			continue // in the middle of a word
		}
		behind := root[at+2:]
		if behind != "" && strings.IndexByte(`-/\`, behind[0]) >= 0 {
			behind = behind[1:]
		}
		if version := leadingVersion(behind); version != "" {
			return "go" + version
		}
	}
}

// leadingVersion is the 1.26, 1.26.8 or 1.26rc1 that a text begins with.
func leadingVersion(s string) string {
	digits := func(from int) (to int) {
		for to = from; to < len(s) && to < from+3 && s[to] >= '0' && s[to] <= '9'; to++ {
		}
		return to
	}
	if !strings.HasPrefix(s, "1.") {
		return ""
	}
	end := digits(2)
	if end == 2 {
		return ""
	}
	for _, more := range [...]string{".", "rc", "beta"} {
		if strings.HasPrefix(s[end:], more) {
			if to := digits(end + len(more)); to > end+len(more) {
				return s[:to]
			}
		}
	}
	return s[:end]
}
