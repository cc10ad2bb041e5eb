// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/heapgate/heapgate/policies"
)

// nobodyIsGo is what GOMEM-002 says of a workload in which no container is known to run Go. What is known is for the policies to say
// (policies/lib/workload.rego): nothing here guesses again.
const (
	nobodyIsGo     = "no container is known to run Go"
	nobodyIsGoRule = "GOMEM-002"
)

func saysNobodyIsGo(f policies.Finding) bool {
	detail, _ := f.Facts["detail"].(string)
	return f.Kind != policies.Deny && f.Target == "" && detail == nobodyIsGo
}

// aboutNoGo puts into words that nothing was judged. The rule's own are about a limit that is there for certain.
func (f *manifestFinding) aboutNoGo() {
	f.withoutGo = true
	f.Title = "No container is known to be a Go program"
	f.Text = fmt.Sprintf("no container of %s is known to be a Go program: the rules about Go do not apply, and nothing was judged", f.Object)
	f.Want = "If it is one, say so with the annotation heapgate.dev/container or heapgate.dev/go-version, or set GOMEMLIMIT. With --require-go every workload has to."
}

// meaningOfNoGo does not depend on the mode of the rule, nor on the tier: who gives --require-go asks for exactly this. A Go program that
// lost its GOMEMLIMIT may look like this, so --strict counts it as the warning that it is.
func meaningOfNoGo(options manifestOptions) string {
	switch {
	case options.requireGo:
		return countsUnsettled
	case options.strict:
		return countsError
	}
	return countsNote
}

// canTellGo refuses --require-go with policies that never say that nobody is Go: everything would pass.
func (j *judge) canTellGo() error {
	if slices.ContainsFunc(j.pack.ManifestRules(), func(r policies.Rule) bool { return r.ID == nobodyIsGoRule }) {
		return nil
	}
	return errors.New("--require-go needs the rule " + nobodyIsGoRule + " (these policies have none, so nothing says what is not known to be Go)")
}
