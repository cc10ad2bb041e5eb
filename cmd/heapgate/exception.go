// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heapgate/heapgate/internal/exception"
	"github.com/heapgate/heapgate/internal/guard"
)

const ruleException = "EXC-001"

const exceptionLong = `An exception lets one image of one Application or workload pass named rules of the gate, for at most 72 hours and 10 syncs. The gate
measures and records all the same what it would have said, counts each sync that the exception let go on, and alerts fire on every use and
before it expires.

Two people make one: the author creates it in the namespace heapgate-exceptions, and another user adds their own name as its approver:

  heapgate exception new shop-sale --application shop --image shop@sha256:... --rule MAP-001 --ticket OPS-123 --reason '...' --author alice | kubectl create -f -
  kubectl -n heapgate-exceptions patch gateexception shop-sale --type=merge -p '{"spec":{"approver":"bob"}}'     # as bob

deploy/exceptions has the kind, the namespace and the policies that hold people to this.`

func newExceptionCommand(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "exception",
		Short:   "Write and check what lets an image pass a rule for some hours",
		Long:    exceptionLong,
		Example: exceptionNewExample,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newExceptionNewCommand(io), newExceptionCheckCommand(io))
	return cmd
}

const exceptionNewExample = `  heapgate exception new shop-sale --application shop --image shop@sha256:4f1c... --rule MAP-001 --ticket OPS-123 \
      --reason 'the sale begins at noon' --author alice@example.com --for 24h | kubectl create -f -
  heapgate exception check shop-sale.yaml`

type exceptionFlags struct {
	application, namespace, workload, image string
	rules                                   []string
	reason, ticket, author, approver        string
	notBefore                               string
	life                                    time.Duration
	uses                                    int
}

func newExceptionNewCommand(io streams) *cobra.Command {
	var f exceptionFlags
	cmd := &cobra.Command{
		Use:     "new NAME",
		Short:   "Print a GateException as YAML",
		Long:    "Print a GateException as YAML, for kubectl create. Nothing is sent anywhere.\n\nExit codes: 0, and 40 with every mistake.",
		Example: exceptionNewExample,
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			e, err := f.exception(args[0], time.Now())
			if err != nil {
				return err
			}
			text, err := e.YAML()
			if err == nil {
				_, err = io.out.Write(text)
			}
			return err
		},
	}
	set := cmd.Flags()
	set.StringVar(&f.application, "application", "", "Argo CD Application that it is for; or --namespace and --workload")
	set.StringVar(&f.namespace, "namespace", "", "namespace of the workload")
	set.StringVar(&f.workload, "workload", "", "`KIND/NAME` of the workload")
	set.StringVar(&f.image, "image", "", "image `DIGEST`, sha256:... or NAME@sha256:... (required)")
	set.StringSliceVar(&f.rules, "rule", nil, "`ID` of a rule that does not stop it, e.g. MAP-001; may be repeated (required)")
	set.StringVar(&f.reason, "reason", "", "why, in one sentence (required)")
	set.StringVar(&f.ticket, "ticket", "", "ticket like OPS-123, or its https address (required)")
	set.StringVar(&f.author, "author", "", "who will create it, as the API server calls them: kubectl auth whoami (required)")
	set.StringVar(&f.approver, "approver", "", "another user; where deploy/exceptions is installed, they add their name themselves")
	set.StringVar(&f.notBefore, "not-before", "", "`TIME` from which it holds, RFC 3339 (default: now)")
	set.DurationVar(&f.life, "for", 24*time.Hour, "how long it holds, at most 72h")
	set.IntVar(&f.uses, "uses", 1, "how many syncs it may let go on, at most 10")
	// The only error is a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc("rule", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return ruleIDs(), cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

