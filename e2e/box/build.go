// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package box

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	kubernetesVersion = "1.33.13"
	versionPackage    = "k8s.io/component-base/version"
)

// Artifacts are the files that the box is made of: built outside, where there is a network, and used inside.
type Artifacts struct {
	Bin        string            // folder of Kubernetes' and Argo CD's programs
	Manifests  string            // Argo CD's own manifests, from the module cache
	Argo       string            // version of Argo CD
	Programs   map[string]string // binary of each image by program name
	Prometheus string            // binary
}

// argo says which Argo CD is tested: its module, and the folder whose go.mod names its version.
type argo struct{ module, dir string }

func chosenArgo(e2e string) (argo, error) {
	switch v := os.Getenv("HEAPGATE_E2E_ARGOCD"); v {
	case "", "v2":
		return argo{module: "github.com/argoproj/argo-cd/v2", dir: e2e}, nil
	case "v3":
		return argo{module: "github.com/argoproj/argo-cd/v3", dir: filepath.Join(e2e, "argocd3")}, nil
	default:
		return argo{}, fmt.Errorf("HEAPGATE_E2E_ARGOCD must be v2 or v3 (got %q)", v)
	}
}

// builder compiles into a cache folder; what is there under the right key is not built again.
type builder struct {
	cache string
	e2e   string // folder of this module
	began time.Time
}

func newBuilder() (*builder, error) {
	cache := os.Getenv("HEAPGATE_E2E_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return nil, err
		}
		cache = filepath.Join(user, "heapgate-e2e")
	}
	e2e, err := os.Getwd() // go test runs a test in its package's folder
	if err != nil {
		return nil, err
	}
	return &builder{cache: cache, e2e: e2e, began: time.Now()}, os.MkdirAll(cache, 0o755)
}

func (b *builder) all() (Artifacts, error) {
	chosen, err := chosenArgo(b.e2e)
	if err != nil {
		return Artifacts{}, err
	}
	module, err := b.module(chosen)
	if err != nil {
		return Artifacts{}, err
	}
	kube, err := b.hyperkube()
	if err != nil {
		return Artifacts{}, err
	}
	argocd, err := b.argocd(chosen, module.Version)
	if err != nil {
		return Artifacts{}, err
	}
	beside, err := b.beside()
	if err != nil {
		return Artifacts{}, err
	}
	bin, err := b.links(kube, argocd)
	return Artifacts{Bin: bin, Manifests: filepath.Join(module.Dir, "manifests"), Argo: module.Version, Programs: beside.Programs, Prometheus: beside.Prometheus}, err
}

// beside is what needs no cluster.
func (b *builder) beside() (a Artifacts, err error) {
	if a.Prometheus, err = b.prometheus(); err == nil {
		a.Programs, err = b.programs()
	}
	return a, err
}

