// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/prometheus/discovery/kubernetes"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// podLogRef names the log of a container.
type podLogRef struct{ namespace, pod, uid, container string }

const podLogScheme = "api:"

func (r podLogRef) String() string {
	return podLogScheme + strings.Join([]string{r.namespace, r.pod, r.uid, r.container}, "/")
}

// parsePodLog reads what String wrote.
func parsePodLog(path string) (podLogRef, bool) {
	rest, ok := strings.CutPrefix(path, podLogScheme)
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 4 {
		return podLogRef{}, false
	}
	return podLogRef{parts[0], parts[1], parts[2], parts[3]}, true
}

// podLogClient asks the Kubernetes API for logs of containers, with the credentials of discovery.
type podLogClient struct {
	base *url.URL
	http *http.Client
}

// newPodLogClient makes a client from how discovery reaches the API: kubeconfig_file, api_server with its HTTP client, or the
// service account of the collector's own pod. All sections must reach one API.
func newPodLogClient(sections []*kubernetes.SDConfig) (*podLogClient, error) {
	if len(sections) == 0 {
		return nil, errors.New("discovery::gctrace::pod_logs: api needs kubernetes_sd_configs (got none)")
	}
	first := sections[0]
	for i, other := range sections[1:] {
		if other.KubeConfig != first.KubeConfig || apiServer(other) != apiServer(first) || !reflect.DeepEqual(other.HTTPClientConfig, first.HTTPClientConfig) {
			return nil, fmt.Errorf("discovery::gctrace::pod_logs: api needs kubernetes_sd_configs that reach one API server (got another in [%d])", i+1)
		}
	}
	cfg, err := restConfig(first)
	if err != nil {
		return nil, fmt.Errorf("discovery::gctrace::pod_logs: %w", err)
	}
	base, _, err := rest.DefaultServerUrlFor(cfg)
	if err != nil {
		return nil, fmt.Errorf("discovery::gctrace::pod_logs: %w", err)
	}
	client, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, fmt.Errorf("discovery::gctrace::pod_logs: %w", err)
	}
	own := *client // HTTPClientFor may have handed out http.DefaultClient
	own.Timeout = 0
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &podLogClient{base: base, http: &own}, nil
}

func apiServer(c *kubernetes.SDConfig) string {
	if c.APIServer.URL == nil {
		return ""
	}
	return c.APIServer.String()
}

func restConfig(c *kubernetes.SDConfig) (*rest.Config, error) {
	switch {
	case c.KubeConfig != "":
		return clientcmd.BuildConfigFromFlags("", c.KubeConfig)
	case c.APIServer.URL == nil:
		return rest.InClusterConfig()
	}
	transport, err := config.NewRoundTripperFromConfig(c.HTTPClientConfig, "kubernetes_sd")
	if err != nil {
		return nil, err
	}
	return &rest.Config{Host: apiServer(c), Transport: transport}, nil
}

// podLogQuery is what is asked for.
type podLogQuery struct {
	previous bool // the instance before, as far as it goes; else the one that runs, for as long as it does
	since    time.Time
	limit    int64 // bytes
}

// open asks for a log. The answer's lines begin with their time. An answer other than 200 is a *podLogError.
func (c *podLogClient) open(ctx context.Context, r podLogRef, q podLogQuery) (io.ReadCloser, error) {
	query := url.Values{"container": {r.container}, "timestamps": {"true"}, "limitBytes": {strconv.FormatInt(q.limit, 10)}}
	if q.previous {
		query.Set("previous", "true")
	} else {
		query.Set("follow", "true")
	}
	if !q.since.IsZero() {
		query.Set("sinceTime", q.since.UTC().Format(time.RFC3339))
	}
	u := c.base.JoinPath("api", "v1", "namespaces", r.namespace, "pods", r.pod, "log")
	u.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "*/*")
	request.Header.Set("Accept-Encoding", "identity") // each line is to come when it is written
	request.Header.Set("User-Agent", "heapgate")
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode == http.StatusOK {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	return nil, refusedLog(r, answer)
}

// podLogError is an answer that is no log.
type podLogError struct {
	Ref        podLogRef
	Status     int
	Message    string // of the API server, at most 256 bytes
	RetryAfter time.Duration
}

const maxStatusBody = 4 << 10

func refusedLog(r podLogRef, answer *http.Response) *podLogError {
	e := &podLogError{Ref: r, Status: answer.StatusCode}
	body, _ := io.ReadAll(io.LimitReader(answer.Body, maxStatusBody)) // what came of it
	var status metav1.Status
	if json.Unmarshal(body, &status) == nil {
		e.Message = status.Message
	}
	e.Message = strings.ToValidUTF8(cmp.Or(e.Message, http.StatusText(e.Status)), "?")
	e.Message = strings.ToValidUTF8(e.Message[:min(len(e.Message), 256)], "")
	if n, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && n > 0 {
		e.RetryAfter = min(time.Duration(n)*time.Second, podLogMaxRetry)
	}
	return e
}

func (e *podLogError) Error() string {
	what := fmt.Sprintf("log of container %s of pod %s/%s: status %d: %s", e.Ref.container, e.Ref.namespace, e.Ref.pod, e.Status, e.Message)
	switch e.Status {
	case http.StatusForbidden:
		return fmt.Sprintf("%s; the collector's Role must allow verb get on resource pods/log in namespace %s", what, e.Ref.namespace)
	case http.StatusUnauthorized:
		return what + "; the API server does not know the collector's credentials"
	case http.StatusNotFound, http.StatusGone:
		return what + "; the pod is gone"
	}
	return what
}

// gone is true where asking again is of no use for long.
func (e *podLogError) gone() bool {
	return e.Status == http.StatusNotFound || e.Status == http.StatusGone
}

// denied is true where somebody must act first.
func (e *podLogError) denied() bool {
	return e.Status == http.StatusForbidden || e.Status == http.StatusUnauthorized
}