// ruleIDs are those of the policies that are built in.
func ruleIDs() (ids []string) {
	j, err := newJudge(policySource{}, nil)
	if err != nil {
		return nil
	}
	for id := range j.rules {
		if id != ruleException {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (f exceptionFlags) exception(name string, now time.Time) (exception.Exception, error) {
	start := now.UTC().Truncate(time.Second)
	if f.notBefore != "" {
		var err error
		if start, err = time.Parse(time.RFC3339, f.notBefore); err != nil {
			return exception.Exception{}, fmt.Errorf("--not-before must be a time like 2026-11-21T12:00:00Z (got %q)", f.notBefore)
		}
	}
	digest := f.image
	if _, behind, ok := strings.Cut(f.image, "@"); ok {
		digest = behind
	}
	if !guard.IsDigest(digest) {
		return exception.Exception{}, fmt.Errorf("--image must be a digest, sha256: and 64 hex digits, alone or behind NAME@ (got %.200q)", f.image)
	}
	e := exception.Exception{Name: name, Spec: exception.Spec{
		Application: f.application, Namespace: f.namespace, Workload: f.workload, ImageDigest: digest, Rules: f.rules, Reason: f.reason, Ticket: f.ticket,
		Author: f.author, Approver: f.approver, NotBefore: start, Expires: start.Add(f.life), MaxUses: f.uses,
	}}
	return e, e.Validate()
}

func newExceptionCheckCommand(io streams) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "check FILE|-",
		Short: "Say everything that is wrong with a GateException, and whether it holds now",
		Long: `Say everything that is wrong with a GateException, and whether it holds now.

Exit codes: 0 it holds, or will once it is approved or its time has come; 10 it has expired or is used up; 40 it has mistakes.`,
		Example: "  heapgate exception check shop-sale.yaml\n  kubectl -n heapgate-exceptions get gateexception shop-sale -o yaml | heapgate exception check -",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if output != "text" && output != "json" {
				return fmt.Errorf("--output must be text or json (got %q)", output)
			}
			text, err := exceptionText(args[0], io)
			if err != nil {
				return err
			}
			return checkException(text, output, io, time.Now())
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func exceptionText(path string, s streams) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(io.LimitReader(s.in, exception.MaxText+1))
	}
	return readLimited(path, 1<<20) // Parse has the real limit, and says it.
}

// exceptionDocument is what check says to programs. Its fields are an interface: they are added to, never renamed.
type exceptionDocument struct {
	Name     string   `json:"name"`
	Holds    bool     `json:"holds"`
	Refused  string   `json:"refused"` // "", malformed, approver, not_yet, expired or uses
	Mistakes []string `json:"mistakes"`
}

var refusals = map[string]string{
	"": "holds", exception.Approver: "waits for its approver", exception.NotYet: "does not hold yet", exception.Expired: "has expired", exception.UsedUp: "is used up",
}

func checkException(text []byte, output string, s streams, now time.Time) error {
	e, mistakes := exception.Parse(text)
	d := exceptionDocument{Name: e.Name, Refused: e.Refusal(now, e.Uses), Mistakes: []string{}}
	d.Holds = d.Refused == ""
	if mistakes != nil {
		d.Mistakes = strings.Split(mistakes.Error(), "\n")
	}
	var err error
	switch {
	case output == "json":
		err = json.NewEncoder(s.out).Encode(d)
	case mistakes == nil:
		p := e.Spec
		_, err = fmt.Fprintf(s.out, "%s: %s; %s until %s, %d of %d uses\n", e.Name, refusals[d.Refused], strings.Join(p.Rules, ", "), moment(p.Expires), e.Uses, p.MaxUses)
	}
	switch {
	case err != nil:
		return &exitError{exitEvidence, err}
	case mistakes != nil && output == "json":
		return &exitError{code: exitConfig}
	case mistakes != nil:
		return errors.New(mistakes.Error())
	case d.Refused == exception.Expired || d.Refused == exception.UsedUp:
		return &exitError{code: exitFail}
	}
	return nil
}
