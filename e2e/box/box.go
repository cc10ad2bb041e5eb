// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package box

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// Address of the box itself on the bridge that joins the clusters: where a test's own servers are reached from pods.
const Address = "10.77.0.1"

// Box is the running whole: clusters, git, Argo CD.
type Box struct {
	Argo *Argo
	Git  *Git

	dir       string // of this run
	cgroup    string // name of the parent cgroup of all clusters
	artifacts Artifacts
	images    map[string]Image
	clusters  map[string]*Cluster

	mu        sync.Mutex
	processes []*process
	began     time.Time
}

var theBox struct {
	once sync.Once
	box  *Box
	err  error
}

// Start returns the box, which the first caller starts. A machine that cannot run it skips the test and says why.
func Start(t testing.TB) *Box {
	t.Helper()
	if reason := os.Getenv(envUnable); reason != "" {
		t.Skip("NO CLUSTER IS TESTED: " + reason)
	}
	theBox.once.Do(func() {
		theBox.err = errors.New("the start was interrupted")
		theBox.box, theBox.err = start()
	})
	if theBox.err != nil {
		t.Fatalf("the box does not start: %v", theBox.err)
	}
	t.Cleanup(func() { theBox.box.afterTest(t) })
	return theBox.box
}

func start() (*Box, error) {
	artifacts, err := inherited()
	if err != nil {
		return nil, err
	}
	b := &Box{dir: os.Getenv(envDir), cgroup: os.Getenv(envCgroup), artifacts: artifacts, clusters: map[string]*Cluster{}, began: time.Now()}
	if err := b.network(); err != nil {
		return nil, err
	}
	b.step("network")
	if b.images, err = makeImages(artifacts.Programs, filepath.Join(b.dir, "images")); err != nil {
		return nil, err
	}
	b.step("images")
	var starts errgroup.Group
	for i, name := range []string{"one", "two"} {
		c := b.newCluster(name, i+1)
		b.clusters[name] = c
		starts.Go(c.start)
	}
	if b.Git, err = b.newGit(); err != nil {
		return nil, err
	}
	if err := starts.Wait(); err != nil {
		return nil, err
	}
	if b.Argo, err = b.startArgo(); err != nil {
		return nil, err
	}
	b.step("Argo CD " + artifacts.Argo)
	return b, nil
}

// network makes the bridge that joins the nodes, and the routes to their pods and services.
func (b *Box) network() error {
	if err := sysctl("net.ipv4.ip_forward", "1"); err != nil {
		return err
	}
	return ip(`link set lo up
		link add box type bridge
		addr add ` + Address + `/24 dev box
		link set box up`)
}

// Cluster returns the cluster of that name: one or two.
func (b *Box) Cluster(name string) *Cluster {
	c := b.clusters[name]
	if c == nil {
		panic(fmt.Sprintf("no cluster %q (want one or two)", name))
	}
	return c
}

// Image returns an image that every cluster holds: pause, heapgate, heapgate-collector, shop-good, shop-bad, shop-lavish, load.
func (b *Box) Image(name string) Image {
	image, ok := b.images[name]
	if !ok {
		panic(fmt.Sprintf("no image %q", name))
	}
	return image
}

// NewImage returns a copy of an image with a label that changes nothing but its digest: a release never seen before.
func (b *Box) NewImage(t testing.TB, name, label string) Image {
	t.Helper()
	image := b.Image(name)
	image.Labels = map[string]string{"release": label}
	image.Tag += "-" + label
	file := filepath.Join(b.dir, "images", name+"-"+label+".tar")
	if err := image.archive(file); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(file)
	for _, c := range b.clusters {
		if err := c.importImage(file); err != nil {
			t.Fatal(err)
		}
	}
	return image
}

func (b *Box) newProcess(name string, in *space, argv ...string) *process {
	p := &process{name: name, in: in, argv: argv, env: b.environment(), log: filepath.Join(b.dir, "logs", name+".log")}
	if !filepath.IsAbs(argv[0]) {
		p.argv[0] = b.Program(argv[0])
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.processes = append(b.processes, p)
	return p
}

// Program is the path of a program: one that went into an image, one of Kubernetes' or Argo CD's, or one of the machine's.
// A name that nobody knows stays a name.
func (b *Box) Program(name string) string {
	if path, ok := b.artifacts.Programs[name]; ok {
		return path
	}
	for _, dir := range []string{b.artifacts.Bin, "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/bin"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return filepath.Join(dir, name)
		}
	}
	return name
}

func (b *Box) environment() []string {
	home := filepath.Join(b.dir, "home")
	_ = os.MkdirAll(home, 0o755)
	return []string{"HOME=" + home, "PATH=" + b.artifacts.Bin + ":/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR=" + filepath.Join(b.dir, "tmp")}
}

func (b *Box) process(t testing.TB, name string) *process {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.processes, func(p *process) bool { return p.name == name })
	if i < 0 {
		t.Fatalf("no server %q", name)
	}
	return b.processes[i]
}

// Stop stops a server, such as one/kube-apiserver or argocd/redis.
func (b *Box) Stop(t testing.TB, name string) {
	t.Helper()
	if err := b.process(t, name).stop(15 * time.Second); err != nil {
		t.Fatal(err)
	}
}

// Start starts a stopped server again, and does not wait until it answers.
func (b *Box) Start(t testing.TB, name string) {
	t.Helper()
	if err := b.process(t, name).start(); err != nil {
		t.Fatal(err)
	}
}

// Restart kills a server and starts it again, and does not wait until it answers.
func (b *Box) Restart(t testing.TB, name string) {
	t.Helper()
	p := b.process(t, name)
	if err := errors.Join(p.stop(0), p.start()); err != nil {
		t.Fatal(err)
	}
}

// Dir is a folder of the box for a test's own files. It goes away with the box.
func (b *Box) Dir(name string) string {
	dir := filepath.Join(b.dir, "tests", name)
	_ = os.MkdirAll(dir, 0o755)
	return dir
}

// afterTest tells of servers that died while a test ran: its failure may not be its own.
func (b *Box) afterTest(t testing.TB) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.processes {
		if err := p.died(); err != nil {
			t.Errorf("%v", err)
		}
	}
	if t.Failed() {
		t.Logf("logs of all servers: %s", filepath.Join(b.dir, "logs"))
	}
}

func (b *Box) step(what string) {
	say("%6.1f s  %s", time.Since(b.began).Seconds(), what)
}
