// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/heapgate/heapgate/cmd/heapgate/watch"
	"github.com/heapgate/heapgate/internal/promapi"
)

const serveLong = `Answer tools that ask by HTTP whether a release may go on. The measurement is the one of heapgate gate: the first question about a
release begins it, each later one looks again when --step has passed, --looks of these looks compare within --wait, and the verdict that
ends it stays for --keep, so that asking often changes nothing.

  GET, POST /rollouts   Argo Rollouts, web provider. Parameters, or fields of a JSON body: workload (NAMESPACE/[KIND/]NAME), image or
                        version, and container, baseline_workload, run. The answer is 200 with JSON:
                          {"verdict": "pass"|"fail"|"inconclusive", "final": true|false, "summary": "...", "reasons": [...], ...}
                        successCondition: result.verdict == "pass", failureCondition: result.verdict == "fail"; anything else is
                        inconclusive for Rollouts too. No evidence is 503 and a policy that failed is 500, which Rollouts counts as errors.
  POST /flagger         Flagger webhook of type rollout or confirm-promotion: 200 pass, 412 fail, 409 not decided, 424 no evidence. The
                        workload is NAMESPACE/NAME of the canary, its baseline NAME-primary; metadata may have image, version, container,
                        workload_name, baseline_workload.
  GET /healthz          200 while it serves
  GET /metrics          answers by adapter and verdict

A release is told from the next by image, version, run or Flagger's checksum: at least one of them is required. The state is in memory;
after a restart a measurement begins anew. Callers need the token of --token-file, as bearer token or as the password of any user. Only
workloads in --namespaces are measured. Nothing in a question chooses an address: the store is the one of --store.

With --tls-cert and --tls-key it speaks HTTPS, TLS 1.2 or later. The files are read again when they change. With --client-ca whoever asks
must also show a certificate of one of these authorities, beside the token or with --anonymous alone; /healthz and /metrics are answered
without. Argo Rollouts and Flagger have no certificate to show: there a proxy or a mesh does. Without TLS it says so once, unless
--listen is a loopback address. (--ca-file, --cert-file and --key-file are about the store.)

Every flag can be given as HEAPGATE_ and its name, like HEAPGATE_STORE=http://store:9090.

Exit codes:
   0  it was told to stop
  40  a mistake in flags, limits or policies, or the address cannot be listened at`

const serveExample = `  heapgate serve --store http://prometheus:9090 --namespaces shop,pay --token-file /run/secrets/token
  curl -H "Authorization: Bearer $TOKEN" 'http://localhost:8080/rollouts?workload=shop/shop&version=v42'

  # By HTTPS, with a Secret of type kubernetes.io/tls, which cert-manager renews.
  heapgate serve --store http://prometheus:9090 --namespaces shop --token-file /run/secrets/token \
      --tls-cert /etc/heapgate-serve-tls/tls.crt --tls-key /etc/heapgate-serve-tls/tls.key`

type serveFlags struct {
	gate              gateFlags
	listen, tokenFile string
	anonymous         bool
	namespaces        []string
	keep              time.Duration
	concurrent, most  int
	tls               servedTLS
}

func newServeCommand(io streams) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:     "serve --store URL --namespaces NAMESPACE,... --token-file FILE",
		Short:   "Answer Argo Rollouts and Flagger by HTTP",
		Long:    serveLong,
		Example: serveExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flagsFromEnv(cmd); err != nil {
				return err
			}
			settings, err := f.settings()
			if err != nil {
				return err
			}
			return f.run(cmd.Context(), settings, io)
		},
	}
	f.gate.registerShared(cmd)
	f.register(cmd)
	return cmd
}

