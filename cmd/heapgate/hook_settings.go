// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heapgate/heapgate/cmd/heapgate/cluster"
	"github.com/heapgate/heapgate/internal/argocd"
	"github.com/heapgate/heapgate/internal/guard"
)

var (
	phases          = []string{argocd.PreSync, argocd.PostSync, argocd.SyncFail}
	inconclusiveIs  = []string{"stop", "warn"}
	terminationPath = "/dev/termination-log"
)

// hookFlags is what the user, or the hook's manifest, gives.
type hookFlags struct {
	gate                                         gateFlags
	phase, application, revision                 string
	workload, image, container                   string
	namespace, clusterName, applicationNamespace string
	jobName, podName, terminationLog             string
	onInconclusive, notifyURL, notifyHeaderFile  string
	tier                                         string
	kubeconfig, context                          string
	apiWait                                      time.Duration
}

func (f *hookFlags) register(cmd *cobra.Command) {
	set := cmd.Flags()
	set.StringVar(&f.phase, "phase", "auto", "PreSync, PostSync or SyncFail; auto: from the hook's name")
	set.StringVar(&f.application, "application", "", "name of the Argo CD Application, if the candidate does not tell it")
	set.StringVar(&f.revision, "revision", "", "revision that is synced, if the hook's name does not tell it")
	set.StringVar(&f.workload, "workload", "", "`KIND/NAME` of the workload, if the candidate does not tell it")
	set.StringVar(&f.image, "image", "", "`NAME@sha256:...` of the guarded container, if the candidate does not tell it")
	set.StringVar(&f.container, "container", "", "guarded container, instead of the one that heapgate.dev/container names, or the first")
	set.StringVar(&f.namespace, "namespace", "", "namespace of the workload (default: this pod's)")
	set.StringVar(&f.clusterName, "cluster", "", "k8s.cluster.name of the workload's metrics, where the store has several clusters")
	set.StringVar(&f.applicationNamespace, "application-namespace", "argocd", "namespace of Applications")
	set.StringVar(&f.jobName, "job-name", "", "name of the hook, if it is a Job")
	set.StringVar(&f.podName, "pod-name", "", "name of the hook's pod")
	set.StringVar(&f.onInconclusive, "on-inconclusive", "", "what an inconclusive verdict does to the sync: stop (exit 20) or warn (exit 0) (default: as the tier says, and stop without one)")
	set.StringVar(&f.tier, "tier", "", "tier of limits.tiers, which says what an inconclusive verdict and an outage of the evidence do (default: the workload's label "+labelTier+")")
	set.StringVar(&f.notifyURL, "notify-url", "", "where SyncFail posts what failed, as JSON")
	set.StringVar(&f.notifyHeaderFile, "notify-header-file", "", "`FILE` with headers for it, a `Name: value` a line")
	set.StringVar(&f.terminationLog, "termination-log", terminationPath, "file for the verdict in one sentence")
	set.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig `FILE`, outside of a cluster")
	set.StringVar(&f.context, "context", "", "context of the kubeconfig")
	set.DurationVar(&f.apiWait, "api-wait", cluster.DefaultPatience, "how long an API server that is away is waited for; 0: not at all")
	f.gate.registerShared(cmd)
	// The only error is a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc("phase", cobra.FixedCompletions(append([]string{"auto"}, phases...), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("tier", cobra.FixedCompletions([]string{"critical", "standard", "best_effort"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("on-inconclusive", cobra.FixedCompletions(inconclusiveIs, cobra.ShellCompDirectiveNoFileComp))
}

// hookSettings is what the code needs.
type hookSettings struct {
	gate                                     gateSettings // without a workload
	phase                                    string       // "" for auto
	application, applicationNamespace        string
	revision, cluster                        string
	workloadKind, workloadName               string
	image, container                         string
	namespace, jobName, podName, termination string
	onInconclusive, tier                     string // "" as the tier says, and as the workload's label says
	notify                                   notifySettings
	kube                                     cluster.Options
	profiles                                 []string // files
}

// settings checks everything that can be checked without a cluster and a store, and reports every mistake at once.
func (f *hookFlags) settings() (hookSettings, error) {
	gate, problems := f.gate.shared()
	s := hookSettings{
		gate: gate, application: f.application, applicationNamespace: f.applicationNamespace, revision: f.revision, cluster: f.clusterName,
		image: f.image, container: f.container, namespace: f.namespace, jobName: f.jobName, podName: f.podName, termination: f.terminationLog,
		onInconclusive: f.onInconclusive, tier: f.tier, profiles: f.gate.profiles,
		kube: cluster.Options{Kubeconfig: f.kubeconfig, Context: f.context, Namespace: f.namespace, Patience: f.apiWait, UserAgent: "heapgate/" + version()},
	}
	if f.apiWait <= 0 {
		s.kube.Patience = -1
	}
	if f.phase != "auto" && !slices.Contains(phases, f.phase) {
		problems = append(problems, fmt.Errorf("--phase must be auto, %s (got %q)", strings.Join(phases, ", "), f.phase))
	}
	if f.phase != "auto" {
		s.phase = f.phase
	}
	if f.onInconclusive != "" && !slices.Contains(inconclusiveIs, f.onInconclusive) {
		problems = append(problems, fmt.Errorf("--on-inconclusive must be stop or warn (got %q)", f.onInconclusive))
	}
	if f.workload != "" {
		var ok bool
		if s.workloadKind, s.workloadName, ok = strings.Cut(f.workload, "/"); !ok || !guard.IsKind(s.workloadKind) || s.workloadName == "" {
			problems = append(problems, fmt.Errorf("--workload must be KIND/NAME with the kind %s (got %q)", guard.Kinds(), f.workload))
		}
	}
	if f.image != "" {
		if _, err := guard.Digest(f.image); err != nil {
			problems = append(problems, fmt.Errorf("--image: %w", err))
		}
	}
	var err error
	if s.notify, err = parseNotify(f.notifyURL, f.notifyHeaderFile); err != nil {
		problems = append(problems, err)
	}
	return s, errors.Join(problems...)
}
