// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"
)

var (
	oracleLine = regexp.MustCompile(`(?m)^#\t+0x([0-9a-f]+)\t+(\S+)\+0x[0-9a-f]+\t+(.*:\d+)$`)
	oracleStd  = regexp.MustCompile(`^(archive|bufio|bytes|context|crypto|encoding|fmt|internal|io|iter|net|os|reflect|runtime|sync|syscall|time)[/.]|^go/|^golang\.org/x/(sys|sync)/`)
	oracleMine = regexp.MustCompile(`^(net/http/pprof\.|runtime/pprof\.)`)
)

// TestOracle holds the counts by site to google/pprof, which reads the numbers and the addresses, and a regular expression
// that reads the '#' lines.
func TestOracle(t *testing.T) {
	texts := map[string]string{"synthetic": string(synthetic(1 << 20))}
	for _, pattern := range []string{"testdata/go1.*/goroutine.txt", "testdata/go1.*/grow.txt", "../profile/testdata/corpus/*.goroutine.txt.gz"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			texts[file] = unzip(t, file)
		}
	}
	if len(texts) < 5 {
		t.Fatalf("only %d texts", len(texts))
	}
	for name, text := range texts {
		t.Run(filepath.Base(name), func(t *testing.T) {
			s := parse(t, text).Snapshot(func(uint64) (string, bool) { return "", false })
			checkSums(t, s)
			got := map[string]int64{"observer": s.Observer}
			for _, site := range s.Sites {
				if site.Function != unstarted {
					got[fmt.Sprintf("%s %s:%d", site.Function, site.File, site.Line)] += site.Count
				}
			}
			if diff := cmp.Diff(oracle(t, text), got); diff != "" {
				t.Errorf("(-oracle +got):\n%s", diff)
			}
		})
	}
}

// oracle counts goroutines by site.
func oracle(t *testing.T, text string) map[string]int64 {
	t.Helper()
	p, err := profile.ParseData([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	shown := map[uint64][2]string{}
	for _, m := range oracleLine.FindAllStringSubmatch(text, -1) {
		var address uint64
		if _, err := fmt.Sscanf(m[1], "%x", &address); err != nil {
			t.Fatal(err)
		}
		shown[address] = [2]string{m[2], m[3]}
	}
	sums := map[string]int64{"observer": 0}
	for _, sample := range p.Sample {
		site, last, observer := "", "", false
		for _, location := range sample.Location {
			frame, ok := shown[location.Address]
			if !ok {
				continue // hidden
			}
			last = frame[0] + " " + frame[1]
			if site == "" && !oracleStd.MatchString(frame[0]) {
				site = last
			}
			observer = observer || oracleMine.MatchString(frame[0]) && frame[0] != "runtime/pprof.Do"
		}
		if site == "" {
			site = last
		}
		switch {
		case observer:
			sums["observer"] += sample.Value[0]
		case site != "":
			sums[site] += sample.Value[0]
		}
	}
	return sums
}

func unzip(t testing.TB, file string) string {
	t.Helper()
	if !strings.HasSuffix(file, ".gz") {
		return read(t, file)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
