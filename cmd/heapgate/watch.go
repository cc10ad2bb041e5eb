// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	"github.com/heapgate/heapgate/cmd/heapgate/cluster"
	"github.com/heapgate/heapgate/cmd/heapgate/watch"
)

const watchLong = `Compare what every guarded workload is told to run with the verdicts that were recorded, and say which image came in without one:
by selective sync, apply strategy, rollback, self-heal, kubectl, or a hook that did not run.

Guarded are Deployments, StatefulSets and DaemonSets with the label heapgate.dev/guarded: "true". The states of a live image:

  passed        measured after its deployment and found good, or let in by an exception that has not expired
  measuring     let in to be measured, or measured without an answer, and younger than --grace
  failed        measured and found bad, or let in by an exception that has ended, and it still runs
  inconclusive  no answer within --grace
  none          no record, or none that counts: deleted, changed by hand, unreadable, about something else
  unpinned      the image has no digest, so no verdict can be about it

The metric heapgate_workload_unverified is 0 for the first two and 1 for the others; such a change is also a line of log and an Event
HeapgateUnverified, the same one at most once an hour. While the API server is away the last states stay and heapgate_watch_synced is 0.

Limits: the image of the workload's spec counts, not that of each pod; pods of an older ReplicaSet, or of a StatefulSet that is updated
by hand, are not seen. A workload without the label is not seen. Records are trusted as far as RBAC protects them: a field manager other
than --writers is noticed, one that calls itself heapgate is not.

Endpoints: /metrics, /healthz (200 once the caches are filled), /livez. Needs, in all namespaces or in that of --namespace:
  apps  deployments, statefulsets, daemonsets    list, watch
  ""    configmaps named heapgate-verdicts       list, watch
  ""    events                                   create        (not with --events=false)
  heapgate.dev  gateexceptions, in heapgate-exceptions   list, watch   (not needed without exceptions)

Every flag can be given as HEAPGATE_ and its name, like HEAPGATE_GRACE=1h.

Exit codes with --once:
   0  every guarded workload is passed or measuring
  10  a workload is failed, inconclusive, none or unpinned
  30  the API server does not answer
  40  a mistake in flags, or a right that is missing
Without --once: 0 when it is told to stop, 40 as above.`

const watchExample = `  heapgate watch --once
  heapgate watch --once --namespace shop -o json
  heapgate watch --cluster prod-eu-1 --grace 1h`

type watchFlags struct {
	kubeconfig, context, namespace string
	cluster, listen                string
	grace, timeout                 time.Duration
	maxWorkloads                   int
	writers                        []string
	events, once                   bool
	output, logFormat              string
}

func newWatchCommand(io streams) *cobra.Command {
	var f watchFlags
	cmd := &cobra.Command{
		Use:     "watch",
		Short:   "Report every live image that has no passing verdict",
		Long:    watchLong,
		Example: watchExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flagsFromEnv(cmd); err != nil {
				return err
			}
			if err := f.check(); err != nil {
				return err
			}
			return f.run(cmd.Context(), io)
		},
	}
	f.register(cmd)
	return cmd
}

func (f *watchFlags) register(cmd *cobra.Command) {
	set := cmd.Flags()
	set.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig `FILE`, outside of a cluster")
	set.StringVar(&f.context, "context", "", "context of the kubeconfig")
	set.StringVar(&f.namespace, "namespace", "", "watch only this namespace (default: all)")
	set.StringVar(&f.cluster, "cluster", "", "name of the cluster, as the label k8s_cluster_name of every metric")
	set.StringVar(&f.listen, "listen", ":9465", "`ADDRESS` of /metrics, /healthz and /livez")
	set.DurationVar(&f.grace, "grace", 30*time.Minute, "how long an image may run before its measurement has to be there")
	set.DurationVar(&f.timeout, "timeout", 30*time.Second, "with --once: how long the API server may take")
	set.IntVar(&f.maxWorkloads, "max-workloads", 5000, "look at no more guarded workloads; more are an error")
	set.StringSliceVar(&f.writers, "writers", []string{"heapgate"}, "field managers whose records count; empty for all")
	set.BoolVar(&f.events, "events", true, "write Events")
	set.BoolVar(&f.once, "once", false, "look once, print all guarded workloads and end")
	set.StringVarP(&f.output, "output", "o", "text", "with --once: text or json")
	set.StringVar(&f.logFormat, "log-format", "json", "json or text")
	// The flags exist, so there is no error.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("log-format", cobra.FixedCompletions([]string{"json", "text"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.MarkFlagFilename("kubeconfig")
}

func (f *watchFlags) check() error {
	var problems []error
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if f.grace < time.Second {
		wrong("--grace must be at least 1s (got %s)", f.grace)
	}
	if f.timeout < time.Second {
		wrong("--timeout must be at least 1s (got %s)", f.timeout)
	}
	if f.maxWorkloads < 1 {
		wrong("--max-workloads must be at least 1 (got %d)", f.maxWorkloads)
	}
	if f.output != "text" && f.output != "json" {
		wrong("--output must be text or json (got %q)", f.output)
	}
	if f.logFormat != "json" && f.logFormat != "text" {
		wrong("--log-format must be json or text (got %q)", f.logFormat)
	}
	if _, _, err := net.SplitHostPort(f.listen); err != nil {
		wrong("--listen must be HOST:PORT or :PORT (got %q)", f.listen)
	}
	return errors.Join(problems...)
}

func (f *watchFlags) run(ctx context.Context, io streams) error {
	// Without patience: the caches come back by themselves, and an Event is not worth waiting for.
	client, err := cluster.New(ctx, cluster.Options{Kubeconfig: f.kubeconfig, Context: f.context, Namespace: f.namespace, Patience: -1, UserAgent: "heapgate-watch/" + version()})
	if err != nil {
		return err
	}
	handler := slog.Handler(slog.NewJSONHandler(io.err, nil))
	if f.logFormat == "text" {
		handler = slog.NewTextHandler(io.err, nil)
	}
	settings := watch.Settings{Namespace: f.namespace, Cluster: f.cluster, Grace: f.grace, MaxWorkloads: f.maxWorkloads, Writers: f.writers, Log: slog.New(handler)}
	if f.events {
		settings.Tell = client.Event
	}
	klog.SetSlogLogger(settings.Log) // client-go's own lines, in our form
	if f.once {
		return f.runOnce(ctx, io, client, settings)
	}
	watcher, err := watch.New(client.Dynamic(), settings)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", f.listen)
	if err != nil {
		return err
	}
	settings.Log.Info("watching", "listen", listener.Addr().String(), "namespace", f.namespace, "grace", f.grace.String())
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { watcher.Run(ctx) })
	err = watch.Serve(ctx, listener, watcher.Handler(), nil)
	stop()
	return err
}

func (f *watchFlags) runOnce(ctx context.Context, io streams, client *cluster.Client, settings watch.Settings) error {
	bounded, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	all, err := watch.Once(bounded, client.Dynamic(), settings)
	if err != nil {
		code := exitEvidence
		if _, denied := cluster.IsDenied(err); denied || errors.Is(err, watch.ErrTooMany) {
			code = exitConfig
		}
		return &exitError{code, err}
	}
	text, err := onceText(f.output, all)
	if err == nil {
		_, err = io.out.Write(text)
	}
	if err != nil {
		return &exitError{exitEvidence, err}
	}
	for _, s := range all {
		if s.State.Unverified() {
			return &exitError{code: exitFail}
		}
	}
	return nil
}
