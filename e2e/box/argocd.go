// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package box

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apiclient"
	"github.com/argoproj/argo-cd/v2/pkg/apiclient/application"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// ArgoNamespace is where Applications live, in cluster one.
const ArgoNamespace = "argocd"

const (
	argoServer = "127.0.0.1:8080"
	repoServer = "127.0.0.1:8081"
	redis      = "127.0.0.1:6379"
)

// Argo is the running Argo CD: its servers run beside the clusters, its objects are in cluster one.
type Argo struct {
	Version string
	Apps    application.ApplicationServiceClient

	box *Box
	dir string
}

func (b *Box) startArgo() (*Argo, error) {
	a := &Argo{Version: b.artifacts.Argo, box: b, dir: filepath.Join(b.dir, "argocd")}
	for _, step := range []func() error{a.install, a.register, a.startServers, a.connect} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("Argo CD: %w", err)
		}
	}
	return a, nil
}

// install applies Argo CD's own definitions and empty settings to cluster one.
func (a *Argo) install() error {
	files, err := filepath.Glob(filepath.Join(a.box.artifacts.Manifests, "crds", "*-crd.yaml"))
	if err != nil {
		return err
	}
	settings, err := filepath.Glob(filepath.Join(a.box.artifacts.Manifests, "base", "config", "argocd-*.yaml"))
	if err != nil {
		return err
	}
	if err := a.apply(&unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": ArgoNamespace}}}); err != nil {
		return err
	}
	for _, file := range append(files, settings...) {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(text, &object.Object); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if object.GetKind() != "CustomResourceDefinition" {
			object.SetNamespace(ArgoNamespace)
		}
		if err := a.apply(object); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return a.established()
}

func (a *Argo) apply(object *unstructured.Unstructured) error {
	ctx, cancel := context.WithTimeout(context.Background(), requestLimit)
	defer cancel()
	return a.box.Cluster("one").applyObject(ctx, object)
}

// established waits until the API server serves every kind of Argo CD's: its servers end where one is missing.
func (a *Argo) established() error {
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		err := errors.Join(a.serves("applications"), a.serves("appprojects"), a.serves("applicationsets"))
		if err == nil || time.Since(began) > time.Minute {
			return err
		}
	}
}

func (a *Argo) serves(resource string) error {
	ctx, cancel := context.WithTimeout(context.Background(), requestLimit)
	defer cancel()
	kind := schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: resource}
	_, err := a.box.Cluster("one").Dynamic.Resource(kind).List(ctx, metav1.ListOptions{Limit: 1})
	return err
}

