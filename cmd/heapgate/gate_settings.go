// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heapgate/heapgate/internal/bytesize"
	"github.com/heapgate/heapgate/internal/promapi"
	"github.com/heapgate/heapgate/policies"
)

var outputs = []string{"text", "json", "markdown"}

// maxSteps is what Prometheus accepts as points of one series.
const maxSteps = 11000

// gateFlags is what the user gives.
type gateFlags struct {
	store, tokenFile             string
	headers                      []string
	workload, container, version string
	image, memoryLimit           string
	window, step, wait, timeout  time.Duration
	maxSeries                    int
	policies, policyKey          string
	limits, output               string
	bundle, signKey              string
	profiles                     []string
	compare                      compareFlags
	asking                       storeFlags
}

func (f *gateFlags) register(cmd *cobra.Command) {
	set := cmd.Flags()
	set.StringVar(&f.workload, "workload", "", "`[CLUSTER/]NAMESPACE/[KIND/]NAME` of the workload to judge (required)")
	set.StringVar(&f.version, "version", "", "judge only targets of this version (service.version)")
	set.StringVar(&f.image, "image", "", "judge only targets of this image `DIGEST`, sha256:... or NAME@sha256:...")
	set.StringVar(&f.container, "container", "", "judge only targets of this container")
	f.registerShared(cmd)
}

// registerShared registers what does not say which workload is judged.
func (f *gateFlags) registerShared(cmd *cobra.Command) {
	set := cmd.Flags()
	set.StringVar(&f.store, "store", "", "address of the store's Prometheus API, without /api/v1 (required)")
	set.StringVar(&f.tokenFile, "bearer-token-file", "", "file with the bearer token for the store, read again for every request")
	set.StringArrayVar(&f.headers, "header", nil, "header `K=V` for the store, e.g. X-Scope-OrgID=team-a; may be repeated")
	set.DurationVar(&f.window, "window", 10*time.Minute, "how far back the evidence goes")
	set.DurationVar(&f.step, "step", 15*time.Second, "distance of the points in the window; not shorter than the collection interval")
	set.DurationVar(&f.wait, "wait", 0, "keep asking every step, at most this long, while the verdict is inconclusive or the store fails")
	set.DurationVar(&f.timeout, "timeout", 30*time.Second, "how long one look at the store may take")
	set.StringVar(&f.memoryLimit, "memory-limit", "", "memory limit of each target, e.g. 512MiB, instead of the one the collector was told")
	set.IntVar(&f.maxSeries, "max-series", 2000, "refuse an answer with more series")
	set.StringVar(&f.policies, "policies", "", "`SOURCE` of the policies instead of those built in: a directory, or a signed bundle in FILE.tar.gz or configmap://NAMESPACE/NAME")
	set.StringVar(&f.policyKey, "policy-key", "", "public key that the bundle must be signed for: `FILE` with PEM, or the PEM itself")
	set.StringVar(&f.limits, "limits", "", "YAML `FILE` with limits that replace single defaults")
	set.StringVarP(&f.output, "output", "o", "text", "text, json or markdown")
	set.StringVar(&f.bundle, "bundle", "", "keep everything the verdict came of in `PLACE`, a file or configmap://NAMESPACE/NAME, for heapgate replay")
	set.StringArrayVar(&f.profiles, "profile", nil, "a heap profile of the candidate or the baseline, `FILE` as .pb.gz or heap?debug=1 text, that goes into the bundle by its hash; it decides nothing; may be repeated")
	set.StringVar(&f.signKey, "sign-key", "", "private key `FILE` that signs the statement in the bundle")
	f.compare.register(cmd)
	f.asking.register(cmd)
	// The only error is a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(outputs, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.MarkFlagFilename("limits", "yaml", "yml")
}

// gateSettings is what the code needs.
type gateSettings struct {
	store        string
	client       promapi.Settings
	workload     workload
	window, step time.Duration
	wait         time.Duration
	memoryLimit  *float64 // bytes
	policies     policyPlace
	limits       map[string]any
	output       string
	explain      bool
	compare      compareSettings
	bundle       string // where the evidence bundle goes; "" for nowhere
	signKey      string
	profiles     []givenProfile   // that go into the bundle
	tier         string           // of the workload, for the policies
	exceptions   []map[string]any // that are given, whether they hold or not; the policies judge them
}

// settings checks everything that can be checked without the store, and reports every mistake at once.
func (f *gateFlags) settings() (gateSettings, error) {
	s, problems := f.shared()
	if f.store == "" {
		problems = append(problems, errNoStore)
	}
	var err error
	s.workload, err = f.parseWorkload()
	problems = append(problems, err)
	s.profiles, err = readProfiles(f.profiles)
	return s, errors.Join(append(problems, err)...)
}

var errNoStore = errors.New("--store is required: the address of the store, like http://127.0.0.1:9464")

