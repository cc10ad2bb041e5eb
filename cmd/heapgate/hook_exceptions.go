// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/heapgate/heapgate/cmd/heapgate/cluster"
	"github.com/heapgate/heapgate/internal/exception"
	"github.com/heapgate/heapgate/internal/record"
	"github.com/heapgate/heapgate/internal/verdict"
	"github.com/heapgate/heapgate/policies"
)

// exceptions are those of one sync. The steps:
//
//  1. find: the GateExceptions of the admin namespace that are for this image in this workload. No kind and no namespace are none; what
//     cannot be read is a warning, and none;
//  2. the rule EXC-001 says which of them hold, and for which rules (policies.Excepted);
//  3. count: before one decides anything its status says so. What cannot be counted is not used.
type exceptions struct {
	list   []exception.Exception
	unread string // why there may be more
}

// maxGiven is how many exceptions the policies take.
const maxGiven = 100

func (s subject) forException(namespace string) exception.Subject {
	return exception.Subject{Application: s.application, Namespace: namespace, Workload: s.named(), Digest: s.workload.Digest, Revision: s.revision}
}

func (h *hook) findExceptions(ctx context.Context, s subject) (found exceptions) {
	objects, err := h.kube.List(ctx, cluster.Exceptions, exception.Namespace, "")
	if cluster.IsMissing(err) {
		return found
	}
	if err != nil {
		found.unread = fmt.Sprintf("no exception is taken into account: %v", err)
		return found
	}
	about := s.forException(h.namespace)
	for _, object := range objects {
		one, err := exception.FromObject(object)
		if err != nil {
			// Perhaps it was meant for this sync; whoever waits for it should know.
			if textAt(object, "spec", "imageDigest") == about.Digest {
				found.unread = strings.ReplaceAll(err.Error(), "\n", "; ")
			}
			continue
		}
		if one.Matches(about) && len(found.list) < maxGiven {
			found.list = append(found.list, one)
		}
	}
	slices.SortFunc(found.list, func(a, b exception.Exception) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// given is what the policies see.
func (e exceptions) given(about exception.Subject) []map[string]any {
	var given []map[string]any
	for _, one := range e.list {
		if one.Spec.Approver == "" {
			continue // The input's schema wants one; waiting says so.
		}
		given = append(given, one.Given(about))
	}
	return given
}

// warnings are what a person who waits for an exception should know.
func (e exceptions) warnings() (all []string) {
	if e.unread != "" {
		all = append(all, e.unread)
	}
	for _, one := range e.list {
		if one.Spec.Approver == "" {
			all = append(all, fmt.Sprintf("the exception %s waits for its approver", one.Name))
		}
	}
	return all
}

func (e exceptions) without(name string) exceptions {
	e.list = slices.DeleteFunc(slices.Clone(e.list), func(one exception.Exception) bool { return one.Name == name })
	return e
}

// holding asks EXC-001 before there is any evidence: what it needs is the image and the time. It returns its findings, one for each
// exception.
func (h *hook) holding(ctx context.Context, s subject, found exceptions) ([]policies.Finding, error) {
	given := found.given(s.forException(h.namespace))
	if len(given) == 0 {
		return nil, nil
	}
	return h.judge.pack.Exceptions(ctx, h.gateSettings(s).workload, given, time.Now())
}

// excuses picks the exceptions that together excuse every one of the rules; nil if one of them is not excused.
func excuses(excepted map[string]string, rules []string) []string {
	names := map[string]bool{}
	for _, id := range rules {
		if excepted[id] == "" {
			return nil
		}
		names[excepted[id]] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// reopens tells by which exception a digest that failed before may be tried again; "" if by none. Of an old failure it is not known which
// rules it broke: there any exception that holds will do, since all of it is measured again.
func (h *hook) reopens(ctx context.Context, end *ending, found exceptions) string {
	known := end.found.known
	for {
		findings, err := h.holding(ctx, end.subject, found)
		if err != nil {
			end.warn("no exception is taken into account: %v", err)
			return ""
		}
		excepted := policies.Excepted(findings)
		rules := slices.Sorted(maps.Keys(excepted))
		if known.Rules != "" {
			rules = strings.Split(known.Rules, ",")
		}
		names := excuses(excepted, rules)
		if len(names) == 0 {
			return ""
		}
		refused := h.countAll(ctx, end, names, known.Says())
		if refused == "" {
			return names[0]
		}
		found = found.without(refused)
	}
}

// countAll counts one use of each exception. It returns the first that cannot be counted, "" if all are.
func (h *hook) countAll(ctx context.Context, end *ending, names []string, wouldBe string) string {
	for _, name := range names {
		if err := h.count(ctx, end.subject, name, wouldBe); err != nil {
			end.warn("the exception %s is not used, because its use could not be counted: %v", name, err)
			return name
		}
		end.warn("the exception %s is used", name)
	}
	return ""
}

// count writes one use into the status of an exception, as it is now: if somebody else counted in between, it is read and judged again.
func (h *hook) count(ctx context.Context, s subject, name, wouldBe string) error {
	for try := 1; ; try++ {
		object, err := h.kube.Get(ctx, cluster.Exceptions, exception.Namespace, name)
		if err != nil {
			return err
		}
		one, err := exception.FromObject(object)
		if err != nil {
			return err
		}
		one, changed, err := one.Count(s.forException(h.namespace), wouldBe, time.Now())
		if err != nil || !changed {
			return err
		}
		if object["status"], err = one.StatusObject(); err != nil {
			return err
		}
		err = h.kube.UpdateStatus(ctx, cluster.Exceptions, object)
		if err == nil || !cluster.IsConflict(err) || try == countTries {
			return err
		}
	}
}

// settle counts the exceptions that decided a verdict. One that cannot be counted is taken away, and the same evidence judged without it.
func (h *hook) settle(ctx context.Context, end *ending, found exceptions) error {
	for {
		names := usedBy(end.report.verdict)
		if len(names) == 0 {
			return nil
		}
		refused := h.countAll(ctx, end, names, string(end.report.verdict.WouldBe))
		if refused == "" {
			end.exception = names[0]
			return nil
		}
		if end.report.evidence == nil {
			return errors.New("an exception decided without evidence")
		}
		found = found.without(refused)
		judgeWith(ctx, &end.report, found.given(end.subject.forException(h.namespace)))
	}
}

// judgeWith judges what was measured with other exceptions.
func judgeWith(ctx context.Context, r *report, given []map[string]any) {
	if r.evidence == nil || r.verdict.Outcome == verdict.Error {
		return
	}
	facts := *r.evidence
	facts.Exceptions = given
	r.evidence, r.settings.exceptions = &facts, given
	decided, findings, err := r.judge.judge(ctx, r.settings.workload.String(), facts, r.moment.Now)
	switch {
	case err != nil && ctx.Err() != nil:
		r.verdict, r.findings = verdict.Failed(verdict.CodeEvidenceError, interrupted), nil
	case err != nil:
		r.verdict, r.findings = verdict.Failed(verdict.CodeConfigError, err.Error()), nil
	default:
		r.findings = findings
		r.verdict, r.suspect = r.moment.doubt(decided, r.settings.window)
	}
}

// usedBy are the exceptions without which the outcome would be another, in their order.
func usedBy(v verdict.Verdict) []string {
	names := map[string]bool{}
	for _, one := range v.Reasons {
		if one.Kind == verdict.KindExcepted && one.Exception != "" {
			names[one.Exception] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// blockingRules are the ids of what stopped the image, or would have, for the record.
func blockingRules(v verdict.Verdict) string {
	ids := map[string]bool{}
	for _, one := range v.Reasons {
		if one.Kind == verdict.KindDeny || one.Kind == verdict.KindExcepted || v.Outcome == verdict.Inconclusive && one.Kind == verdict.KindInconclusive {
			for _, id := range one.Rules {
				ids[id] = true
			}
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(ids)), ",")
}

// noteException writes into a record by which exception it is a pass.
func noteException(r *record.Record, name, wouldBe string) {
	if name != "" && r.Verdict == record.Pass && (wouldBe == record.Fail || wouldBe == record.Inconclusive) {
		r.Exception, r.WouldBe = name, wouldBe
	}
}

// stillFailed is what to remember of an image that failed under this key, was let in by an exception and is measured again. It has failed
// still unless it fails anew, whatever is measured now: else an exception would be a way to measure until it is green. It stays in only
// while an exception holds.
func (h *hook) stillFailed(ctx context.Context, end *ending, found exceptions, k verdictKey, measured *record.Record) *record.Record {
	known := end.found.known
	if known == nil || known.Exception == "" || known.Says() != record.Fail || !k.same(*known) || measured.Says() == record.Fail {
		return measured
	}
	if measured.Verdict != record.Pass {
		return closed(*known)
	}
	name := h.reopens(ctx, end, found)
	if name == "" {
		end.exception, end.report.verdict = "", failedBefore(*known)
		return closed(*known)
	}
	end.exception, end.report.verdict.WouldBe = name, verdict.Fail
	measured.Exception, measured.WouldBe, measured.Rules = name, record.Fail, known.Rules
	measured.Summary = admittedBy(name, *known)
	return measured
}
