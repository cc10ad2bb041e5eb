// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"strings"

	"github.com/heapgate/heapgate/internal/gofunc"
	"github.com/heapgate/heapgate/internal/stacktext"
)

// What a frame proves of the families.
const (
	marksForeign stacktext.Mark = stacktext.FirstOwnMark << iota // of a library that does not convert on its caller's behalf
	marksMapWalk                                                 // walks a map by reflection
	marksCompare                                                 // ... to compare it
	marksLogging
	marksJSON
	marksBuilder // makes a strings.Builder bigger, unasked
	marksBuffer  // makes a byte buffer bigger
	marksPresize // ... because the caller said how big
	marksConcat
	marksConvert // makes a string of bytes, or bytes of a string
	marksGrow
	marksBox
	marksOldMap // only the maps before Go 1.24 have it
	marksSwissMap
)

// familyOf tells the family of a stack by the marks of its frames; known: each hidden frame has a name. The first three are
// calls that the user made, whatever they allocate. The others are what was done for a line; they are the user's doing only
// where nothing but packages that convert on their caller's behalf stands between (strconv, fmt, bytes ...).
func familyOf(marks stacktext.Mark, known bool) (family int, ok bool) {
	has := func(mark stacktext.Mark) bool { return marks&mark != 0 }
	direct := known && !has(marksForeign)
	for i, is := range [len(familyOrder)]bool{
		has(marksMapWalk) && !has(marksCompare),
		has(marksLogging),
		has(marksJSON),
		direct && (has(marksConcat) || has(marksBuilder)),
		has(marksBuffer) && !has(marksPresize) || direct && has(marksConvert),
		direct && has(marksGrow),
		direct && has(marksBox),
	} {
		if is {
			return i, true
		}
	}
	return 0, false
}

// markOf is what a function's name says, or a file's path. No function's name ends in ".go".
func markOf(name string) stacktext.Mark {
	if called, ok := strings.CutPrefix(name, "runtime."); ok { // most hidden frames
		return stacktext.Standard | stacktext.Library | runtimeMark(called)
	}
	if name == "" || strings.HasSuffix(name, ".go") {
		return markOfFile(name)
	}
	pkg := packageOf(name)
	if first, _, _ := strings.Cut(pkg, "/"); gofunc.Standard[first] {
		return stacktext.Standard | standardMark(pkg, name[min(len(pkg)+1, len(name)):])
	}
	mark := libraryMark(unvendored(pkg), name)
	if mark == 0 && (strings.Contains(name, ".func") || strings.Contains(name, "-range")) {
		return stacktext.Closure
	}
	return mark
}

// standardMark is that of a function of the standard library, called is its name in the package. Followed are those whose
// own allocations may be of a family: behind others nothing would be learned of the user's line.
func standardMark(pkg, called string) stacktext.Mark {
	const passed, followed = stacktext.Library, stacktext.Library | stacktext.Followed
	switch pkg {
	case "internal/runtime/maps":
		return passed | marksSwissMap
	case "reflect", "maps", "internal/sync", "sync/atomic":
		return passed | reflectMark(called)
	case "fmt":
		if strings.HasPrefix(called, "(*ss)") || strings.HasPrefix(called, "newScanState") {
			return passed
		}
		return followed | marksConvert
	case "log", "log/slog", "log/internal", "log/slog/internal", "log/slog/internal/buffer":
		return followed | marksLogging
	case "encoding/json", "encoding/json/v2", "encoding/json/jsontext", "encoding/json/internal", "encoding/json/internal/jsonwire":
		if called == "mapEncoder.encode" {
			return followed | marksJSON | marksMapWalk
		}
		return followed | marksJSON
	case "internal/fmtsort":
		return followed | marksMapWalk
	case "bytes", "strings", "io", "io/ioutil":
		return passed | bufferMark(called)
	case "strconv", "internal/strconv", "encoding/hex", "encoding/base32", "encoding/base64":
		return followed | marksConvert
	case "slices":
		return passed | sliceMark(called)
	case "time", "bufio":
		if called == "Time.Format" || called == "(*Scanner).Text" || called == "(*Reader).ReadString" {
			return followed | marksConvert
		}
		return passed
	case "sort", "internal/reflectlite": // inside encoders
		return followed
	case "errors", "iter", "unicode/utf16", "unicode/utf8", "internal/bytealg", "internal/stringslite":
		return passed
	}
	if strings.HasPrefix(pkg, "internal/runtime/") {
		return passed
	}
	return passed | marksForeign
}

// runtimeMark is that of the runtime's own functions.
func runtimeMark(called string) stacktext.Mark {
	switch called {
	case "growslice", "growsliceBuf", "growsliceNoAlloc":
		return marksGrow
	case "concatstrings", "concatstring2", "concatstring3", "concatstring4", "concatstring5",
		"concatbytes", "concatbyte2", "concatbyte3", "concatbyte4", "concatbyte5":
		return marksConcat
	case "slicebytetostring", "stringtoslicebyte", "slicerunetostring", "stringtoslicerune":
		return marksConvert
	case "hashGrow", "makeBucketArray":
		return marksOldMap
	}
	switch {
	case strings.HasPrefix(called, "convT"):
		return marksBox
	case strings.HasPrefix(called, "growWork"), strings.HasPrefix(called, "evacuate"), strings.HasPrefix(called, "(*hmap)."):
		return marksOldMap
	}
	return 0
}

func reflectMark(called string) stacktext.Mark {
	switch {
	case called == "Value.MapKeys", called == "Value.MapRange", called == "mapiterinit", called == "mapIterStart", strings.HasPrefix(called, "(*MapIter)."):
		return marksMapWalk
	case called == "deepValueEqual", called == "DeepEqual":
		return marksCompare
	}
	return 0
}

// bufferMark is that of what collects bytes.
func bufferMark(called string) stacktext.Mark {
	switch {
	case called == "(*Buffer).grow", called == "growSlice", called == "makeSlice", called == "ReadAll":
		return stacktext.Followed | marksBuffer
	case called == "(*Buffer).String", called == "(*Buffer).ReadString":
		return stacktext.Followed | marksConvert
	case strings.HasPrefix(called, "(*Builder).Write"):
		return stacktext.Followed | marksBuilder
	case called == "(*Buffer).Grow":
		return marksPresize
	}
	return 0
}

// sliceMark: other functions of the package make what they were asked for.
func sliceMark(called string) stacktext.Mark {
	for _, grows := range [...]string{"AppendSeq", "Collect", "Insert"} {
		if strings.HasPrefix(called, grows) {
			return stacktext.Followed | marksGrow
		}
	}
	return 0
}
