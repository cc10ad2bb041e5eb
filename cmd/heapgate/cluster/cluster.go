// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package cluster is how the gate and the detector reach a Kubernetes API server: objects as plain JSON, through the dynamic client.
// One call is:
//
//  1. a request with a deadline of its own;
//  2. tried again, with growing pauses and at most for Options.Patience, while the API server is away or overloaded; a denial only for a
//     moment, because an API server that has just started denies what it will allow;
//  3. a denial becomes a *Denied, which names the verb that is missing and for whom.
package cluster

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Options choose the API server. All empty: the cluster that this process runs in, else what kubectl would use.
type Options struct {
	Kubeconfig string        // file
	Context    string        // of the kubeconfig
	Namespace  string        // instead of the pod's or the context's
	Patience   time.Duration // how long an API server that is away is waited for; negative: not at all; 0: DefaultPatience
	UserAgent  string
}

// DefaultPatience outlasts the restart of an API server.
const DefaultPatience = time.Minute

// requestTimeout bounds one try. Watches are not bound by it.
const requestTimeout = 10 * time.Second

// Client reaches one API server. It is safe for concurrent use.
type Client struct {
	dynamic, watching dynamic.Interface
	namespace         string
	patience          time.Duration
}

// New reads the configuration; it does not connect.
func New(_ context.Context, o Options) (*Client, error) {
	config, namespace, err := load(o)
	if err != nil {
		return nil, err
	}
	if o.UserAgent != "" {
		config.UserAgent = o.UserAgent
	}
	config.QPS, config.Burst = 20, 40
	config.WarningHandler = rest.NoWarnings{} // They would stand in the middle of the report.
	watching, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	bounded := rest.CopyConfig(config)
	bounded.Timeout = requestTimeout
	client, err := dynamic.NewForConfig(bounded)
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	if o.Patience == 0 {
		o.Patience = DefaultPatience
	}
	return &Client{dynamic: client, watching: watching, namespace: namespace, patience: o.Patience}, nil
}

func load(o Options) (*rest.Config, string, error) {
	if o.Kubeconfig == "" && o.Context == "" && os.Getenv("KUBECONFIG") == "" {
		config, err := rest.InClusterConfig()
		if err == nil {
			return config, firstOf(o.Namespace, podNamespace()), nil
		}
		if !errors.Is(err, rest.ErrNotInCluster) {
			return nil, "", fmt.Errorf("kubernetes, in a pod: %w", err)
		}
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.Context})
	config, err := loader.ClientConfig()
	if clientcmd.IsEmptyConfig(err) {
		return nil, "", errors.New("no Kubernetes: this is no pod with a service account, and there is no kubeconfig; give --kubeconfig FILE or KUBECONFIG")
	}
	if err != nil {
		return nil, "", fmt.Errorf("kubeconfig: %w", err)
	}
	fromContext, _, err := loader.Namespace()
	if err != nil {
		return nil, "", fmt.Errorf("kubeconfig: %w", err)
	}
	return config, firstOf(o.Namespace, fromContext), nil
}

func podNamespace() string {
	text, err := os.ReadFile("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// Namespace is the one that was given, or this pod's, or the kubeconfig's.
func (c *Client) Namespace() string { return c.namespace }

// Dynamic is the client itself, for watches: without retries and without a deadline of its own.
func (c *Client) Dynamic() dynamic.Interface { return c.watching }

// Impatient is the same client, which asks only once.
func (c *Client) Impatient() *Client {
	once := *c
	once.patience = -1
	return &once
}

// Get reads one object.
func (c *Client) Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (map[string]any, error) {
	var object map[string]any
	err := c.call(ctx, target{"get", resource, namespace, name}, func(ctx context.Context) error {
		got, err := c.dynamic.Resource(resource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
		if err == nil {
			object = got.Object
		}
		return err
	})
	return object, err
}

// maxObjects bounds one list.
const maxObjects = 500

// List reads the objects of a namespace (all for "") that carry the labels of a selector such as "a=b". More than 500 are an error.
func (c *Client) List(ctx context.Context, resource schema.GroupVersionResource, namespace, selector string) ([]map[string]any, error) {
	var objects []map[string]any
	err := c.call(ctx, target{"list", resource, namespace, ""}, func(ctx context.Context) error {
		got, err := c.dynamic.Resource(resource).Namespace(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector, Limit: maxObjects})
		if err != nil {
			return err
		}
		if got.GetContinue() != "" || len(got.Items) > maxObjects {
			return fmt.Errorf("there are more than %d %s with %s in the namespace %q", maxObjects, resource.Resource, selector, namespace)
		}
		objects = nil
		for _, item := range got.Items {
			objects = append(objects, item.Object)
		}
		return nil
	})
	return objects, err
}

// ConfigMap is what a ConfigMap holds.
type ConfigMap struct {
	Data       map[string]string
	BinaryData map[string][]byte
	Version    string // resourceVersion
}

// ConfigMap reads one.
func (c *Client) ConfigMap(ctx context.Context, namespace, name string) (ConfigMap, error) {
	object, err := c.Get(ctx, configMaps, namespace, name)
	if err != nil {
		return ConfigMap{}, err
	}
	read := ConfigMap{Data: map[string]string{}, BinaryData: map[string][]byte{}}
	metadata, _ := object["metadata"].(map[string]any)
	read.Version, _ = metadata["resourceVersion"].(string)
	data, _ := object["data"].(map[string]any)
	for key, value := range data {
		read.Data[key], _ = value.(string)
	}
	binary, _ := object["binaryData"].(map[string]any)
	for key, value := range binary {
		text, _ := value.(string)
		if read.BinaryData[key], err = base64.StdEncoding.DecodeString(text); err != nil {
			return ConfigMap{}, fmt.Errorf("configmap %s/%s: binaryData %s: %w", namespace, name, key, err)
		}
	}
	return read, nil
}
