// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package attest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

const (
	maxText     = 1 << 20 // bytes of all envelopes
	maxSigned   = 8       // signatures of one envelope
	clockSkew   = 5 * time.Minute
	wantedLines = 2
)

// Sign makes the text of two signed envelopes, one a line.
func Sign(ctx context.Context, c Claim, signer Signer) ([]byte, error) {
	statements, err := c.Statements()
	if err != nil {
		return nil, err
	}
	envelopes, err := dsse.NewEnvelopeSigner(signer)
	if err != nil {
		return nil, &Error{KindKey, err}
	}
	var out bytes.Buffer
	for _, text := range statements {
		envelope, err := envelopes.SignPayload(ctx, PayloadType, text)
		if err != nil {
			return nil, &Error{KindKey, fmt.Errorf("sign: %w", err)}
		}
		line, err := compact(envelope)
		if err != nil {
			return nil, err
		}
		out.Write(append(line, '\n'))
	}
	return out.Bytes(), nil
}

// Want is what a claim has to say to be accepted. What is empty is not asked for.
type Want struct {
	Image    string // digest
	Policy   string // digest
	Evidence string // digest of the bundle that the statements came with
	Verdict  string // outcome
	Now      time.Time
	MaxAge   time.Duration // 0: any age
}

// Verify opens the two envelopes of Sign with keys that the caller trusts. Every error is or wraps an *Error, and comes without a claim.
func Verify(ctx context.Context, text []byte, keys []Key, want Want) (Claim, error) {
	statements, err := open(ctx, text, keys)
	if err != nil {
		return Claim{}, err
	}
	c, err := statements[VerdictV1].claim()
	if err != nil {
		return Claim{}, err
	}
	if err := c.agrees(statements[SVR]); err != nil {
		return Claim{}, err
	}
	if err := want.hold(c); err != nil {
		return Claim{}, err
	}
	return c, nil
}

func (w Want) hold(c Claim) error {
	switch {
	case w.Image != "" && w.Image != c.Digest:
		return refuse(KindSubject, "the statement is about the image %s (want %s)", c.Digest, w.Image)
	case w.Evidence != "" && w.Evidence != c.Evidence:
		return refuse(KindDigest, "the statement is about the evidence %s (this is %s)", c.Evidence, w.Evidence)
	case w.Policy != "" && w.Policy != c.Policy:
		return refuse(KindDigest, "the policies %s have decided (want %s)", c.Policy, w.Policy)
	case c.Created.After(w.Now.Add(clockSkew)):
		return refuse(KindExpired, "the statement is of %s, which is still to come (now is %s)", timestamp(c.Created), timestamp(w.Now))
	case w.MaxAge > 0 && w.Now.Sub(c.Created) > w.MaxAge:
		return refuse(KindExpired, "the statement is of %s, more than %s ago", timestamp(c.Created), w.MaxAge)
	case w.Verdict != "" && w.Verdict != c.Outcome:
		return refuse(KindVerdict, "the verdict is %s (want %s)", c.Outcome, w.Verdict)
	}
	return nil
}

// open verifies each line, and wants one statement of each type.
func open(ctx context.Context, text []byte, keys []Key) (map[string]statement, error) {
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	switch {
	case len(text) == 0:
		return nil, refuse(KindUnsigned, "there is no attestation; sign with --sign-key")
	case len(text) > maxText:
		return nil, malformed("want at most %d bytes of envelopes (got %d)", maxText, len(text))
	case len(lines) != wantedLines:
		return nil, malformed("want %d envelopes, one a line (got %d)", wantedLines, len(lines))
	}
	verifier, err := verifierOf(keys)
	if err != nil {
		return nil, err
	}
	all := map[string]statement{}
	for i, line := range lines {
		one, err := openLine(ctx, line, verifier)
		if err != nil {
			return nil, fmt.Errorf("envelope %d: %w", i+1, err)
		}
		all[one.PredicateType] = one
	}
	if len(all) != wantedLines {
		return nil, malformed("want one statement %s and one %s", SVR, VerdictV1)
	}
	return all, nil
}

// verifierOf takes each key once: the library prints to standard output when one comes twice.
func verifierOf(keys []Key) (*dsse.EnvelopeVerifier, error) {
	var verifiers []dsse.Verifier
	for i, key := range keys {
		if !slices.ContainsFunc(keys[:i], func(k Key) bool { return k.id == key.id }) {
			verifiers = append(verifiers, key)
		}
	}
	if len(verifiers) == 0 {
		return nil, refuse(KindKey, "no key to verify with")
	}
	verifier, err := dsse.NewEnvelopeVerifier(verifiers...)
	if err != nil {
		return nil, &Error{KindKey, err}
	}
	return verifier, nil
}

func openLine(ctx context.Context, line []byte, verifier *dsse.EnvelopeVerifier) (statement, error) {
	var envelope dsse.Envelope
	if err := document(line, &envelope); err != nil {
		return statement{}, malformed("want a DSSE envelope: %w", err)
	}
	switch {
	case envelope.PayloadType != PayloadType:
		return statement{}, malformed("the payload type must be %s (got %.100q)", PayloadType, envelope.PayloadType)
	case len(envelope.Signatures) == 0:
		return statement{}, refuse(KindUnsigned, "the envelope has no signature")
	case len(envelope.Signatures) > maxSigned:
		return statement{}, malformed("want at most %d signatures (got %d)", maxSigned, len(envelope.Signatures))
	}
	_, payload, err := verifier.VerifyAndDecode(ctx, &envelope)
	if err != nil {
		return statement{}, refuse(KindUntrusted, "no signature is by a key that was given: %s", oneLine(err))
	}
	return parse(payload)
}

func parse(payload []byte) (statement, error) {
	var s statement
	if err := json.Unmarshal(payload, &s); err != nil {
		return s, malformed("the payload is no statement: %w", err)
	}
	switch {
	case s.Type != StatementType:
		return s, malformed("_type must be %s (got %.100q)", StatementType, s.Type)
	case s.PredicateType != SVR && s.PredicateType != VerdictV1:
		return s, malformed("predicateType must be %s or %s (got %.100q)", SVR, VerdictV1, s.PredicateType)
	case len(s.Subject) != 1:
		return s, refuse(KindSubject, "want a statement about one image (got %d)", len(s.Subject))
	}
	if _, err := digestOf(s.Subject[0].Digest); err != nil {
		return s, &Error{KindSubject, err}
	}
	return s, nil
}

// document reads one JSON document with nothing behind it. Fields that are not known are ignored, as DSSE asks for.
func document(text []byte, to any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(to); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("it goes on behind its end")
	}
	return nil
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
