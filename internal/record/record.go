// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package record is the form in which a verdict on one image digest of one workload is remembered in the workload's namespace.
//
// A record is one value of the ConfigMap ConfigMapName: one line of JSON with a fixed order of fields. The order is part of the
// interface: an admission policy lets an image in if its record starts with {"admit":true, and cannot parse more than that. So Decode
// takes nothing that Encode would have written otherwise.
package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/heapgate/heapgate/internal/guard"
)

// ConfigMapName is the ConfigMap that holds the records of its namespace.
const ConfigMapName = "heapgate-verdicts"

// The phases in which a record is written.
const (
	PreSync  = "PreSync"
	PostSync = "PostSync"
)

// The verdicts, with the words of package verdict.
const (
	Pass         = "pass"
	Fail         = "fail"
	Inconclusive = "inconclusive"
	Error        = "error"
)

// Record is one verdict. Its JSON has exactly these fields in this order.
type Record struct {
	Admit        bool      `json:"admit"` // the image may run in the workload; stays the first field
	Verdict      string    `json:"verdict"`
	Phase        string    `json:"phase"`
	Summary      string    `json:"summary"` // one sentence
	Application  string    `json:"application"`
	Revision     string    `json:"revision"`
	Container    string    `json:"container"`
	Image        string    `json:"image"`
	Digest       string    `json:"digest"`
	PolicyDigest string    `json:"policy_digest"`
	Cluster      string    `json:"cluster"`
	At           time.Time `json:"at"`

	// What came later stands behind, and is written only if it says something: a record of an older heapgate is read as it was written.

	Parameters string `json:"parameters,omitempty"` // digest of the gate's settings that it was measured by; "": not known
	Rules      string `json:"rules,omitempty"`      // ids of the rules that stopped it, or would have, joined by commas
	WouldBe    string `json:"would_be,omitempty"`   // the verdict without Exception
	Exception  string `json:"exception,omitempty"`  // name of the GateException by which it is a pass
	FailOpen   bool   `json:"fail_open,omitempty"`  // there was no evidence, and the tier let the sync go on
	Looks      Looks  `json:"looks,omitzero"`
}

// Says is the verdict on the image itself: what it would have been without an exception.
func (r Record) Says() string {
	if r.WouldBe != "" {
		return r.WouldBe
	}
	return r.Verdict
}

// Limits in bytes. The longest record is below maxRecord even if each of its characters has to be escaped.
const (
	MaxSummary = 1 << 10
	maxField   = 1 << 10
	maxRecord  = 16 << 10
)

// Encode writes the record, or says what is wrong with it.
func (r Record) Encode() (string, error) {
	r.At = r.At.UTC().Truncate(time.Second)
	if r.Looks != (Looks{}) {
		r.Looks.Started = r.Looks.Started.UTC().Truncate(time.Second)
	}
	if err := r.check(); err != nil {
		return "", fmt.Errorf("record: %w", err)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r); err != nil {
		return "", fmt.Errorf("record: %w", err)
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

// Decode reads what Encode has written, and nothing else: not another order, not a field twice, not an unknown word.
func Decode(text string) (Record, error) {
	if len(text) > maxRecord {
		return Record{}, fmt.Errorf("record: want at most %d bytes, got %d", maxRecord, len(text))
	}
	if !strings.HasPrefix(text, `{"admit":`) {
		return Record{}, fmt.Errorf(`record: want it to start with {"admit": (got %.20q)`, text)
	}
	var r Record
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return Record{}, fmt.Errorf("record: %w", err)
	}
	again, err := r.Encode()
	if err != nil {
		return Record{}, err
	}
	if again != text {
		return Record{}, errors.New("record: want the fields once and in their order, as heapgate writes them")
	}
	return r, nil
}

func (r Record) check() error {
	if !slices.Contains([]string{Pass, Fail, Inconclusive, Error}, r.Verdict) {
		return fmt.Errorf("unknown verdict %q", r.Verdict)
	}
	if r.Phase != PreSync && r.Phase != PostSync {
		return fmt.Errorf("unknown phase %q", r.Phase)
	}
	if r.Admit && (r.Verdict == Fail || r.Phase == PostSync && r.Verdict != Pass) || !r.Admit && r.Verdict == Pass {
		return fmt.Errorf("admit %t contradicts the verdict %s of %s", r.Admit, r.Verdict, r.Phase)
	}
	for name, digest := range map[string]string{"digest": r.Digest, "policy_digest": r.PolicyDigest} {
		if !guard.IsDigest(digest) {
			return fmt.Errorf("%s must be sha256: and 64 hex digits (got %.80q)", name, digest)
		}
	}
	// Four digits, or JSON has no such time.
	if year := r.At.Year(); year < 2000 || year > 9999 {
		return fmt.Errorf("at must be the time of the verdict (got %s)", r.At)
	}
	if len(r.Summary) > MaxSummary {
		return fmt.Errorf("summary must be at most %d bytes (got %d)", MaxSummary, len(r.Summary))
	}
	if err := r.checkLater(); err != nil {
		return err
	}
	if pinned, err := guard.Digest(r.Image); err != nil || pinned != r.Digest {
		return fmt.Errorf("image must be REPOSITORY@%s (got %.200q)", r.Digest, r.Image)
	}
	for _, field := range []string{r.Summary, r.Application, r.Revision, r.Container, r.Cluster} {
		if len(field) > maxField || !utf8.ValidString(field) || strings.ContainsFunc(field, func(c rune) bool { return !unicode.IsPrint(c) }) {
			return fmt.Errorf("want printable texts of at most %d bytes (got %.40q)", maxField, field)
		}
	}
	return nil
}

// The names of objects in Kubernetes, and the ids of rules.
var (
	objectName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
	ruleIDs    = regexp.MustCompile(`^[A-Z0-9-]{1,32}(,[A-Z0-9-]{1,32})*$`)
)

func (r Record) checkLater() error {
	if r.Parameters != "" && !guard.IsDigest(r.Parameters) {
		return fmt.Errorf("parameters must be sha256: and 64 hex digits (got %.80q)", r.Parameters)
	}
	if r.Rules != "" && (len(r.Rules) > maxField || !ruleIDs.MatchString(r.Rules)) {
		return fmt.Errorf("rules must be ids joined by commas (got %.80q)", r.Rules)
	}
	if (r.WouldBe == "") != (r.Exception == "") || r.WouldBe != "" && (r.WouldBe != Fail && r.WouldBe != Inconclusive || !r.Admit) {
		return fmt.Errorf("would_be %q and exception %.80q must come together, with %s or %s, and admit", r.WouldBe, r.Exception, Fail, Inconclusive)
	}
	if r.Exception != "" && !objectName.MatchString(r.Exception) {
		return fmt.Errorf("exception must be the name of an object (got %.80q)", r.Exception)
	}
	if r.FailOpen && (r.Admit || r.Verdict != Inconclusive) {
		return fmt.Errorf("fail_open goes with the verdict %s, which admits nothing (got %s)", Inconclusive, r.Verdict)
	}
	return r.Looks.check()
}

// Summary makes a text fit for the field: one printable line of at most MaxSummary bytes.
func Summary(text string) string {
	text = strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return ' '
	}, strings.ToValidUTF8(text, "?"))
	if len(text) <= MaxSummary {
		return text
	}
	end := MaxSummary - len("...")
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "..."
}
