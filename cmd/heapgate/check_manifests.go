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

	"github.com/spf13/cobra"

	"github.com/heapgate/heapgate/internal/hooks"
)

const checkManifestsLong = `Judge rendered manifests by the rules for the memory of Go: GOMEMLIMIT, GOGC, GOMAXPROCS, limits, images.

DIR is read with all its *.yaml, *.yml and *.json files; - is stdin. Documents may be many in a file; an object with a list of items is
replaced by its items. Judged is every object with a pod: Pod, PodTemplate, Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob,
Argo's Rollout and Knative's Service. Services, routes and autoscalers of the same input that refer to it are judged with it. Each
finding has the line of the field that it is about and a page in policies/docs.

The rules are about containers that are known to be Go programs: by a variable like GOMEMLIMIT or GOGC, by the annotations
heapgate.dev/container or heapgate.dev/go-version, by a port named pprof that heapgate.dev/scrape asks for, or because the workload is
guarded. A workload without any is told in a note; --strict counts that as a warning, and --require-go as an open question.

The outputs sarif, junit and github are for systems of continuous integration; github is workflow commands, which annotate a pull request.

Exit codes:
   0  nothing was found (warnings are printed)
  10  a rule denies, or with --strict a rule warns
  20  a rule could not tell, and the tier does not let that through; or with --require-go a workload has no container that is known to
      be a Go program; or there is no workload in the manifests (--allow-none makes this a 0)
  40  the input or the policies cannot be read, an object is none of Kubernetes', or a mistake in the command line`

const checkManifestsExample = `  kustomize build overlays/prod | heapgate check manifests -
  helm template shop ./chart | heapgate check manifests - -o github
  heapgate check manifests rendered/ --strict -o sarif > heapgate.sarif
  heapgate check manifests shop/ --require-go
  heapgate check manifests rendered/ --policies bundle.tar.gz --policy-key heapgate-policies.pub --tier best_effort`

// manifestOutputs are the forms of the report.
var manifestOutputs = []string{"text", "json", "markdown", "sarif", "junit", "github"}

type checkManifests struct {
	streams
	output, policies, policyKey, limits, tier string
	strict, allowNone, requireGo              bool
}

func newCheckManifestsCommand(io streams) *cobra.Command {
	c := &checkManifests{streams: io}
	cmd := &cobra.Command{
		Use:     "manifests DIR|FILE|-",
		Short:   "Judge rendered manifests by the rules for the memory of Go",
		Long:    checkManifestsLong,
		Example: checkManifestsExample,
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args[0], time.Now()) },
	}
	set := cmd.Flags()
	set.StringVarP(&c.output, "output", "o", "text", strings.Join(manifestOutputs[:len(manifestOutputs)-1], ", ")+" or github")
	set.BoolVar(&c.strict, "strict", false, "exit 10 on warnings too")
	set.BoolVar(&c.allowNone, "allow-none", false, "exit 0 if there is no workload in the manifests")
	set.BoolVar(&c.requireGo, "require-go", false, "exit 20 if in some workload no container is known to be a Go program")
	set.StringVar(&c.policies, "policies", "", "`DIR` of policies, a signed bundle FILE.tar.gz or configmap://NAMESPACE/NAME (default: those built in)")
	set.StringVar(&c.policyKey, "policy-key", "", "public key of the bundle: a `FILE` or the PEM itself")
	set.StringVar(&c.limits, "limits", "", "YAML `FILE` with limits that replace single defaults")
	set.StringVar(&c.tier, "tier", "", "tier of the limits that says whether an open question stops: critical, standard or best_effort (default: it stops)")
	// The flag exists, so there is no error.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(manifestOutputs, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (c *checkManifests) run(ctx context.Context, from string, now time.Time) error {
	if !slices.Contains(manifestOutputs, c.output) {
		return fmt.Errorf("--output must be one of %s (got %q)", strings.Join(manifestOutputs, ", "), c.output)
	}
	judge, holds, err := c.judge(ctx)
	if err != nil {
		return err
	}
	manifests := &hooks.Manifests{}
	if err := readManifests(manifests, c.in, from); err != nil {
		return &exitError{exitConfig, err}
	}
	report, err := judge.judgeManifests(ctx, manifests.Objects(), manifestOptions{strict: c.strict, holds: holds, allowNone: c.allowNone, requireGo: c.requireGo}, now)
	if err != nil {
		return &exitError{exitConfig, err}
	}
	text, err := report.text(c.output)
	if err == nil {
		_, err = c.out.Write(text)
	}
	if err != nil {
		return &exitError{exitConfig, err}
	}
	if report.ExitCode != exitPass {
		return &exitError{code: report.ExitCode}
	}
	return nil
}

// judge loads the policies, and says whether a question that stays open stops.
func (c *checkManifests) judge(ctx context.Context) (*judge, bool, error) {
	place, err := parsePolicies(c.policies, c.policyKey)
	if err != nil {
		return nil, false, err
	}
	limits, err := parseLimitsFile(c.limits)
	if err != nil {
		return nil, false, err
	}
	judge, err := place.judge(ctx, nil, withTier(limits, c.tier))
	if err != nil {
		return nil, false, err
	}
	if len(judge.pack.ManifestRules()) == 0 {
		return nil, false, errors.New("--policies: no rules below manifest/; without rules everything would pass")
	}
	if c.requireGo {
		if err := judge.canTellGo(); err != nil {
			return nil, false, err
		}
	}
	holds, err := judge.tierHolds(c.tier)
	return judge, holds, err
}

// withTier tells the rules the tier too: some ask more of a critical workload.
func withTier(limits map[string]any, tier string) map[string]any {
	if tier == "" {
		return limits
	}
	all, manifest := map[string]any{}, map[string]any{}
	maps.Copy(all, limits)
	given, _ := all["manifest"].(map[string]any)
	maps.Copy(manifest, given)
	manifest["tier"] = tier
	all["manifest"] = manifest
	return all
}
