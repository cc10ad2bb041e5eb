// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// programSource is what the tested programs are built from.
const programSource = "testdata/hear/prog/main.go"

// oldGo is the Go of Debian's bookworm, with the maps of before 1.24. A machine may lack it.
const oldGo = "/usr/lib/go-1.19/bin/go"

// lineOf is the line of the program's source that is marked so.
func lineOf(t *testing.T, mark string) int {
	t.Helper()
	source, err := os.ReadFile(programSource)
	if err != nil {
		t.Fatal(err)
	}
	before, _, found := bytes.Cut(source, []byte("// line: "+mark+"\n"))
	if !found {
		t.Fatalf("%s has no line %q", programSource, mark)
	}
	return bytes.Count(before, []byte("\n")) + 1
}

// build makes the program with a toolchain, in a module of its own: no old one reads this module's go.mod.
func (h *hearing) build(t *testing.T, toolchain string) string {
	t.Helper()
	folder := t.TempDir()
	source, err := os.ReadFile(programSource)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"main.go": string(source), "go.mod": "module prog\n\ngo 1.19\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"CGO_ENABLED=0", "GOTOOLCHAIN=local", "GOWORK=off", "GOFLAGS="}
	if toolchain == oldGo {
		env = append(env, "GOROOT="+filepath.Dir(filepath.Dir(oldGo)))
	}
	binary := filepath.Join(folder, "prog")
	execute(t, folder, env, toolchain, "build", "-o", binary, ".")
	return binary
}

// program is one process of it.
type program struct {
	*process
	url    string
	stderr *logFile
}

// launch starts the program with gctrace, its stderr kept in a file as a container's is.
func launch(t *testing.T, binary, gogc string) *program {
	t.Helper()
	p := &program{stderr: &logFile{path: filepath.Join(t.TempDir(), "0.log")}}
	if err := p.stderr.open(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), "GODEBUG=gctrace=1", "GOTRACEBACK=all", "GOGC="+gogc, "GOMAXPROCS=2")
	cmd.Stderr = p.stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	p.process = begin(t, cmd, func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		address <- strings.TrimSpace(line)
	})
	p.url = "http://" + <-address
	return p
}

// do lets the program act, and says how many GC cycles it has had then.
func (p *program) do(t *testing.T, what string) (cycles int) {
	t.Helper()
	resp, err := http.Get(p.url + "/do/" + what)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil {
		cycles, err = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	if err != nil {
		t.Fatalf("%s: %v (%s)", what, err, resp.Status)
	}
	return cycles
}

// smash lets the program die. It cannot answer.
func smash(p *program) (status string, err error) {
	resp, err := http.Get(p.url + "/do/smash")
	if err != nil {
		return "", err
	}
	return resp.Status, resp.Body.Close()
}

// logFile is written as kubelet's runtime does: whole lines, to a file that is renamed when it is large.
type logFile struct {
	path string

	mu      sync.Mutex
	file    *os.File
	part    []byte // of a line
	rotated int
}

func (l *logFile) open() (err error) {
	l.file, err = os.Create(l.path)
	return err
}

func (l *logFile) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.part = append(l.part, text...)
	end := bytes.LastIndexByte(l.part, '\n') + 1
	if _, err := l.file.Write(l.part[:end]); err != nil {
		return 0, err
	}
	l.part = l.part[end:]
	return len(text), nil
}

func (l *logFile) rotate(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rotated++
	_ = l.file.Close()
	if err := os.Rename(l.path, fmt.Sprintf("%s.20261121-06%04d", l.path, l.rotated)); err != nil {
		t.Fatal(err)
	}
	if err := l.open(); err != nil {
		t.Fatal(err)
	}
}

var gcLine = regexp.MustCompile(`(?m)^gc \d+ @.* P( \(forced\))?$`)

// cycles counts the gc lines in all files.
func (l *logFile) cycles(t *testing.T) (n int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	files, err := filepath.Glob(l.path + "*")
	if err != nil || len(files) != l.rotated+1 {
		t.Fatalf("%d log files, want %d (%v)", len(files), l.rotated+1, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		n += len(gcLine.FindAll(text, -1))
	}
	return n
}