// shared checks what does not say which workload is judged.
func (f *gateFlags) shared() (gateSettings, []error) {
	s := gateSettings{
		store: f.store, window: f.window, step: f.step, wait: f.wait, output: f.output,
		client: promapi.Settings{Timeout: f.timeout, MaxSeries: f.maxSeries, BearerTokenFile: f.tokenFile},
	}
	problems := f.durations()
	var wrong []error
	s.compare, wrong = f.compare.settings()
	s.bundle, s.signKey = f.bundle, f.signKey
	if f.bundle != "" {
		if _, err := parseBundlePlace(f.bundle); err != nil {
			wrong = append(wrong, fmt.Errorf("--bundle: %w", err))
		}
	}
	if f.signKey != "" && f.bundle == "" {
		wrong = append(wrong, errors.New("--sign-key goes with --bundle: it signs the statement in the bundle"))
	}
	wrong = append(wrong, checkProfiles(f.profiles, f.bundle))
	s.explain, problems = f.compare.explain, append(problems, wrong...)
	if !slices.Contains(outputs, f.output) {
		problems = append(problems, fmt.Errorf("--output must be one of %s (got %q)", strings.Join(outputs, ", "), f.output))
	}
	if f.maxSeries < 1 {
		problems = append(problems, fmt.Errorf("--max-series must be at least 1 (got %d)", f.maxSeries))
	}
	var err error
	collect := func(err error) {
		if err != nil {
			problems = append(problems, err)
		}
	}
	s.policies, err = parsePolicies(f.policies, f.policyKey)
	collect(err)
	s.client.Headers, err = parseHeaders(f.headers)
	collect(err)
	s.memoryLimit, err = parseMemoryLimit(f.memoryLimit)
	collect(err)
	s.limits, err = parseLimitsFile(f.limits)
	collect(err)
	s.client, err = f.asking.settings(f.store, s.client)
	collect(err)
	if f.store != "" && s.client.Headers != nil {
		_, err = promapi.New(s.store, s.client)
		collect(err)
	}
	return s, problems
}

func (f *gateFlags) durations() (problems []error) {
	for name, d := range map[string]time.Duration{"--window": f.window, "--step": f.step, "--timeout": f.timeout} {
		if d < time.Second {
			problems = append(problems, fmt.Errorf("%s must be at least 1s (got %s)", name, d))
		}
	}
	if f.wait < 0 {
		problems = append(problems, fmt.Errorf("--wait must not be negative (got %s)", f.wait))
	}
	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	if len(problems) > 0 {
		return problems
	}
	if f.window < f.step {
		return []error{fmt.Errorf("--window must not be shorter than --step (got %s and %s)", f.window, f.step)}
	}
	if f.window/f.step > maxSteps {
		return []error{fmt.Errorf("--window must be at most %d steps (got %s, %d steps of %s)", maxSteps, f.window, f.window/f.step, f.step)}
	}
	return nil
}

func (f *gateFlags) parseWorkload() (workload, error) {
	w := workload{Container: f.container, Version: f.version}
	parts := strings.Split(f.workload, "/")
	if slices.Contains(parts, "") || len(parts) < 2 || len(parts) > 4 {
		return w, fmt.Errorf("--workload must be NAMESPACE/NAME, NAMESPACE/KIND/NAME or CLUSTER/NAMESPACE/KIND/NAME (got %q)", f.workload)
	}
	switch len(parts) {
	case 2:
		w.Namespace, w.Name = parts[0], parts[1]
	case 3:
		w.Namespace, w.Kind, w.Name = parts[0], parts[1], parts[2]
	case 4:
		w.Cluster, w.Namespace, w.Kind, w.Name = parts[0], parts[1], parts[2], parts[3]
	}
	var err error
	w.ImageDigest, err = parseImage(f.image)
	return w, err
}

// OCI image specification, digests: the registered algorithms with their lengths.
var digest = regexp.MustCompile(`^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$`)

// parseImage takes a digest, alone or behind the name of the image. A tag is refused: it can be moved to another image.
func parseImage(image string) (string, error) {
	if image == "" {
		return "", nil
	}
	found := image
	if _, behind, ok := strings.Cut(image, "@"); ok {
		found = behind
	}
	if !digest.MatchString(found) {
		return "", fmt.Errorf("--image must be a digest, sha256: and 64 hex digits, alone or behind NAME@ (got %q)", image)
	}
	return found, nil
}

// parseHeaders never repeats what it got: a header's value may be a credential.
func parseHeaders(list []string) (map[string]string, error) {
	headers := map[string]string{}
	for i, one := range list {
		name, value, ok := strings.Cut(one, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--header must be K=V, like X-Scope-OrgID=team-a (the header number %d is not)", i+1)
		}
		if _, twice := headers[name]; twice {
			return nil, fmt.Errorf("--header %s is given twice", name)
		}
		headers[name] = value
	}
	return headers, nil
}

func parseMemoryLimit(text string) (*float64, error) {
	if text == "" {
		return nil, nil
	}
	size, err := bytesize.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("--memory-limit: %w", err)
	}
	if size == 0 {
		return nil, fmt.Errorf("--memory-limit must be positive (got %q)", text)
	}
	bytes := float64(size)
	return &bytes, nil
}

func parseLimitsFile(path string) (map[string]any, error) {
	if path == "" {
		return nil, nil
	}
	text, err := readLimited(path, 1<<20)
	if err != nil {
		return nil, fmt.Errorf("--limits: %w", err)
	}
	limits, err := policies.ParseLimits(text)
	if err != nil {
		return nil, fmt.Errorf("--limits %s: %w", path, err)
	}
	return limits, nil
}
