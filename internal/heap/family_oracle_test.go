// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"

	"github.com/heapgate/heapgate/internal/stacktext"
)

// The oracle of the families is slow and obvious: google/pprof reads the records, and regular expressions look at the text of
// a stack, one line a frame: `FUNCTION FILE`, leaf first, down to the owner.
var (
	oracleStd = `(?:archive|bufio|bytes|cmp|compress|container|context|crypto|database|debug|embed|encoding|errors|expvar|flag|fmt|go|hash|html|image|index|internal|io|iter|log|maps|math|mime|net|os|path|plugin|reflect|regexp|runtime|slices|sort|strconv|strings|structs|sync|syscall|testing|text|time|unicode|unique|unsafe|vendor|weak)`

	oracleStdName = regexp.MustCompile(`^` + oracleStd + `[./]`)
	oracleStdFile = regexp.MustCompile(` (?:$|` + oracleStd + `/|.*/src/` + oracleStd + `/[^@]*$)`)
	oracleFunc    = regexp.MustCompile(`\.func|-range`)
	oracleLogs    = regexp.MustCompile(`^(?:\S*/vendor/)?(?:go\.uber\.org/zap|github\.com/rs/zerolog|github\.com/[sS]irupsen/logrus|k8s\.io/klog|github\.com/golang/glog|github\.com/go-logr/\w+|github\.com/go-kit/(?:kit/)?log)[./%]`)
	oracleJSONs   = regexp.MustCompile(`^(?:\S*/vendor/)?(?:github\.com/json-iterator/go|github\.com/goccy/go-json|sigs\.k8s\.io/json|\S*/third_party/go-json-experiment/json|github\.com/tidwall/[gs]json)[./]`)
	oracleOther   = regexp.MustCompile(`^(?:\S*/vendor/)?(?:golang\.org/x/|github\.com/modern-go/reflect2[./]|google\.golang\.org/(?:protobuf|grpc/encoding)[./]|github\.com/go(?:lang|go)/protobuf[./]|(?:gopkg|go\.yaml)\.in/yaml[./%]|sigs\.k8s\.io/yaml[./]|github\.com/gin-gonic/gin[./])`)

	oracleStop2   = regexp.MustCompile(`(?m)^runtime\.(gcAssistAlloc|gcStart )`)
	oracleWalk    = regexp.MustCompile(`(?m)^(internal/fmtsort\.|reflect\.(\(\*MapIter\)|Value\.Map(Keys|Range) |mapiterinit |mapIterStart )|encoding/json\.mapEncoder\.encode |github\.com/json-iterator/go\.\(\*(sortKeysM|m)apEncoder\)\.Encode )`)
	oracleCompare = regexp.MustCompile(`(?m)^reflect\.(deepValueEqual|DeepEqual) `)
	oracleLog     = regexp.MustCompile(`(?m)(^log[./]| (\S*/src/)?log/(slog/)?[a-z]+\.go$)`)
	oracleJSON    = regexp.MustCompile(`(?m)(^encoding/json[./]| (\S*/src/)?encoding/json/(v2/)?[a-z]+\.go$)`)
	oracleConcat  = regexp.MustCompile(`(?m)^runtime\.concat(string|byte)(s|\d) `)
	oracleBuilder = regexp.MustCompile(`(?m)^strings\.\(\*Builder\)\.Write`)
	oracleSized   = regexp.MustCompile(`(?m)^(strings\.\(\*Builder\)\.[gG]row |bytes\.\(\*Buffer\)\.Grow |slices\.(Grow|Clone|Concat|Repeat)\b)`)
	oracleBuffer  = regexp.MustCompile(`(?m)^(bytes\.(\(\*Buffer\)\.grow|growSlice|makeSlice) |io(/ioutil)?\.ReadAll )`)
	oracleConvert = regexp.MustCompile(`(?m)^(runtime\.(slicebytetostring|stringtoslicebyte|slicerunetostring|stringtoslicerune) |(internal/)?strconv\.|encoding/(hex|base32|base64)\.|time\.Time\.Format |bufio\.\(\*(Scanner\)\.Text|Reader\)\.ReadString) |bytes\.\(\*Buffer\)\.(ReadS|S)tring |fmt\.(?:[^(n]|\(\*[^s]|n[^S]|newS[^c])|.* (\S*/src/)?fmt/[a-z]+\.go$)`)
	oracleGrowth  = regexp.MustCompile(`(?m)^(runtime\.growslice(Buf|NoAlloc)? |slices\.(AppendSeq|Collect|Insert)\b)`)
	oracleBoxed   = regexp.MustCompile(`(?m)^runtime\.convT`)
	oracleInside  = regexp.MustCompile(`^(sort|internal/reflectlite)\.`)
	oracleCarrier = regexp.MustCompile(`^(runtime|internal/(runtime/[a-z]+|sync|fmtsort|strconv|bytealg|stringslite|reflectlite)|reflect|maps|sync/atomic|fmt|log(/\S+)?|encoding/(json(/\S+)?|hex|base32|base64)|bytes|strings|io(/ioutil)?|strconv|slices|time|bufio|errors|iter|sort|unicode/utf(8|16))\.`)
)

