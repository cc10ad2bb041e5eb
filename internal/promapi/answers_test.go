// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata")

// answerFile is one answer of one store. Its files are "answer" (status and headers; "wanted" is the result type that is asked for),
// "body" and "want": what this package makes of it.
type answerFile struct {
	archive *txtar.Archive
	status  int
	header  http.Header
	body    []byte
	want    string
}

func readAnswer(t testing.TB, path string) answerFile {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil || len(archive.Files) != 3 || !strings.Contains(string(archive.Comment), ".") {
		t.Fatalf("%s: must have a comment and the files answer, body and want (%v)", path, err)
	}
	a := answerFile{archive: archive, header: http.Header{}, body: archive.Files[1].Data, want: string(archive.Files[2].Data)}
	lines := strings.Split(strings.TrimSpace(string(archive.Files[0].Data)), "\n")
	if a.status, err = strconv.Atoi(lines[0]); err != nil {
		t.Fatal(err)
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		a.header.Add(name, value)
	}
	return a
}

func answerFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 25 {
		t.Fatalf("testdata has %d answers (%v)", len(files), err)
	}
	return files
}

// TestAnswers holds what becomes of each store's answers, as text: go test -run TestAnswers -update rewrites it.
func TestAnswers(t *testing.T) {
	for _, path := range answerFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			a := readAnswer(t, path)
			got := a.ask(t)
			if *update {
				a.archive.Files[2].Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(a.archive), 0o600); err != nil {
					t.Fatal(err)
				}
			} else if got != a.want {
				t.Errorf("got\n%s\nwant\n%s", got, a.want)
			}
		})
	}
}

func (a answerFile) ask(t *testing.T) string {
	t.Helper()
	asked := 0
	c := client(t, "http://store", Settings{MaxRetries: 1, Timeout: 100 * time.Millisecond, Transport: roundTrip(func(*http.Request) *http.Response {
		asked++
		return &http.Response{StatusCode: a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body))}
	})})
	var answer Answer
	var err error
	if a.header.Get("wanted") == "matrix" {
		answer, err = c.QueryRange(t.Context(), "up", time.Unix(1, 0), time.Unix(2, 0), time.Second)
	} else {
		answer, err = c.Query(t.Context(), "up", time.Unix(1, 0))
	}
	if asked != 1 { // A Retry-After is longer than this test's patience.
		t.Errorf("asked %d times", asked)
	}
	return described(answer, err)
}

// described writes an answer a line a fact.
func described(answer Answer, err error) string {
	var typed *Error
	if errors.As(err, &typed) {
		return fmt.Sprintf("error %s\n%s\n", typed.Kind, err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "complete %t\n", answer.Complete())
	for _, note := range answer.Warnings {
		fmt.Fprintf(&b, "warning %s\n", note)
	}
	for _, note := range answer.Infos {
		fmt.Fprintf(&b, "info %s\n", note)
	}
	for _, one := range answer.Series {
		b.WriteString("series")
		for _, label := range slices.Sorted(maps.Keys(one.Labels)) {
			fmt.Fprintf(&b, " %s=%q", label, one.Labels[label])
		}
		b.WriteString(":")
		for _, p := range one.Points {
			fmt.Fprintf(&b, " %g@%d", p.Value, p.At)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestPartialAnswersOfEveryStoreAreMarked names the answers that lack series, so that an -update cannot lose the mark.
func TestPartialAnswersOfEveryStoreAreMarked(t *testing.T) {
	for name, complete := range map[string]bool{
		"thanos_partial": false, "thanos_partial_matrix": false, "thanos_notes": false, "victoriametrics_partial": false,
		"prometheus_matrix_notes": false, "prometheus_histogram_and_float": false, "prometheus_limit_parameter": false, "mimir_notes": false,
		"victoriametrics_trace": true, "mimir_ok": true, "prometheus_vector": true, "prometheus_empty": true,
		"thanos_lost_store": true, // The store is gone from the answer and from its warnings: not to be seen from outside.
	} {
		a := readAnswer(t, filepath.Join("testdata", name+".txtar"))
		answer, err := decode(bytes.NewReader(a.body), a.header.Get("wanted"), Settings{}.withDefaults())
		if err != nil || answer.Complete() != complete {
			t.Errorf("%s: complete %t, error %v", name, answer.Complete(), err)
		}
	}
}

// TestNoErrorOfAStoreIsAnAnswer: whatever is not 200 is an error without series, whatever its body says.
func TestNoErrorOfAStoreIsAnAnswer(t *testing.T) {
	for _, path := range answerFiles(t) {
		a := readAnswer(t, path)
		for _, status := range []int{201, 204, 301, 400, 401, 403, 404, 422, 500, 502} {
			a.status = status
			if got := a.ask(t); !strings.HasPrefix(got, "error ") {
				t.Errorf("%s with status %d: %s", path, status, got)
			}
		}
	}
}

// TestProvenance: each answer says where it is from, and the README lists the stores that were really asked.
func TestProvenance(t *testing.T) {
	readme, err := os.ReadFile("testdata/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range answerFiles(t) {
		lines := strings.Split(strings.TrimSpace(string(readAnswer(t, path).archive.Comment)), "\n")
		source := lines[len(lines)-1]
		store, recorded := strings.CutPrefix(source, "Recorded from ")
		if !recorded && source != "Written from documentation." {
			t.Errorf("%s: the comment must end with a line Recorded from STORE VERSION: REQUEST, or Written from documentation. (got %q)", path, source)
			continue
		}
		name, _, request := strings.Cut(store, ": POST /")
		if recorded && (!request || !strings.Contains(string(readme), "| "+name+" |")) {
			t.Errorf("%s: testdata/README.md has no row %q (or the request is missing)", path, name)
		}
		if name := "`" + strings.TrimSuffix(filepath.Base(path), ".txtar") + "`"; !recorded && !strings.Contains(string(readme), name) {
			t.Errorf("%s: testdata/README.md does not say why %s is not recorded", path, name)
		}
	}
}
