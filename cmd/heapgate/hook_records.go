// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/heapgate/heapgate/cmd/heapgate/cluster"
	"github.com/heapgate/heapgate/internal/record"
	"github.com/heapgate/heapgate/internal/verdict"
)

// records is what the namespace remembers, and of it the record on the subject's digest.
type records struct {
	all   map[string]string
	key   string
	known *record.Record // nil: never judged
}

// recall reads the records. A record that cannot be read is an error: it may be a failure that somebody spoiled.
func (h *hook) recall(ctx context.Context, s subject) (records, error) {
	key, err := record.Key(s.workload.Kind, s.workload.Name, s.workload.Digest)
	if err != nil {
		return records{}, unknown("%s", err)
	}
	stored, err := h.kube.ConfigMap(ctx, h.namespace, record.ConfigMapName)
	if cluster.IsMissing(err) {
		return records{key: key}, nil
	}
	if err != nil {
		return records{}, err
	}
	found := records{all: stored.Data, key: key}
	text, ok := stored.Data[key]
	if !ok {
		return found, nil
	}
	known, err := record.Decode(text)
	if err == nil && known.Digest != s.workload.Digest {
		err = fmt.Errorf("it is about %s", known.Digest)
	}
	if err != nil {
		return records{}, &hookError{verdict.CodeEvidenceError, "the record on this image cannot be read: " + err.Error(), []string{forget(h.namespace, key)}}
	}
	found.known = &known
	return found, nil
}

// forget says with which command a person lets a digest be measured again. Where deploy/admission is installed, records are changed
// in its break-glass group only.
func forget(namespace, key string) string {
	return fmt.Sprintf(`to measure this image again: kubectl -n %s patch configmap %s --type=json -p '[{"op":"remove","path":"/data/%s"}]' (with deploy/admission also: --as $USER --as-group heapgate:admins)`, namespace, record.ConfigMapName, key)
}

// beforeSync decides by what is remembered whether a digest may be deployed, and what is to be remembered then; nil: what there is.
func beforeSync(known *record.Record, k verdictKey) (verdict.Verdict, *record.Record) {
	switch {
	case known == nil:
		text := "pass: admitted to be measured; nothing is known of this image yet"
		return passed(text), admitted(record.Pass, text)
	case known.Says() == record.Fail && k.same(*known):
		return failedBefore(*known), closed(*known)
	case known.Says() == record.Fail:
		text := fmt.Sprintf("pass: admitted to be measured again; %s it failed: %s", k.changed(*known), sentenceOf(*known))
		return passed(text), admitted(record.Pass, text)
	case known.Says() == record.Pass && known.Phase == record.PostSync:
		return passed(fmt.Sprintf("pass: passed before: %s at %s", sentenceOf(*known), moment(known.At))), nil
	case known.Says() == record.Pass:
		return passed(known.Summary), admitted(record.Pass, known.Summary)
	}
	// Inconclusive and error: they said nothing against the image. The verdict stays what it is, and so does its schedule of looks.
	text := fmt.Sprintf("pass: admitted to be measured again; before it was %s: %s at %s", known.Says(), sentenceOf(*known), moment(known.At))
	again := admitted(known.Says(), known.Summary)
	if k.same(*known) {
		again.Parameters, again.Rules, again.Looks = known.Parameters, known.Rules, known.Looks
	}
	return passed(text), again
}

func admitted(decided, summary string) *record.Record {
	return &record.Record{Admit: true, Verdict: decided, Phase: record.PreSync, Summary: summary}
}

// closed is the record of an image that only an exception let in, once that does not hold any more: admission must not let it in either.
func closed(known record.Record) *record.Record {
	if known.Exception == "" {
		return nil
	}
	shut := known
	shut.Admit, shut.Verdict, shut.Phase, shut.WouldBe, shut.Exception = false, record.Fail, record.PostSync, "", ""
	shut.Summary = "fail: " + sentenceOf(known)
	return &shut
}

