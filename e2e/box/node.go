// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package box

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// makeNode makes the node's namespaces. Its folders are those of any node, but they are ours: pods that mount /var/log/pods
// of their node see their own cluster's, and this machine's are out of reach.
func (c *Cluster) makeNode() error {
	var err error
	c.node, err = newSpace(func() error {
		for _, at := range []string{"/run", "/var/lib", "/var/log"} {
			if err := bind(filepath.Join(c.dir, "node", at), at); err != nil {
				return err
			}
		}
		return sysctl("net.ipv4.ip_forward", "1")
	})
	if err != nil {
		return err
	}
	cable := "to-" + c.Name
	err = ip(fmt.Sprintf(`link add %[1]s type veth peer name eth0 netns %[2]s
		link set %[1]s master box
		link set %[1]s up`, cable, c.node.path()))
	if err != nil {
		return err
	}
	err = c.node.do(func() error {
		return ip(fmt.Sprintf(`link set lo up
			addr add %s/24 dev eth0
			link set eth0 up
			route add default via %s`, c.Address, Address))
	})
	if err != nil {
		return err
	}
	return ip(fmt.Sprintf("route add %s.0/24 via %s\nroute add %s.0/24 via %s", c.podNet, c.Address, c.ServiceNet, c.Address))
}

const containerdSocket = "/run/containerd/containerd.sock" // the node's

// startNode starts containerd, gives it the images, and then the kubelet and kube-proxy.
func (c *Cluster) startNode() error {
	config := filepath.Join(c.dir, "containerd.toml")
	network := filepath.Join(c.dir, "cni")
	if err := writeText(config, fmt.Sprintf(containerdConfig, containerdSocket, c.box.images["pause"].Tagged(), c.box.Program("runc"), network)); err != nil {
		return err
	}
	if err := writeText(filepath.Join(network, "10-bridge.conflist"), fmt.Sprintf(networkConfig, c.podNet)); err != nil {
		return err
	}
	if err := c.serve("containerd", 30*time.Second, c.containerdAnswers, "--config", config); err != nil {
		return err
	}
	for name := range c.box.images {
		if err := c.importImage(filepath.Join(c.box.dir, "images", name+".tar")); err != nil {
			return err
		}
	}
	if err := writeText(filepath.Join(c.dir, "resolv.conf"), "nameserver "+c.Address+"\n"); err != nil {
		return err
	}
	if err := c.serveNames(); err != nil {
		return err
	}
	kubelet := filepath.Join(c.dir, "kubelet.yaml")
	if err := writeText(kubelet, fmt.Sprintf(kubeletConfig, c.Address, c.ca.dir, containerdSocket, filepath.Join("/", c.box.cgroup, c.Name), c.dir)); err != nil {
		return err
	}
	err := c.serve("kubelet", time.Minute, c.nodeReady, "--config="+kubelet, "--kubeconfig="+c.ca.file("kubelet.kubeconfig"),
		"--hostname-override="+c.nodeName(), "--node-ip="+c.Address, "--cert-dir="+c.dir, "-v=2")
	if err != nil {
		return err
	}
	return c.serve("kube-proxy", 30*time.Second, c.proxyHealthy, "--kubeconfig="+c.Kubeconfig, "--proxy-mode="+proxyMode, "--hostname-override="+c.nodeName(),
		"--cluster-cidr="+c.podNet+".0/24", "--healthz-bind-address="+c.Address+":10256", "--metrics-bind-address=127.0.0.1:10249",
		// limits of the kernel that only the machine's own namespace may change
		"--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0")
}

const proxyMode = "iptables"

func (c *Cluster) containerdAnswers() error { return c.ctr("version") }

// ctr runs containerd's own client in the node.
func (c *Cluster) ctr(args ...string) error {
	command := exec.Command(c.box.Program("ctr"), append([]string{"-a", containerdSocket, "-n", "k8s.io"}, args...)...)
	var text strings.Builder
	command.Stdout, command.Stderr = &text, &text
	if err := c.node.do(command.Start); err != nil {
		return err
	}
	if err := command.Wait(); err != nil {
		return fmt.Errorf("ctr %s: %w: %s", strings.Join(args, " "), err, text.String())
	}
	return nil
}

func (c *Cluster) importImage(file string) error { return c.ctr("images", "import", file) }

func (c *Cluster) nodeReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	node, err := c.Kube.CoreV1().Nodes().Get(ctx, c.nodeName(), metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
			return nil
		}
	}
	return errNotYet
}

func (c *Cluster) proxyHealthy() error { return answers("http://" + c.Address + ":10256/healthz") }

func answers(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return nil
}

const containerdConfig = `version = 2
[grpc]
  address = %q
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  enable_tls_streaming = false
  stream_server_address = "127.0.0.1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = %q
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = %q
`

const networkConfig = `{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "%s.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
`

// One node of a small machine: nothing is evicted before the machine itself is in trouble, and nothing is pulled.
const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: %[1]s
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: %[2]s/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: %[2]s/kubelet.crt
tlsPrivateKeyFile: %[2]s/kubelet.key
containerRuntimeEndpoint: unix://%[3]s
cgroupDriver: cgroupfs
cgroupRoot: %[4]s
enforceNodeAllocatable: []
failSwapOn: false
clusterDNS: ["%[1]s"]
clusterDomain: ` + clusterDomain + `
resolvConf: %[5]s/resolv.conf
healthzBindAddress: 127.0.0.1
evictionHard: {memory.available: 100Mi, nodefs.available: 1%%, imagefs.available: 1%%, nodefs.inodesFree: 1%%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
volumePluginDir: %[5]s/volume-plugins
registerNode: true
`

// cgroupRoots are the folders that hold cgroups: one for each controller, or one for all.
func cgroupRoots() []string {
	var kind unix.Statfs_t
	if err := unix.Statfs("/sys/fs/cgroup", &kind); err == nil && kind.Type == unix.CGROUP2_SUPER_MAGIC {
		return []string{"/sys/fs/cgroup"}
	}
	roots, _ := filepath.Glob("/sys/fs/cgroup/*/cgroup.procs")
	for i, root := range roots {
		roots[i] = filepath.Dir(root)
	}
	return roots
}
