// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package hooks

import (
	"cmp"
	"slices"
)

// Severity of a rule: an error means that a gate is not run or proves nothing, a warning that it is weaker than it looks.
type Severity string

// The two severities.
const (
	Error Severity = "error"
	Warn  Severity = "warn"
)

// Rule is one way in which a gate is silently not run. Its ID never changes its meaning.
type Rule struct {
	ID       string
	Severity Severity
	Title    string
}

// Docs is the page with one section for each rule.
const Docs = "https://github.com/heapgate/heapgate/blob/main/docs/hooks.md"

// Rules are all rules, in the order of their ids.
var Rules = []Rule{
	{"HOOK-001", Error, "A word of the hook annotation is no phase"},
	{"HOOK-002", Error, "A word of the hook-delete-policy annotation is no policy"},
	{"HOOK-003", Error, "The key of an annotation is misspelt"},
	{"HOOK-004", Error, "The gate is no hook"},
	{"HOOK-005", Error, "The value of an annotation is no text"},
	{"HOOK-006", Error, "The sync wave is no whole number"},
	{"HOOK-007", Warn, "Helm's hook annotations stand beside Argo CD's"},
	{"HOOK-008", Error, "The gate has a fixed name: a stale result passes for a new one"},
	{"HOOK-009", Error, "The gate has a fixed name and is not deleted before its creation: the old run counts"},
	{"HOOK-010", Error, "The generated name gets too long"},
	{"HOOK-011", Error, "The gate is created suspended"},
	{"HOOK-012", Error, "The gate deletes itself with ttlSecondsAfterFinished"},
	{"HOOK-013", Error, "The gate has no deadline"},
	{"HOOK-014", Error, "The gate is tried again until it passes"},
	{"HOOK-015", Error, "The gate's container is restarted"},
	{"HOOK-016", Error, "Argo CD does not wait for this kind of gate"},
	{"HOOK-017", Error, "The Job can succeed without the gate"},
	{"HOOK-018", Warn, "The Job does not fail at once on the gate's exit codes"},
	{"HOOK-019", Warn, "The gate's exit code passes through a shell"},
	{"HOOK-020", Error, "The gate starts before something that it needs"},
	{"HOOK-021", Warn, "The gate starts in the same wave as something that it needs"},
	{"HOOK-022", Error, "The gate needs a normal resource that the first sync does not have yet"},
	{"HOOK-023", Error, "A failed phase deletes what the SyncFail gate needs"},
	{"HOOK-024", Warn, "The gate's image is not pinned by digest"},
	{"HOOK-025", Error, "The manifest holds an operation that skips hooks"},
	{"HOOK-026", Warn, "The retries of a failed sync are not chosen"},
	{"HOOK-027", Warn, "Self-heal applies without hooks, and nothing stands behind the gate"},
}

// Finding is one place that a rule found.
type Finding struct {
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	Title    string   `json:"title"`
	Object   string   `json:"object"` // KIND NAMESPACE/NAME
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Got      string   `json:"got"`
	Want     string   `json:"want"`
	Docs     string   `json:"docs"`
}

// Report is the result of Check.
type Report struct {
	Findings     []Finding `json:"findings"`
	Errors       int       `json:"errors"`
	Warnings     int       `json:"warnings"`
	More         int       `json:"more"` // findings beyond MaxFindings, counted only
	Objects      int       `json:"objects"`
	Hooks        int       `json:"hooks"`
	Gates        int       `json:"gates"` // that are hooks
	Applications int       `json:"applications"`
}

// MaxFindings is how many findings are listed; all are counted.
const MaxFindings = 1000

// NotInManifests says what no manifest shows, so that nobody takes a clean report for more than it is.
const NotInManifests = "selective sync, the apply strategy, rollback, and kubectl leave no trace in a manifest; an admission policy or heapgate watch sees them"

// checker collects the findings of one run.
type checker struct {
	all      []Finding
	severity map[string]Rule
}

func (c *checker) report(id string, o *object, line int, got, want string) {
	rule := c.severity[id]
	c.all = append(c.all, Finding{
		ID: id, Severity: rule.Severity, Title: rule.Title, Object: o.called(), File: o.file, Line: line, Got: got, Want: want,
		Docs: Docs + "#" + anchor(id),
	})
}

// Check runs every rule over everything that was added.
func (m *Manifests) Check() Report {
	c := &checker{severity: map[string]Rule{}}
	for _, rule := range Rules {
		c.severity[rule.ID] = rule
	}
	r := Report{Objects: len(m.objects), Findings: []Finding{}}
	gates := m.gates()
	for _, g := range gates {
		if g.isHook && len(g.phases) > 0 {
			r.Gates++
		}
		c.gate(m, g)
	}
	for _, o := range m.objects {
		if o.isHook {
			r.Hooks++
		}
		c.annotations(o, slices.ContainsFunc(gates, func(g gate) bool { return g.object == o }))
		if o.isApplication() {
			r.Applications++
			c.application(m, o)
		}
	}
	for _, f := range c.all {
		if f.Severity == Error {
			r.Errors++
		} else {
			r.Warnings++
		}
	}
	slices.SortStableFunc(c.all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.ID, b.ID))
	})
	r.More = max(0, len(c.all)-MaxFindings)
	r.Findings = append(r.Findings, c.all[:len(c.all)-r.More]...)
	return r
}