// afterSync is the verdict that is remembered and stands: pass or fail, measured under the same key.
func afterSync(known *record.Record, k verdictKey) (verdict.Verdict, bool) {
	switch {
	case known == nil || known.Phase != record.PostSync:
		return verdict.Verdict{}, false
	case known.Says() == record.Pass && k.exactly(*known):
		return passed(fmt.Sprintf("pass: passed before: %s at %s", sentenceOf(*known), moment(known.At))), true
	case known.Says() == record.Fail && k.same(*known):
		return failedBefore(*known), true
	}
	return verdict.Verdict{}, false
}

func passed(text string) verdict.Verdict {
	return verdict.Verdict{Outcome: verdict.Pass, Summary: text, Reasons: []verdict.Reason{}}
}

const codeFailedBefore = "failed_before"

func failedBefore(known record.Record) verdict.Verdict {
	text := fmt.Sprintf("failed before: %s at %s", sentenceOf(known), moment(known.At))
	return verdict.Verdict{Outcome: verdict.Fail, Summary: "fail: " + text, Reasons: []verdict.Reason{
		{Code: codeFailedBefore, Kind: verdict.KindDeny, Rules: []string{}, Text: text},
	}}
}

// reopened is what PreSync says and remembers of a digest that failed, and that an exception lets be tried again.
func reopened(known record.Record, name string) (verdict.Verdict, *record.Record) {
	again := known
	again.Admit, again.Verdict, again.Phase, again.WouldBe, again.Exception = true, record.Pass, record.PreSync, record.Fail, name
	again.Summary = admittedBy(name, known)
	decided := passed(again.Summary)
	decided.WouldBe = verdict.Fail
	return decided, &again
}

// admittedBy is the summary of an image that failed and that an exception lets in.
func admittedBy(name string, known record.Record) string {
	return fmt.Sprintf("pass: admitted by the exception %s%s%s", name, withoutIt, sentenceOf(known))
}

// withoutIt stands between what an exception did and what the record says without it.
const withoutIt = "; without it: "

// sentenceOf is a record's summary without its leading verdict, and without the exception that let it pass.
func sentenceOf(r record.Record) string {
	text := strings.TrimPrefix(r.Summary, r.Verdict+": ")
	if _, rest, ok := strings.Cut(text, withoutIt); ok && r.Exception != "" {
		return rest
	}
	return text
}

func moment(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// remember writes a record, unless there is the same already, and drops those that are too many. It tells whether it wrote.
func (h *hook) remember(ctx context.Context, s subject, found records, r record.Record) (bool, error) {
	r.Application, r.Revision, r.Cluster = s.application, s.revision, h.cluster
	r.Container, r.Image, r.Digest = s.workload.Container, s.workload.Image, s.workload.Digest
	r.Summary, r.PolicyDigest, r.At = record.Summary(r.Summary), h.judge.pack.Digest(), time.Now()
	if old := found.known; old != nil {
		is := r
		is.At = old.At
		was, _ := old.Encode()
		if text, err := is.Encode(); err == nil && text == was {
			return false, nil
		}
	}
	return true, h.write(ctx, s, found, r)
}

func (h *hook) write(ctx context.Context, s subject, found records, r record.Record) error {
	text, err := r.Encode()
	if err != nil {
		return err
	}
	labels, annotations := s.tracking.Mark("ConfigMap", h.namespace, record.ConfigMapName)
	all := map[string]string{found.key: text}
	for key, value := range found.all {
		if key != found.key {
			all[key] = value
		}
	}
	return h.kube.PatchVerdict(ctx, cluster.Verdict{
		Namespace: h.namespace, Key: found.key, Value: text, Labels: labels, Annotations: annotations,
		Remove: record.Prune(all, s.workload.Kind, s.workload.Name, s.workload.Digest),
	})
}