func (f *serveFlags) register(cmd *cobra.Command) {
	set := cmd.Flags()
	set.StringVar(&f.listen, "listen", ":8080", "`ADDRESS` to answer at")
	set.StringVar(&f.tokenFile, "token-file", "", "`FILE` with the bearer token that callers must have, read again for every request")
	set.StringVar(&f.tls.cert, "tls-cert", "", "PEM `FILE` with the certificate to answer with, and its chain; read again when it changes")
	set.StringVar(&f.tls.key, "tls-key", "", "PEM `FILE` with the certificate's key")
	set.StringVar(&f.tls.clientCA, "client-ca", "", "PEM `FILE` with authorities: who asks a question must show a certificate of one of them")
	set.BoolVar(&f.anonymous, "anonymous", false, "answer without a token")
	set.StringSliceVar(&f.namespaces, "namespaces", nil, "namespaces whose workloads may be measured; * for all (required)")
	set.DurationVar(&f.keep, "keep", 24*time.Hour, "how long a measurement is remembered after the last question about it")
	set.IntVar(&f.concurrent, "max-concurrent", 4, "look at the store for no more questions at once")
	set.IntVar(&f.most, "max-measurements", 1000, "remember no more measurements; a further one is refused")
	// What a web provider and a webhook wait for is 10 s, and a measurement takes its time.
	for name, value := range map[string]string{"wait": "30m0s", "timeout": "8s"} {
		flag := set.Lookup(name)
		flag.DefValue = value
		_ = flag.Value.Set(value)
	}
	for _, other := range []string{"output", "explain", "bundle", "sign-key", "profile"} { // of a command that prints a report
		if set.Lookup(other) != nil {
			_ = set.MarkHidden(other)
		}
	}
}

// maxAnswer is below the time after which watch.Serve gives an answer up.
const maxAnswer = 25 * time.Second

func (f *serveFlags) settings() (gateSettings, error) {
	s, problems := f.gate.shared()
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if s.store == "" {
		problems = append(problems, errNoStore)
	}
	if (f.tokenFile == "") != f.anonymous {
		wrong("give either --token-file or --anonymous")
	}
	if len(f.namespaces) == 0 || slices.Contains(f.namespaces, "") {
		wrong("--namespaces is required: the namespaces whose workloads may be measured, or *")
	}
	if s.bundle != "" || s.explain {
		wrong("--bundle and --explain are not for serve: gate the release with heapgate gate to keep its evidence")
	}
	if s.client.Timeout > maxAnswer {
		wrong("--timeout must be at most %s for serve (got %s)", maxAnswer, s.client.Timeout)
	}
	if f.keep < s.wait || f.keep < time.Minute {
		wrong("--keep must be at least 1m and not shorter than --wait (got %s)", f.keep)
	}
	if f.concurrent < 1 || f.most < 1 {
		wrong("--max-concurrent and --max-measurements must be at least 1 (got %d and %d)", f.concurrent, f.most)
	}
	if _, _, err := net.SplitHostPort(f.listen); err != nil {
		wrong("--listen must be HOST:PORT or :PORT (got %q)", f.listen)
	}
	if err := f.tls.check(); err != nil {
		problems = append(problems, err)
	}
	if f.tokenFile != "" {
		if _, err := readToken(f.tokenFile); err != nil {
			problems = append(problems, err)
		}
	}
	return s, errors.Join(problems...)
}

func (f *serveFlags) run(ctx context.Context, s gateSettings, io streams) error {
	judge, err := s.policies.judge(ctx, nil, s.limits)
	if err != nil {
		return err
	}
	client, err := promapi.New(s.store, s.client)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", f.listen)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(io.err, nil))
	log.Info("serving", "listen", listener.Addr().String(), "store", client.Address(), "namespaces", f.namespaces, "tls", f.tls.cert != "")
	listener = f.tls.listen(listener, log)
	measured := newMeasurements(f, s, func(ctx context.Context, s gateSettings, at lookMoment) report {
		return lookOnce(ctx, s, client, judge, at)
	})
	return watch.Serve(ctx, listener, newAdapter(f, s.client.Timeout, judge.pack.Digest(), measured, log).handler(), slog.NewLogLogger(log.Handler(), slog.LevelWarn))
}
