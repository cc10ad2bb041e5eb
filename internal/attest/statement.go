// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package attest

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"
)

// statement is an in-toto Statement v1.
type statement struct {
	Type          string          `json:"_type"`
	Subject       []descriptor    `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

// descriptor is an in-toto ResourceDescriptor.
type descriptor struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest"`
}

// svr is the predicate of svr/v0.2. It says which properties hold; what does not hold it does not say.
type svr struct {
	Verifier    svrVerifier `json:"verifier"`
	TimeCreated string      `json:"timeCreated"` // RFC 3339
	Properties  []string    `json:"properties"`
}

type svrVerifier struct {
	ID       string       `json:"id"`
	Policies []descriptor `json:"policies"`
}

// verdict is the predicate of verdict/v1.
type verdict struct {
	Verifier    verdictVerifier `json:"verifier"`
	TimeCreated string          `json:"timeCreated"`
	Workload    string          `json:"workload"`
	Outcome     string          `json:"outcome"`
	WouldBe     string          `json:"wouldBe"`
	Reasons     []Reason        `json:"reasons"`
	Exceptions  []string        `json:"exceptions"`
	Evidence    descriptor      `json:"evidence"`
	Policy      descriptor      `json:"policy"`
	Window      verdictWindow   `json:"window"`
	Baseline    string          `json:"baseline"`
}

type verdictVerifier struct {
	ID      string            `json:"id"`
	Version map[string]string `json:"version"` // of the programs that decided
}

type verdictWindow struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

const (
	nameEvidence = "heapgate-evidence-bundle"
	namePolicies = "heapgate-policies"
)

// Statements are the two statements of a claim: the SVR and the verdict.
func (c Claim) Statements() ([][]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	policy := descriptor{Name: namePolicies, Digest: digestSet(c.Policy)}
	short := svr{
		Verifier: svrVerifier{ID: c.Verifier, Policies: []descriptor{policy}}, TimeCreated: timestamp(c.Created), Properties: c.properties(),
	}
	long := verdict{
		Verifier:    verdictVerifier{ID: c.Verifier, Version: map[string]string{"heapgate": c.Version, "opa": c.OPA}},
		TimeCreated: timestamp(c.Created), Workload: c.Workload, Outcome: c.Outcome, WouldBe: c.WouldBe,
		Reasons: append([]Reason{}, c.Reasons...), Exceptions: append([]string{}, c.Excepted...),
		Evidence: descriptor{Name: nameEvidence, Digest: digestSet(c.Evidence)}, Policy: policy,
		Window: verdictWindow{timestamp(c.WindowStart), timestamp(c.WindowEnd)}, Baseline: c.Baseline,
	}
	var all [][]byte
	for _, one := range []struct {
		kind      string
		predicate any
	}{{SVR, short}, {VerdictV1, long}} {
		predicate, err := compact(one.predicate)
		if err != nil {
			return nil, err
		}
		subject := []descriptor{{Name: c.Image, Digest: digestSet(c.Digest)}}
		text, err := compact(statement{StatementType, subject, one.kind, predicate})
		if err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, nil
}

// compact is JSON in which < and & stay what they are.
func compact(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// claim reads a verdict back. Fields that it does not know are ignored, as in-toto asks for.
func (s statement) claim() (Claim, error) {
	var v verdict
	if err := json.Unmarshal(s.Predicate, &v); err != nil {
		return Claim{}, malformed("the predicate of the verdict: %w", err)
	}
	c := Claim{
		Image: s.Subject[0].Name, Workload: v.Workload, Verifier: v.Verifier.ID, Version: v.Verifier.Version["heapgate"], OPA: v.Verifier.Version["opa"],
		Outcome: v.Outcome, WouldBe: v.WouldBe, Reasons: v.Reasons, Excepted: v.Exceptions, Baseline: v.Baseline,
	}
	for _, one := range []struct {
		set map[string]string
		to  *string
	}{{s.Subject[0].Digest, &c.Digest}, {v.Evidence.Digest, &c.Evidence}, {v.Policy.Digest, &c.Policy}} {
		digest, err := digestOf(one.set)
		if err != nil {
			return Claim{}, malformed("%w", err)
		}
		*one.to = digest
	}
	for _, one := range []struct {
		text string
		to   *time.Time
	}{{v.TimeCreated, &c.Created}, {v.Window.Start, &c.WindowStart}, {v.Window.End, &c.WindowEnd}} {
		if one.text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, one.text)
		if err != nil {
			return Claim{}, malformed("a time of the verdict: %w", err)
		}
		*one.to = at
	}
	return c, c.check()
}

// agrees tells whether a Simple Verification Result says of the claim what it would say itself.
func (c Claim) agrees(s statement) error {
	var short svr
	if err := json.Unmarshal(s.Predicate, &short); err != nil {
		return malformed("the predicate of the verification result: %w", err)
	}
	subject, err := digestOf(s.Subject[0].Digest)
	if err != nil {
		return malformed("%w", err)
	}
	created, err := time.Parse(time.RFC3339, short.TimeCreated)
	if err != nil {
		return malformed("the time of the verification result: %w", err)
	}
	if len(short.Verifier.Policies) != 1 {
		return malformed("want one policy in the verification result (got %d)", len(short.Verifier.Policies))
	}
	policy, err := digestOf(short.Verifier.Policies[0].Digest)
	if err != nil {
		return malformed("%w", err)
	}
	if subject != c.Digest || policy != c.Policy || !created.Equal(c.Created) || short.Verifier.ID != c.Verifier || !slices.Equal(short.Properties, c.properties()) {
		return malformed("the two statements do not belong to one verdict")
	}
	return nil
}
