// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heapgate/heapgate/cmd/heapgate/cluster"
	"github.com/heapgate/heapgate/internal/argocd"
	"github.com/heapgate/heapgate/internal/verdict"
)

const hookLong = `The program in Argo CD's sync hooks. Its phase is read from the name that Argo CD generates for the hook, or given by --phase:

  PreSync   refuses an image that is not pinned by a digest, a pod that breaks a manifest rule, and a digest that failed before. Any other
            digest is admitted: passed before, or to be measured.
  PostSync  measures what now runs, as heapgate gate does, and records the verdict on the digest. A recorded pass or fail of the same
            Application under the same policies and settings of the gate is the answer at once: a retry cannot measure its way to green.
            An inconclusive one goes on with the looks that are left; an hour after --wait would have ended, it begins anew.
  SyncFail  says why the sync failed: in an Event, and to --notify-url.

A verdict is recorded in the ConfigMap heapgate-verdicts of the workload's namespace. A pass that could not be recorded is no pass.

An exception (heapgate exception --help) that holds for this image lets the rules pass that it names, and a recorded fail be tried again.
What the verdict would be without it is measured, said and recorded; a use that cannot be counted does not happen.

--tier, or the label heapgate.dev/tier of the workload, says what an inconclusive verdict and an outage of the evidence do: limits.tiers
of the policies. A gate that opens without evidence is counted against a budget of 30 days, in the key opens.KIND.NAME of the same
ConfigMap, and told in an Event HeapgateFailOpen. Without a tier it stops. --on-inconclusive wins over the tier.

What is judged comes from the flags, else from the candidate (the PodTemplate with the label heapgate.dev/candidate), else from the
hook's own name and Job, else from the Application. If the Application, the revision, the workload and the image are not all known,
the hook fails.

Every flag can be given as a variable: --on-inconclusive as HEAPGATE_ON_INCONCLUSIVE. The flag wins.
A flag that may be repeated, like --profile, takes one value from each line of HEAPGATE_PROFILE; only PostSync reads profiles.

Exit codes:
   0  pass           PreSync: admitted; PostSync: every rule holds; SyncFail: said and sent
  10  fail           a signal broke its limit, now or when this digest was measured before, or a manifest rule is broken
  20  inconclusive   the evidence is not enough to pass or to fail (0 with --on-inconclusive warn or by the tier, and still recorded as inconclusive)
  30  error          no evidence (0 by the tier, within its budget), no API server, a verdict that could not be recorded, a notification that could not be sent, interrupted
  40  error          a mistake in flags, policies or permissions, or it is not known what is judged`

const hookExample = `  # In a hook of deploy/gate: phase, revision and workload are found, the rest is in the ConfigMap heapgate-gate.
  heapgate gate hook

  # By hand, what the PostSync hook of shop does.
  heapgate gate hook --phase PostSync --namespace shop --application shop --revision f4263f6 --workload Deployment/shop \
      --image registry/shop@sha256:4f1c... --store http://127.0.0.1:9464 --wait 10m

  # Measure a digest again that has failed.
  kubectl -n shop patch configmap heapgate-verdicts --type=json -p '[{"op":"remove","path":"/data/deployment.shop.4f1c..."}]'`

func newHookCommand(io streams) *cobra.Command {
	var flags hookFlags
	cmd := &cobra.Command{
		Use:     "hook",
		Short:   "Pass or stop a sync of Argo CD, as its PreSync, PostSync and SyncFail hook",
		Long:    hookLong,
		Example: hookExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := flagsFromEnv(cmd)
			var settings hookSettings
			if err == nil {
				settings, err = flags.settings()
			}
			if err == nil {
				err = runHook(cmd.Context(), settings, io)
			} else {
				err = &exitError{exitConfig, err}
			}
			// Whatever the hook could not report itself, Argo CD shows from here.
			var chosen *exitError
			if errors.As(err, &chosen) && chosen.err != nil {
				terminate(flags.terminationLog, "error: "+strings.ReplaceAll(chosen.err.Error(), "\n", "; "), io.err)
			}
			return err
		},
	}
	flags.register(cmd)
	return cmd
}

// hook is one run of the program.
type hook struct {
	hookSettings
	kube  *cluster.Client
	judge *judge // nil in SyncFail, which judges nothing
	io    streams
	own   argocd.HookName // zero if the hook was not named by Argo CD
}

func runHook(ctx context.Context, s hookSettings, io streams) error {
	h := &hook{hookSettings: s, io: io}
	phase, err := h.findPhase()
	if err != nil {
		return &exitError{exitConfig, err}
	}
	if h.kube, err = cluster.New(ctx, s.kube); err != nil {
		return &exitError{exitConfig, err}
	}
	if h.namespace = h.kube.Namespace(); h.namespace == "" {
		return &exitError{exitConfig, errors.New("the namespace of the workload is not known; give --namespace or HEAPGATE_NAMESPACE")}
	}
	if phase == argocd.SyncFail {
		return h.syncFail(ctx)
	}
	if s.gate.store == "" { // Before the sync too: what cannot be measured afterwards is better not deployed.
		return &exitError{exitConfig, errNoStore}
	}
	if h.judge, err = s.gate.policies.judge(ctx, h.kube, s.gate.limits); err != nil {
		return &exitError{exitConfig, err}
	}
	if phase == argocd.PreSync {
		return h.preSync(ctx)
	}
	if h.gate.profiles, err = readProfiles(s.profiles); err != nil { // Only here is a bundle kept.
		return &exitError{exitConfig, err}
	}
	return h.postSync(ctx)
}

// findPhase reads the phase from the name of the Job, or of the Pod where the hook is one, unless it was given.
func (h *hook) findPhase() (string, error) {
	name := h.jobName
	if name == "" {
		name = h.podName
	}
	own, err := argocd.ParseHookName(name)
	if err == nil {
		h.own = own
	}
	switch {
	case h.phase != "":
		return h.phase, nil
	case name == "":
		return "", fmt.Errorf("the phase is not known: give --phase %s, or HEAPGATE_JOB_NAME (or HEAPGATE_POD_NAME) by the downward API", strings.Join(phases, ", "))
	case err != nil:
		return "", fmt.Errorf("the phase is not known: %w; or give --phase", err)
	}
	return own.Phase, nil
}

// hookError says why there is no verdict, as one of the verdict's codes, and what a person can do about it.
type hookError struct {
	code string
	text string
	next []string
}

func (e *hookError) Error() string { return e.text }

// unknown says that it is not known what is judged, or that two sources contradict each other.
func unknown(format string, args ...any) error {
	return &hookError{code: verdict.CodeConfigError, text: fmt.Sprintf(format, args...)}
}

// refuse makes the verdict of what the hook could not find out.
func (e *ending) refuse(err error) {
	code := verdict.CodeEvidenceError
	if _, denied := cluster.IsDenied(err); denied {
		code = verdict.CodeConfigError
	}
	var own *hookError
	if errors.As(err, &own) {
		code, e.next = own.code, own.next
	}
	e.report.verdict = verdict.Failed(code, err.Error())
}