// register makes Argo CD know both clusters by name: the one it lives in, and the other with a client certificate.
func (a *Argo) register() error {
	two := a.box.Cluster("two")
	file := func(name string) string {
		text, err := os.ReadFile(two.ca.file(name))
		if err != nil {
			panic(err) // written when the cluster started
		}
		return base64.StdEncoding.EncodeToString(text)
	}
	config, err := json.Marshal(map[string]any{"tlsClientConfig": map[string]any{
		"caData": file("ca.crt"), "certData": file("argocd.crt"), "keyData": file("argocd.key"),
	}})
	if err != nil {
		return err
	}
	for _, cluster := range []struct{ name, server, config string }{
		{"one", "https://kubernetes.default.svc", `{"tlsClientConfig": {"insecure": false}}`},
		{"two", two.Server, string(config)},
	} {
		err := a.apply(&unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Secret",
			"metadata": map[string]any{
				"name": "cluster-" + cluster.name, "namespace": ArgoNamespace,
				"labels": map[string]any{"argocd.argoproj.io/secret-type": "cluster"},
			},
			"stringData": map[string]any{"name": cluster.name, "server": cluster.server, "config": cluster.config},
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *Argo) startServers() error {
	env := []string{
		"KUBECONFIG=" + a.box.Cluster("one").ca.file("argocd.kubeconfig"), "ARGOCD_FAKE_IN_CLUSTER=true", // kubernetes.default.svc means this kubeconfig
		"ARGOCD_GPG_ENABLED=false", "ARGOCD_RECONCILIATION_TIMEOUT=20s",
		"ARGOCD_TLS_DATA_PATH=" + a.folder("tls"), "ARGOCD_SSH_DATA_PATH=" + a.folder("ssh"), "ARGOCD_PLUGINSOCKFILEPATH=" + a.folder("plugins"),
		"ARGOCD_GNUPGHOME=" + a.folder("gpg/keys"), "ARGOCD_GPG_DATA_PATH=" + a.folder("gpg/source"),
	}
	if delay := os.Getenv("HEAPGATE_E2E_WAVE_DELAY"); delay != "" {
		env = append(env, "ARGOCD_SYNC_WAVE_DELAY="+delay)
	}
	redisPort := strings.TrimPrefix(redis, "127.0.0.1:")
	repo := []string{"--redis", redis, "--repo-server", repoServer, "--repo-server-plaintext"}
	servers := []struct {
		name string
		at   string // address that must answer
		argv []string
	}{
		{"redis", redis, []string{"redis-server", "--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--port", redisPort}},
		{"repo-server", repoServer, []string{"argocd-repo-server", "--address", "127.0.0.1", "--port", "8081", "--metrics-address", "127.0.0.1", "--redis", redis, "--disable-tls"}},
		{"server", argoServer, append([]string{"argocd-server", "--address", "127.0.0.1", "--port", "8080", "--metrics-address", "127.0.0.1", "--insecure", "--disable-auth",
			"--dex-server", "http://127.0.0.1:5556", "--staticassets", a.folder("assets")}, repo...)},
		{"application-controller", "127.0.0.1:8082", append([]string{"argocd-application-controller", "--metrics-port", "8082", "--app-resync", "20",
			"--self-heal-timeout-seconds", "5", "--status-processors", "4", "--operation-processors", "4"}, repo...)},
		{"applicationset-controller", "127.0.0.1:12345", []string{"argocd-applicationset-controller", "--namespace", ArgoNamespace, "--argocd-repo-server", repoServer, "--repo-server-plaintext",
			"--enable-progressive-syncs", "--metrics-addr", "127.0.0.1:12345", "--probe-addr", "127.0.0.1:12346", "--webhook-addr", "127.0.0.1:7000"}},
	}
	var started []*process
	for _, s := range servers {
		p := a.box.newProcess("argocd/"+s.name, nil, s.argv...)
		p.env = append(p.env, env...)
		if err := p.start(); err != nil {
			return err
		}
		started = append(started, p)
	}
	for i, p := range started {
		if err := p.await(90*time.Second, func() error { return listens(servers[i].at) }); err != nil {
			return err
		}
	}
	return nil
}

func (a *Argo) folder(name string) string {
	dir := filepath.Join(a.dir, name)
	_ = os.MkdirAll(dir, 0o755)
	return dir
}

func listens(address string) error {
	connection, err := (&net.Dialer{Timeout: time.Second}).Dial("tcp", address)
	if err != nil {
		return err
	}
	return connection.Close()
}

// connect waits until Argo CD's API server answers and has made its default project.
func (a *Argo) connect() error {
	client, err := apiclient.NewClient(&apiclient.ClientOptions{ServerAddr: argoServer, PlainText: true, ConfigPath: filepath.Join(a.dir, "none")})
	if err != nil {
		return err
	}
	_, a.Apps, err = client.NewApplicationClient()
	if err != nil {
		return err
	}
	projects := schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "appprojects"}
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(100 * time.Millisecond) {
		_, err = a.box.Cluster("one").Dynamic.Resource(projects).Namespace(ArgoNamespace).Get(context.Background(), "default", metav1.GetOptions{})
		if err == nil {
			_, err = a.Apps.List(context.Background(), &application.ApplicationQuery{})
		}
		if err == nil {
			return nil
		}
	}
	return errors.Join(errors.New("the default project is missing"), err)
}
