// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command corpus captures real profiles of well-known Go programs into internal/profile/testdata/corpus, for benchmarks and
// oracle tests: it builds each program from the module proxy, runs it under its usual load of nothing but its own start,
// and asks its pprof pages.
//
//	go run ./internal/profile/corpus [-only prometheus,etcd] [-kube FOLDER]
//
// kube-apiserver is not built here but taken from a folder that has it and etcd, such as the one that the cluster suite
// (e2e) leaves in its cache.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// program is one to build and to ask.
type program struct {
	name, module, pkg string
	files             map[string]string // written into its working folder
	args              []string
	base              string   // of its pprof pages
	warm              []string // URLs that are asked first, so that it has something to show
	prepare           string   // a shell command that is run in its working folder first
	beside            []string // a command that runs next to it
}

var programs = []program{
	{
		name: "prometheus", module: "github.com/prometheus/prometheus@v0.314.0", pkg: "github.com/prometheus/prometheus/cmd/prometheus",
		files: map[string]string{"prometheus.yml": "global: {scrape_interval: 1s}\nscrape_configs: [{job_name: self, static_configs: [{targets: ['127.0.0.1:19090']}]}]\n"},
		args:  []string{"--web.listen-address=127.0.0.1:19090", "--storage.tsdb.path=data", "--config.file=prometheus.yml"},
		base:  "http://127.0.0.1:19090/debug/pprof",
		warm:  []string{"http://127.0.0.1:19090/metrics", "http://127.0.0.1:19090/api/v1/query?query=up"},
	},
	{
		name: "caddy", module: "github.com/caddyserver/caddy/v2@v2.11.9", pkg: "github.com/caddyserver/caddy/v2/cmd/caddy",
		files: map[string]string{"Caddyfile": "{\n admin 127.0.0.1:12019\n}\nhttp://127.0.0.1:12080 {\n respond \"hello\"\n}\n"},
		args:  []string{"run", "--config", "Caddyfile"},
		base:  "http://127.0.0.1:12019/debug/pprof",
		warm:  []string{"http://127.0.0.1:12080/", "http://127.0.0.1:12019/config/"},
	},
	{
		name: "etcd", module: "go.etcd.io/etcd/server/v3@v3.6.5", pkg: "go.etcd.io/etcd/server/v3",
		args: []string{"--enable-pprof", "--listen-client-urls=http://127.0.0.1:12379", "--advertise-client-urls=http://127.0.0.1:12379", "--listen-peer-urls=http://127.0.0.1:12380"},
		base: "http://127.0.0.1:12379/debug/pprof",
		warm: []string{"http://127.0.0.1:12379/metrics", "http://127.0.0.1:12379/health"},
	},
	{
		name: "gopls", module: "golang.org/x/tools/gopls@v0.21.0", pkg: "golang.org/x/tools/gopls",
		args: []string{"serve", "-listen=127.0.0.1:14389", "-debug=127.0.0.1:16060"},
		base: "http://127.0.0.1:16060/debug/pprof",
		warm: []string{"http://127.0.0.1:16060/", "http://127.0.0.1:16060/rpc"},
	},
	{
		name:    "kube-apiserver",
		prepare: "openssl genrsa -out sa.key 2048 && echo 'corpus,corpus,1,system:masters' > tokens.csv",
		beside:  []string{"etcd", "--data-dir=data", "--listen-client-urls=http://127.0.0.1:22379", "--advertise-client-urls=http://127.0.0.1:22379", "--listen-peer-urls=http://127.0.0.1:22380"},
		args: []string{"--etcd-servers=http://127.0.0.1:22379", "--secure-port=16443", "--bind-address=127.0.0.1", "--cert-dir=certs", "--service-cluster-ip-range=10.97.0.0/16",
			"--service-account-issuer=https://corpus", "--service-account-key-file=sa.key", "--service-account-signing-key-file=sa.key", "--authorization-mode=AlwaysAllow", "--token-auth-file=tokens.csv"},
		base: "https://127.0.0.1:16443/debug/pprof",
		warm: []string{"https://127.0.0.1:16443/openapi/v2", "https://127.0.0.1:16443/api/v1/namespaces", "https://127.0.0.1:16443/metrics", "https://127.0.0.1:16443/apis/apps/v1/deployments"},
	},
}

// rate is MemProfileRate. It is half of Go's own, so that a minute shows as many stacks as an hour of service.
const rate = "262144"

const (
	warmFor  = 30 * time.Second
	maxBody  = 64 << 20
	maxSaved = 900 << 10 // a file of the repository stays below 1 MB
)

