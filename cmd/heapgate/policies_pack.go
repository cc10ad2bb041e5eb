// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/heapgate/heapgate/policies"
)

const packLong = `Pack the policies of a directory, or those built in, with limits as a signed bundle of OPA (ES256), for --policies of the gate.

The bytes of a bundle are the same each time but for its signature, which ECDSA makes with chance; its digest, which every verdict
names, is that of the directory with the same limits.`

const packExample = `  heapgate policies keygen --out keys
  heapgate policies pack --limits limits.yaml --signing-key keys/heapgate-policies.key --out bundle.tar.gz
  heapgate policies verify bundle.tar.gz --key keys/heapgate-policies.pub

  # For all gates of a cluster, by Git: beside the kustomization of deploy/policies, or as a ConfigMap without kustomize.
  heapgate policies pack --signing-key keys/heapgate-policies.key --out policies/bundle.tar.gz
  heapgate policies pack --signing-key keys/heapgate-policies.key -o configmap | kubectl apply -f -`

// maxConfigMap leaves room for the rest of the object in the 1 MiB that the API server takes.
const maxConfigMap = 1<<20 - 4096

type packFlags struct {
	limits, signingKey, output, out, namespace, name string
}

func newPoliciesPackCommand(io streams) *cobra.Command {
	var f packFlags
	cmd := &cobra.Command{
		Use:     "pack [DIR] --signing-key KEY.pem",
		Short:   "Pack policies and limits as a signed bundle",
		Long:    packLong,
		Example: packExample,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			content, err := f.pack(args)
			if err != nil {
				return err
			}
			return writeOutput(io.out, f.out, content)
		},
	}
	set := cmd.Flags()
	set.StringVar(&f.limits, "limits", "", "YAML `FILE` with limits that replace single defaults")
	set.StringVar(&f.signingKey, "signing-key", "", "private key, P-256 in PEM (required)")
	set.StringVarP(&f.output, "output", "o", "bundle", "bundle or configmap")
	set.StringVar(&f.out, "out", "", "write to this `FILE` instead of standard output")
	set.StringVar(&f.namespace, "namespace", "heapgate", "namespace of the ConfigMap")
	set.StringVar(&f.name, "name", "heapgate-policies", "name of the ConfigMap")
	return cmd
}

func (f packFlags) pack(args []string) ([]byte, error) {
	if f.output != "bundle" && f.output != "configmap" {
		return nil, fmt.Errorf("--output must be bundle or configmap (got %q)", f.output)
	}
	key, err := readRequired("--signing-key", f.signingKey)
	if err != nil {
		return nil, err
	}
	limits, err := parseLimitsFile(f.limits)
	if err != nil {
		return nil, err
	}
	files := policies.Embedded()
	if len(args) > 0 {
		files = os.DirFS(args[0])
	}
	pack, err := policies.Load(files, limits)
	if err != nil {
		return nil, err
	}
	tarball, err := policies.SignBundle(files, limits, key)
	if err != nil {
		return nil, fmt.Errorf("--signing-key: %w", err)
	}
	if f.output == "bundle" {
		return tarball, nil
	}
	return f.configMap(tarball, pack.Digest())
}

// dns is what Kubernetes takes as a name; nothing else gets into the YAML.
var dns = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)

func (f packFlags) configMap(tarball []byte, digest string) ([]byte, error) {
	for flag, value := range map[string]string{"--name": f.name, "--namespace": f.namespace} {
		if !dns.MatchString(value) {
			return nil, fmt.Errorf("%s must be a name of Kubernetes (got %q)", flag, value)
		}
	}
	text := fmt.Sprintf(`# Written by heapgate policies pack. The bundle is signed: whoever can change this object cannot change what judges.
apiVersion: v1
kind: ConfigMap
metadata:
  name: %s
  namespace: %s
  labels:
    app.kubernetes.io/name: heapgate-policies
    app.kubernetes.io/part-of: heapgate
    app.kubernetes.io/component: policies
  annotations:
    heapgate.dev/policy-digest: %s
binaryData:
  bundle.tar.gz: %s
`, f.name, f.namespace, digest, base64.StdEncoding.EncodeToString(tarball))
	if len(text) > maxConfigMap {
		return nil, fmt.Errorf("a ConfigMap holds at most %d bytes; these policies need %d", maxConfigMap, len(text))
	}
	return []byte(text), nil
}