// oracleFollowed are the libraries whose own allocations may be of a family.
var oracleFollowed = []*regexp.Regexp{oracleLogs, oracleJSONs, oracleWalk, oracleLog, oracleJSON, oracleBuilder, oracleBuffer, oracleConvert, oracleGrowth, oracleInside}

// TestFamilyOracle holds the families of recorded programs to the oracle.
func TestFamilyOracle(t *testing.T) {
	texts, err := filepath.Glob("testdata/go1.*/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, file := range texts {
		symbols := map[string]string{"heap.txt": "symbols.txt", "families.txt": "families_symbols.txt"}[filepath.Base(file)]
		if symbols == "" {
			continue
		}
		checked++
		t.Run(file, func(t *testing.T) {
			holdToOracle(t, read(t, file), lookup(t, read(t, filepath.Join(filepath.Dir(file), symbols))))
		})
	}
	if checked < 5 {
		t.Errorf("only %d recorded programs", checked)
	}
	for _, name := range slices.Sorted(maps.Keys(corpus(t))) {
		t.Run(name, func(t *testing.T) {
			holdToOracle(t, corpusText(t, name), lookup(t, string(unzip(t, "../profile/testdata/corpus/"+name+".symbols.txt.gz"))))
		})
	}
}

func holdToOracle(t *testing.T, text string, symbol func(uint64) (string, bool)) {
	t.Helper()
	s := parse(t, text).Snapshot(symbol)
	checkFamilySums(t, s)
	got := map[string]int64{}
	for _, f := range s.Families {
		got[fmt.Sprintf("%s %s %s:%d", f.Family, f.Function, f.File, f.Line)] = f.AllocBytes
	}
	if diff := cmp.Diff(familyOracle(t, text, symbol), got); diff != "" {
		t.Errorf("(-oracle +got):\n%s", diff)
	}
}

func familyOracle(t *testing.T, text string, symbol func(uint64) (string, bool)) map[string]int64 {
	t.Helper()
	p, err := profile.ParseData([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	shown := map[uint64]stacktext.Place{}
	for _, m := range oracleLine.FindAllStringSubmatch(text, -1) {
		address, _ := strconv.ParseUint(m[1], 16, 64)
		line, _ := strconv.Atoi(m[4])
		shown[address] = stacktext.Place{Function: m[2], File: m[3], Line: line}
	}
	sums := map[string]int64{}
	for _, sample := range p.Sample {
		var frames []string
		var owner stacktext.Place
		observer, foreign, known, followed, unfollowed := false, false, true, false, false
		for i, location := range sample.Location {
			at, ok := shown[location.Address]
			if !ok {
				at.Function, ok = symbol(location.Address)
				known = known && (ok || i == len(sample.Location)-1) // goexit is not shown
			}
			observer = observer || oracleMine.MatchString(at.Function) && at.Function != "runtime/pprof.Do"
			if owner != (stacktext.Place{}) || unfollowed {
				continue
			}
			frame := at.Function + " " + at.File
			name := regexp.MustCompile(`\[.*?\]`).ReplaceAllString(at.Function, "")
			std := oracleStdName.MatchString(name) && oracleStdFile.MatchString(frame)
			inlined := !oracleStdName.MatchString(name) && oracleFunc.MatchString(name) && at.File != "" && oracleStdFile.MatchString(frame)
			library := oracleLogs.MatchString(name) || oracleJSONs.MatchString(name) || oracleOther.MatchString(name)
			if ok && !std && !inlined && !library {
				owner = at
				continue
			}
			if !followed && !oracleSkip.MatchString(name) {
				if followed = slices.ContainsFunc(oracleFollowed, func(m *regexp.Regexp) bool { return m.MatchString(frame) }); !followed {
					unfollowed = true
					continue
				}
			}
			frames = append(frames, frame)
			foreign = foreign || library || !inlined && !oracleCarrier.MatchString(name)
		}
		if family := oracleFamily(strings.Join(frames, "\n"), foreign || !known); family != "" && !observer && owner.Function != "" && sample.Value[1] > 0 {
			sums[fmt.Sprintf("%s %s %s:%d", family, owner.Function, owner.File, owner.Line)] += sample.Value[1]
		}
	}
	return sums
}

func oracleFamily(stack string, indirect bool) Family {
	any := func(matches *regexp.Regexp) bool {
		return slices.ContainsFunc(strings.Split(stack, "\n"), matches.MatchString)
	}
	sized := oracleSized.MatchString(stack)
	switch {
	case oracleStop2.MatchString(stack):
		return ""
	case oracleWalk.MatchString(stack) && !oracleCompare.MatchString(stack):
		return MapToString
	case oracleLog.MatchString(stack) || any(oracleLogs):
		return Logging
	case oracleJSON.MatchString(stack) || any(oracleJSONs):
		return JSON
	case !indirect && (oracleConcat.MatchString(stack) || oracleBuilder.MatchString(stack) && !sized):
		return StringConcat
	case oracleBuffer.MatchString(stack) && !sized || !indirect && oracleConvert.MatchString(stack):
		return BytesChurn
	case !indirect && oracleGrowth.MatchString(stack) && !sized:
		return SliceGrowth
	case !indirect && oracleBoxed.MatchString(stack):
		return Boxing
	}
	return ""
}