func main() {
	only := flag.String("only", "", "names, comma separated; default all")
	into := flag.String("into", "internal/profile/testdata/corpus", "folder")
	kube := flag.String("kube", "", "folder that has kube-apiserver and etcd; without it kube-apiserver is left out")
	work := flag.String("work", filepath.Join(os.TempDir(), "heapgate-corpus"), "folder of builds")
	flag.Parse()
	for _, p := range programs {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), p.name) {
			continue
		}
		if p.module == "" && *kube == "" {
			continue
		}
		if err := p.capture(context.Background(), *work, *into, *kube); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", p.name, err)
			os.Exit(1)
		}
	}
}

// capture builds, runs and asks one program.
func (p *program) capture(ctx context.Context, work, into, given string) error {
	dir := filepath.Join(work, p.name)
	binary, err := p.build(ctx, dir, given)
	if err != nil {
		return err
	}
	if p.prepare != "" {
		cmd := exec.CommandContext(ctx, "sh", "-c", p.prepare)
		cmd.Dir = dir
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", p.prepare, err)
		}
	}
	if p.beside != nil {
		cmd := exec.CommandContext(ctx, filepath.Join(given, p.beside[0]), p.beside[1:]...)
		cmd.Dir = dir
		if err := cmd.Start(); err != nil {
			return err
		}
		defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	}
	for name, text := range p.files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, binary, p.args...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	cmd.Env = append(os.Environ(), "GODEBUG=memprofilerate="+rate)
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	p.load(ctx)
	for _, page := range []struct {
		path, file string
		zip        bool
	}{
		{"heap", "heap.pb.gz", false}, {"heap?debug=1", "heap.txt.gz", true}, {"goroutine?debug=1", "goroutine.txt.gz", true},
		{"goroutine", "goroutine.pb.gz", false}, {"profile?seconds=2", "cpu.pb.gz", false}, {"mutex", "mutex.pb.gz", false},
	} {
		body, err := get(ctx, p.base+"/"+page.path)
		if err != nil {
			return err
		}
		if page.path == "heap?debug=1" {
			names, err := p.symbols(ctx, body)
			if err == nil {
				err = save(filepath.Join(into, p.name+".symbols.txt.gz"), zipped(names))
			}
			if err != nil {
				return err
			}
		}
		if page.zip {
			body = zipped(body)
		}
		if err := save(filepath.Join(into, p.name+"."+page.file), body); err != nil {
			return err
		}
	}
	return nil
}

func save(file string, body []byte) error {
	if len(body) > maxSaved {
		return fmt.Errorf("%s has %d bytes, want at most %d", file, len(body), maxSaved)
	}
	fmt.Printf("%s %d bytes\n", file, len(body))
	return errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, body, 0o644))
}

// symbols asks for the names of all addresses of a heap text, by call address: the return address minus one.
func (p *program) symbols(ctx context.Context, text []byte) (names []byte, err error) {
	seen := map[uint64]bool{}
	var ask []string
	for line := range strings.Lines(string(text)) {
		_, stack, ok := strings.Cut(line, "] @ ")
		if !ok || strings.HasPrefix(line, "heap profile:") {
			continue
		}
		for _, field := range strings.Fields(stack) {
			pc, err := strconv.ParseUint(field, 0, 64)
			if err == nil && !seen[pc-1] {
				seen[pc-1] = true
				ask = append(ask, fmt.Sprintf("0x%x", pc-1))
			}
		}
	}
	for some := range slices.Chunk(ask, 300) {
		body, err := get(ctx, p.base+"/symbol?"+strings.Join(some, "+"))
		if err != nil {
			return nil, err
		}
		if names != nil { // one head is enough
			_, body, _ = bytes.Cut(body, []byte("\n"))
		}
		names = append(names, body...)
	}
	return names, nil
}

// build makes the program in a module of its own, so that its dependencies stay out of ours.
func (p *program) build(ctx context.Context, dir, given string) (string, error) {
	if p.module == "" {
		return filepath.Join(given, p.name), os.MkdirAll(dir, 0o755)
	}
	binary := filepath.Join(dir, "program")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module corpus\n\ngo 1.26\n"), 0o644); err != nil {
		return "", err
	}
	for _, args := range [][]string{{"get", p.pkg + "@" + p.module[strings.LastIndexByte(p.module, '@')+1:]}, {"build", "-o", binary, p.pkg}} {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir, cmd.Stderr = dir, os.Stderr
		if err := cmd.Run(); err != nil {
			return "", fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
		}
	}
	return binary, nil
}

// load asks the program's own pages for a while.
func (p *program) load(ctx context.Context) {
	for end := time.Now().Add(warmFor); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for _, u := range p.warm {
			_, _ = get(ctx, u) // it may not listen yet
		}
	}
}

// client trusts the certificate that a program made for itself a moment ago, on this machine.
var client = http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}

func get(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("Authorization", "Bearer corpus") // kube-apiserver lets nobody else look
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: got status %d, want 200", url, resp.StatusCode)
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxBody))
}

func zipped(body []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = w.Write(body)
	_ = w.Close()
	return b.Bytes()
}
