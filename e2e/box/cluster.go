// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package box

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
)

// Cluster is one Kubernetes cluster of one node, with an authority of its own.
type Cluster struct {
	Name       string
	Server     string // https://10.77.0.11:6443
	Address    string // of the node
	ServiceNet string // 10.96.1: a Service may ask for 10.96.1.X as its clusterIP
	Kubeconfig string // of a cluster administrator
	Config     *rest.Config
	Dynamic    dynamic.Interface
	Kube       kubernetes.Interface

	box    *Box
	dir    string
	podNet string // 10.78.1
	ca     *authority
	node   *space
	mapper *restmapper.DeferredDiscoveryRESTMapper
}

func (b *Box) newCluster(name string, number int) *Cluster {
	address := fmt.Sprintf("10.77.0.%d", 10+number)
	return &Cluster{
		Name: name, Address: address, Server: "https://" + address + ":6443",
		ServiceNet: fmt.Sprintf("10.96.%d", number), podNet: fmt.Sprintf("10.78.%d", number),
		box: b, dir: filepath.Join(b.dir, name),
	}
}

// start brings the cluster up until its node is ready.
func (c *Cluster) start() error {
	steps := []struct {
		what string
		do   func() error
	}{
		{"certificates", c.certificates},
		{"node", c.makeNode},
		{"API server", c.startAPI},
		{"ready", c.startRest},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			return fmt.Errorf("cluster %s, %s: %w", c.Name, step.what, err)
		}
		c.box.step("cluster " + c.Name + ": " + step.what)
	}
	return nil
}

func (c *Cluster) certificates() error {
	var err error
	if c.ca, err = newAuthority(filepath.Join(c.dir, "pki"), "heapgate e2e cluster "+c.Name); err != nil {
		return err
	}
	for _, s := range []struct {
		name, user, group, namespace string
		addresses                    []string
	}{
		{"apiserver", "kube-apiserver", "", "default", []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "127.0.0.1", c.Address, c.ServiceNet + ".1"}},
		{"admin", "admin", "system:masters", "default", nil},
		{"argocd", "argocd", "system:masters", ArgoNamespace, nil},
		{"controller-manager", "system:kube-controller-manager", "", "default", nil},
		{"scheduler", "system:kube-scheduler", "", "default", nil},
		{"kubelet", "system:node:" + c.nodeName(), "system:nodes", "default", []string{c.nodeName(), c.Address}},
	} {
		if err := c.ca.sign(s.name, s.user, s.group, s.addresses...); err != nil {
			return err
		}
		if _, err := c.ca.kubeconfig(s.name, c.Name, c.Server, s.namespace); err != nil {
			return err
		}
	}
	c.Kubeconfig = c.ca.file("admin.kubeconfig")
	return c.ca.keyPair("accounts")
}

func (c *Cluster) nodeName() string { return c.Name + "-node" }

// serve starts one of the cluster's servers and waits until it answers.
func (c *Cluster) serve(name string, limit time.Duration, ready func() error, argv ...string) error {
	p := c.box.newProcess(c.Name+"/"+name, c.node, append([]string{name}, argv...)...)
	if err := p.start(); err != nil {
		return err
	}
	return p.await(limit, ready)
}

func now() error { return nil }

func (c *Cluster) startAPI() error {
	err := c.serve("etcd", 30*time.Second, now, "--data-dir", filepath.Join(c.dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379", "--listen-peer-urls=http://127.0.0.1:2380", "--log-level=warn")
	if err != nil {
		return err
	}
	if err := c.connect(); err != nil {
		return err
	}
	pki := c.ca.file
	return c.serve("kube-apiserver", 2*time.Minute, c.ready,
		"--etcd-servers=http://127.0.0.1:2379", "--secure-port=6443", "--bind-address=0.0.0.0", "--advertise-address="+c.Address,
		"--service-cluster-ip-range="+c.ServiceNet+".0/24", "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
		"--client-ca-file="+pki("ca.crt"), "--tls-cert-file="+pki("apiserver.crt"), "--tls-private-key-file="+pki("apiserver.key"), "--cert-dir="+c.dir,
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+pki("accounts.pub"), "--service-account-signing-key-file="+pki("accounts.key"),
		"--kubelet-certificate-authority="+pki("ca.crt"), "--kubelet-client-certificate="+pki("admin.crt"), "--kubelet-client-key="+pki("admin.key"),
		"--kubelet-preferred-address-types=InternalIP")
}

func (c *Cluster) connect() error {
	var err error
	if c.Config, err = clientcmd.BuildConfigFromFlags("", c.Kubeconfig); err != nil {
		return err
	}
	c.Config.QPS, c.Config.Burst, c.Config.Timeout = 100, 200, 30*time.Second
	if c.Dynamic, err = dynamic.NewForConfig(c.Config); err != nil {
		return err
	}
	if c.Kube, err = kubernetes.NewForConfig(c.Config); err != nil {
		return err
	}
	c.mapper = newMapper(c.Kube)
	return nil
}

func (c *Cluster) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err := c.Kube.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
	return err
}

// startRest starts everything that needs an API server, all at once.
func (c *Cluster) startRest() error {
	pki := c.ca.file
	var group errgroup.Group
	group.Go(func() error {
		return c.serve("kube-controller-manager", time.Minute, c.hasDefaultAccount, "--kubeconfig="+pki("controller-manager.kubeconfig"),
			"--authentication-kubeconfig="+pki("controller-manager.kubeconfig"), "--authorization-kubeconfig="+pki("controller-manager.kubeconfig"),
			"--service-account-private-key-file="+pki("accounts.key"), "--root-ca-file="+pki("ca.crt"), "--use-service-account-credentials",
			"--leader-elect=false", "--bind-address=127.0.0.1", "--allocate-node-cidrs=true", "--cluster-cidr="+c.podNet+".0/24", "--node-cidr-mask-size=24", "--cert-dir="+c.dir)
	})
	group.Go(func() error {
		return c.serve("kube-scheduler", time.Minute, now, "--kubeconfig="+pki("scheduler.kubeconfig"),
			"--authentication-kubeconfig="+pki("scheduler.kubeconfig"), "--authorization-kubeconfig="+pki("scheduler.kubeconfig"), "--leader-elect=false", "--bind-address=127.0.0.1")
	})
	group.Go(c.startNode)
	return group.Wait()
}

// hasDefaultAccount: pods can be made once the controllers made the account that they run as.
func (c *Cluster) hasDefaultAccount() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err := c.Kube.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
	return err
}

func writeText(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}
