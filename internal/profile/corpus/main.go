// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command corpus captures real profiles of well-known Go programs into internal/profile/testdata/corpus, for benchmarks and
// oracle tests: it builds each program from the module proxy, uses it for a while as its users do (see programs.go), and
// asks its pprof pages. MemProfileRate is Go's own. How long a program is used is what keeps all files together below 1.6 MB:
// most of it are the heap texts, which are three to six times the size of the profiles.
//
//	go run ./internal/profile/corpus [-only prometheus,etcd] [-kube FOLDER] [-for 5m] [-into FOLDER]
//
// kube-apiserver is not built here but taken from a folder that has it and etcd, such as the one that the cluster suite
// (e2e) leaves in its cache. The collector is this module's own, so this must run in the module's root.
package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxBody  = 64 << 20
	maxSaved = 900 << 10 // a file of the repository stays below 1 MB; where -for says another time, nothing is committed
)

func main() {
	only := flag.String("only", "", "names, comma separated; default all")
	into := flag.String("into", "internal/profile/testdata/corpus", "folder")
	kube := flag.String("kube", "", "folder that has kube-apiserver and etcd; without it kube-apiserver is left out")
	cache, _ := os.UserCacheDir()
	work := flag.String("work", filepath.Join(cache, "heapgate-corpus"), "folder of builds")
	used := flag.Duration("for", 0, "how long each program is used; default as programs.go says")
	flag.Parse()
	for _, p := range programs {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), p.name) {
			continue
		}
		if p.pkg == "" && *kube == "" {
			continue
		}
		if err := p.capture(context.Background(), *work, *into, *kube, cmp.Or(*used, p.used)); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", p.name, err)
			os.Exit(1)
		}
	}
}

// capture builds, runs and asks one program.
func (p *program) capture(ctx context.Context, work, into, given string, used time.Duration) error {
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
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, binary, p.args...)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	if err := p.use(ctx, dir, used); err != nil {
		return err
	}
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

// build makes the program in a module of its own, so that its dependencies stay out of ours. Its files are named as in a
// release, not by the folders of this machine.
func (p *program) build(ctx context.Context, dir, given string) (string, error) {
	if p.pkg == "" {
		return filepath.Join(given, p.name), os.MkdirAll(dir, 0o755)
	}
	binary := filepath.Join(dir, "program")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	from, steps := dir, [][]string{{"get", p.pkg + "@" + p.module[strings.LastIndexByte(p.module, '@')+1:]}}
	if p.module == "" {
		from, steps = ".", nil
	} else if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module corpus\n\ngo 1.26\n"), 0o644); err != nil {
		return "", err
	}
	for _, args := range append(steps, []string{"build", "-trimpath", "-o", binary, p.pkg}) {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir, cmd.Stderr = from, os.Stderr
		if err := cmd.Run(); err != nil {
			return "", fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
		}
	}
	return binary, nil
}

func zipped(body []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = w.Write(body)
	_ = w.Close()
	return b.Bytes()
}