// Beside returns the programs for a test that runs them on loopback, beside the clusters or where there are none. Only there it has to
// build them itself.
func Beside(t testing.TB) Artifacts {
	t.Helper()
	var a Artifacts
	var err error
	if os.Getenv(envStage) == "tests" {
		if err = ip("link set lo up"); err == nil { // a new network namespace begins with loopback down
			a, err = inherited()
		}
	} else if b, failed := newBuilder(); failed != nil {
		err = failed
	} else {
		a, err = b.beside()
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (b *builder) hyperkube() (string, error) {
	dir := filepath.Join(b.e2e, "hyperkube")
	v := strings.Split(kubernetesVersion, ".")
	ldflags := fmt.Sprintf("-s -w -X %[1]s.gitVersion=v%[2]s -X %[1]s.gitMajor=%[3]s -X %[1]s.gitMinor=%[4]s", versionPackage, kubernetesVersion, v[0], v[1])
	return b.cached(dir, "hyperkube", ldflags, ".", "go.mod", "go.sum", "main.go")
}

func (b *builder) argocd(chosen argo, version string) (string, error) {
	ldflags := fmt.Sprintf("-s -w -X %s/common.version=%s", chosen.module, strings.TrimPrefix(version, "v"))
	return b.cached(chosen.dir, "argocd", ldflags, chosen.module+"/cmd", "go.mod", "go.sum")
}

// prometheus is of the module of promtool, which make test has compiled already. It leaves out service discovery.
func (b *builder) prometheus() (string, error) {
	return b.cached(filepath.Join(filepath.Dir(b.e2e), "tools"), "prometheus", "-s -w", "-tags=remove_all_sd github.com/prometheus/prometheus/cmd/prometheus", "go.mod", "go.sum")
}

// programs builds what goes into the images. They change with every edit: Go's own cache decides, not ours.
func (b *builder) programs() (map[string]string, error) {
	root := os.Getenv("HEAPGATE_E2E_SOURCE") // another checkout, such as a release to upgrade from
	if root == "" {
		root = filepath.Dir(b.e2e)
	}
	packages := map[string]struct{ dir, pkg string }{
		"pause":              {b.e2e, "./pause"},
		"heapgate":           {root, "./cmd/heapgate"},
		"heapgate-collector": {root, "./distro"},
		"shop":               {root, "-trimpath ./examples/shop"}, // its lines are named in verdicts
		"load":               {root, "./examples/shop/load"},
	}
	built := map[string]string{}
	for name, p := range packages {
		out := filepath.Join(b.cache, "programs", name)
		if err := b.compile(p.dir, name, "-s -w", p.pkg, out); err != nil {
			return nil, err
		}
		built[name] = out
	}
	return built, nil
}

// cached builds unless the cache holds a binary of the same sources, flags and compiler.
func (b *builder) cached(dir, name, ldflags, pkg string, sources ...string) (string, error) {
	sum := sha256.New()
	version, err := output(dir, "go", "version")
	if err != nil {
		return "", err
	}
	fmt.Fprintln(sum, version, ldflags, pkg)
	for _, source := range sources {
		content, err := os.ReadFile(filepath.Join(dir, source))
		if err != nil {
			return "", err
		}
		fmt.Fprintln(sum, source, len(content))
		sum.Write(content)
	}
	out := filepath.Join(b.cache, name+"-"+hex.EncodeToString(sum.Sum(nil))[:16], name)
	if _, err := os.Stat(out); err == nil {
		say("%s: in the cache (%s)", name, filepath.Dir(out))
		return out, nil
	}
	temporary := out + ".part"
	if err := b.compile(dir, name, ldflags, pkg, temporary); err != nil {
		return "", err
	}
	return out, os.Rename(temporary, out)
}

// compile one package; pkg may have flags before it.
func (b *builder) compile(dir, name, ldflags, pkg, out string) error {
	began := time.Now()
	say("%s: building", name)
	tick := time.NewTicker(15 * time.Second)
	defer tick.Stop()
	args := append([]string{"build", "-ldflags", ldflags, "-o", out}, strings.Fields(pkg)...)
	command := exec.Command("go", args...)
	command.Dir = dir
	// The same settings as those of the tests and of make build, so that nothing is compiled twice.
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOWORK=off")
	finished := make(chan error, 1)
	go func() {
		text, err := command.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("go build %s in %s: %w\n%s", pkg, dir, err, text)
		}
		finished <- err
	}()
	for {
		select {
		case <-tick.C:
			say("%s: still building after %v", name, time.Since(began).Round(time.Second))
		case err := <-finished:
			say("%s: built in %v, %v CPU", name, time.Since(began).Round(100*time.Millisecond), cpu(command))
			return err
		}
	}
}

func cpu(command *exec.Cmd) time.Duration {
	if command.ProcessState == nil {
		return 0
	}
	return (command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Round(100 * time.Millisecond)
}

type module struct{ Dir, Version string }

func (b *builder) module(chosen argo) (module, error) {
	var m module
	text, err := output(chosen.dir, "go", "list", "-m", "-json", chosen.module)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return m, err
	}
	if m.Dir == "" { // known to go.mod, but not yet in the module cache
		if _, err := output(chosen.dir, "go", "mod", "download", chosen.module); err != nil {
			return m, err
		}
		return b.module(chosen)
	}
	return m, nil
}

// links makes a folder with one name for each program of the two binaries, which look at the name they are called by.
func (b *builder) links(kube, argocd string) (string, error) {
	bin := filepath.Join(b.cache, "bin-"+filepath.Base(filepath.Dir(kube))+"-"+filepath.Base(filepath.Dir(argocd)))
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", err
	}
	programs := map[string][]string{
		kube:   {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl", "kustomize"},
		argocd: {"argocd", "argocd-application-controller", "argocd-applicationset-controller", "argocd-repo-server", "argocd-server"},
	}
	for target, names := range programs {
		for _, name := range names {
			link := filepath.Join(bin, name)
			_ = os.Remove(link)
			if err := os.Symlink(target, link); err != nil {
				return "", err
			}
		}
	}
	return bin, nil
}

func output(dir string, name string, args ...string) (string, error) {
	command := exec.Command(name, args...)
	command.Dir = dir
	command.Env = append(os.Environ(), "GOWORK=off")
	text, err := command.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, exit.Stderr)
		}
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(text)), nil
}
