// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/heapgate/heapgate/cmd/heapgate/cluster"
)

// maxBundle is what is read of a bundle; a ConfigMap holds no more either.
const maxBundle = 1 << 20

// bundleKey is the key of a ConfigMap's binaryData that holds the bundle.
const bundleKey = "bundle.tar.gz"

// policyPlace is where the user says that the policies are. Empty: those that are built in.
type policyPlace struct {
	directory, file string
	namespace, name string // of a ConfigMap
	key             string // PEM
}

const pemStart = "-----BEGIN "

// parsePolicies reads the key, and of the source only what it is: a directory, FILE.tar.gz or configmap://NAMESPACE/NAME.
func parsePolicies(source, key string) (p policyPlace, err error) {
	switch rest, isMap := strings.CutPrefix(source, "configmap://"); {
	case isMap:
		var ok bool
		if p.namespace, p.name, ok = strings.Cut(rest, "/"); !ok || p.namespace == "" || p.name == "" || strings.Contains(p.name, "/") {
			return p, fmt.Errorf("--policies must be configmap://NAMESPACE/NAME (got %q)", source)
		}
	case strings.HasSuffix(source, ".tar.gz"):
		p.file = source
	default:
		p.directory = source
	}
	signed := p.name != "" || p.file != ""
	if signed != (key != "") {
		return p, errors.New("--policy-key goes with a bundle: give --policies FILE.tar.gz or configmap://NAMESPACE/NAME and the public key that it must be signed for")
	}
	if p.key = strings.TrimSpace(key); !signed || strings.HasPrefix(p.key, pemStart) {
		return p, nil
	}
	text, err := readLimited(key, 1<<20)
	if err != nil {
		return p, fmt.Errorf("--policy-key: %w", err)
	}
	p.key = string(text)
	return p, nil
}

// judge loads the policies. kube reaches the cluster of a ConfigMap; nil: the cluster that kubectl would use.
func (p policyPlace) judge(ctx context.Context, kube *cluster.Client, limits map[string]any) (*judge, error) {
	source := policySource{directory: p.directory, key: []byte(p.key)}
	var err error
	switch {
	case p.name != "":
		source.bundle, err = p.fromConfigMap(ctx, kube)
	case p.file != "":
		source.bundle, err = readLimited(p.file, maxBundle)
	}
	if err != nil {
		return nil, fmt.Errorf("--policies: %w", err)
	}
	return newJudge(source, limits)
}

func (p policyPlace) fromConfigMap(ctx context.Context, kube *cluster.Client) ([]byte, error) {
	if kube == nil {
		var err error
		if kube, err = cluster.New(ctx, cluster.Options{UserAgent: "heapgate/" + version()}); err != nil {
			return nil, err
		}
	}
	stored, err := kube.ConfigMap(ctx, p.namespace, p.name)
	if err != nil {
		return nil, err
	}
	bundle, ok := stored.BinaryData[bundleKey]
	if !ok {
		return nil, fmt.Errorf("the ConfigMap %s/%s has no binaryData %s", p.namespace, p.name, bundleKey)
	}
	return bundle, nil
}
