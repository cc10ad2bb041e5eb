// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package policies holds the rules that judge a workload's evidence and its manifest, and evaluates them with OPA.
//
//  1. Read: the .rego files, schemas/*.json and data/defaults.yaml of one file tree, the embedded one or a directory, or a signed bundle
//     made of one. Nothing else is ever loaded. Tests and hidden files are left out.
//  2. Limit: given limits replace single defaults; an unknown name or a value outside of schemas/limits.json is an error.
//  3. Compile: strictly, against the schemas, with an allowlist of builtins that are pure and reach nothing outside. The rules that come
//     with this version were held to their schemas by its tests; they are compiled without them, one room at a time, when first asked.
//  4. Discover: each package below gate (on evidence) or manifest (on a Kubernetes object) is one rule with its id in METADATA and the
//     sets deny, warn, inconclusive and checks.
//  5. Normalise: the input becomes plain JSON. NaN and Inf, on which OPA panics, become null with the reason "nan".
//  6. Validate: the input against schemas/evidence.json or schemas/manifest.json; what does not fit is an error, never a pass.
//  7. Evaluate: all rules of one room in one query with a deadline, a fixed time and strict builtin errors.
//  8. Collect: findings in a fixed order with the mode of their rule, the ids that were evaluated, and the ids of rules that said
//     nothing at all.
//
// Rules return facts. Sentences, verdicts and exit codes are made elsewhere.
package policies

import (
	"embed"
	"encoding/json"
	"io/fs"
	"slices"
	"time"
)

//go:embed lib gate manifest schemas data
var embedded embed.FS

// Embedded is the file tree of the rules that come with this version.
func Embedded() fs.FS { return embedded }

// deadline stops a policy that does not end. The rules of this package need about a millisecond.
const deadline = 5 * time.Second

// Rule is one rule as its METADATA describes it.
type Rule struct {
	ID, Title, Description string
	Severity               string // critical, high, medium or low
	Signal                 string // what it judges
	FailureMessage         string // a short constant text, no template
	Solution               string
	Avoid, Prefer          string    // examples, "" if METADATA has none
	Exceptions             string    // when the rule is wrong and what to do then, or ""
	EffectiveOn            time.Time // until then its mode is warn; zero: it always was
	Package                string    // gate.gc.cpu_share
	File                   string    // gate/gc/cpu_share.rego
}

// Pack is a compiled set of rules with its limits. It never changes and may be used by several goroutines.
type Pack struct {
	digest   string
	limits   map[string]any // effective: defaults and what replaced them
	modes    map[string]Mode
	gate     room
	manifest room
	deadline time.Duration
}

// room is the rules that are asked together about one kind of input.
type room struct {
	name  string // what errors call the input
	rules []Rule // by ID
	input schema
	query preparedQuery
}

// Load reads, compiles and prepares the rules of a file tree: Embedded() or os.DirFS(directory). limits, from ParseLimits, may be nil.
// Every error is a *CompileError.
func Load(files fs.FS, limits map[string]any) (*Pack, error) {
	src, err := readSource(files)
	if err != nil {
		return nil, &CompileError{Err: err}
	}
	pack, err := src.load(limits)
	if err != nil {
		return nil, &CompileError{Err: err}
	}
	return pack, nil
}

func (s *source) load(overrides map[string]any) (*Pack, error) {
	schemas, err := s.parseSchemas()
	if err != nil {
		return nil, err
	}
	limits, err := effectiveLimits(s.defaults, overrides, schemas["limits"])
	if err != nil {
		return nil, err
	}
	modules, compiled, err := s.compile(schemas)
	if err != nil {
		return nil, err
	}
	rules, documents, err := discover(modules)
	if err != nil {
		return nil, err
	}
	digest, err := s.digest(limits)
	if err != nil {
		return nil, err
	}
	modes, err := parseModes(limits, rules)
	if err != nil {
		return nil, err
	}
	pack := &Pack{digest: digest, limits: limits, modes: modes, deadline: deadline}
	for name, made := range map[string]*room{"gate": &pack.gate, "manifest": &pack.manifest} {
		own := map[string][]string{}
		for _, rule := range rules {
			if roomOf(rule.Package) == name {
				made.rules, own[rule.Package] = append(made.rules, rule), documents[rule.Package]
			}
		}
		made.name, made.input = inputs[name], schemas[inputs[name]]
		if made.query, err = compiled(name, own, limits); err != nil {
			return nil, err
		}
	}
	return pack, nil
}

// Digest names exactly what judges: all rules, schemas, effective limits and allowed builtins, as "sha256:" and 64 hex digits.
func (p *Pack) Digest() string { return p.digest }

// Rules lists by id the rules of evidence, which Evaluate asks.
func (p *Pack) Rules() []Rule { return slices.Clone(p.gate.rules) }

// ManifestRules lists by id the rules of manifests, which EvaluateManifest asks.
func (p *Pack) ManifestRules() []Rule { return slices.Clone(p.manifest.rules) }

// Limit is one number of the effective limits, such as Limit("evidence", "min_windows"); false if there is none at the path.
func (p *Pack) Limit(path ...string) (float64, bool) {
	var node any = p.limits
	for _, name := range path {
		branch, _ := node.(map[string]any)
		node = branch[name]
	}
	switch v := node.(type) {
	case float64:
		return v, true
	case int:
		return float64(v), true
	case json.Number:
		n, err := v.Float64()
		return n, err == nil
	}
	return 0, false
}
