// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// want is what each function of testdata/prog/states waits for, and how many goroutines do.
var want = map[string]string{
	"main.receive": "2 chan receive", "main.receiveOK": "3 chan receive", "main.receiveNil": "4 chan receive", "main.ranged": "2 chan receive",
	"main.send": "3 chan send", "main.sendNil": "4 chan send", "main.selects": "2 select", "main.forever": "3 select (no cases)",
	"main.lock": "4 sync.Mutex.Lock", "main.lockReader": "3 sync.RWMutex.RLock", "main.wait": "4 sync.WaitGroup.Wait",
	"main.lockWriter": "1 sync.Mutex.Lock, 1 sync.RWMutex.Lock", // the second one waits for the first
	"main.condition":  "2 sync.Cond.Wait", "main.sleep": "3 sleep", "main.timer": "4 chan receive", "main.accept": "2 IO wait",
	"main.rawRead": "3 syscall", "main.pipeRead": "4 IO wait", "main.yield": "2 runnable", "main.spin": "1 runnable",
	"main.labelled": "6 chan receive", "main.leak": "5 chan receive", "main.finalized.func1": "1 chan receive",
	"main.onlyOnce": "1 sync.Mutex.Lock", "main.onlyOnce.func1": "1 chan receive", "os/signal.loop": "1 syscall",
	"main.pulled": "3 chan receive", "main.pulled.func1": "3 coroutine", // from Go 1.23 on
}

// TestProgram asks a live process, and holds every goroutine's state to the runtime's own dump of it.
func TestProgram(t *testing.T) {
	for _, tool := range []string{"go", "/usr/lib/go-1.19/bin/go"} {
		t.Run(filepath.Base(filepath.Dir(filepath.Dir(tool))), func(t *testing.T) {
			if _, err := exec.LookPath(tool); err != nil {
				t.Skip(err)
			}
			dir := t.TempDir()
			version := build(t, dir, tool)
			url := run(t, dir)
			var text, symbols, wrong string
			for range 50 { // until each goroutine is where it wants to be
				text, symbols = ask(t, url, "goroutine")
				s := parse(t, text).Snapshot(lookup(t, symbols))
				if wrong = checkProgram(s) + checkDump(t, s, get(t, url+"/debug/pprof/goroutine?debug=2")); wrong == "" {
					break
				}
				time.Sleep(100 * time.Millisecond)
			}
			if wrong != "" {
				t.Error(wrong)
			}
			if *update && wrong == "" {
				fixture := filepath.Join("testdata", version)
				if err := os.MkdirAll(fixture, 0o755); err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(fixture, "goroutine.txt"), text)
				write(t, filepath.Join(fixture, "symbols.txt"), symbols)
			}
		})
	}
}

// TestFixtures reads the recorded texts.
func TestFixtures(t *testing.T) {
	for _, version := range []string{"go1.19", "go1.26"} {
		t.Run(version, func(t *testing.T) {
			dir := filepath.Join("testdata", version)
			s := parse(t, read(t, filepath.Join(dir, "goroutine.txt"))).Snapshot(lookup(t, read(t, filepath.Join(dir, "symbols.txt"))))
			checkSums(t, s)
			if wrong := checkProgram(s); wrong != "" {
				t.Error(wrong)
			}
			golden(t, filepath.Join(dir, "sites.txt"), table(s))
		})
	}
}

// TestLeakProfile asks for the goroutines that nothing can wake.
func TestLeakProfile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("GOEXPERIMENT", "goroutineleakprofile")
	build(t, dir, "go")
	text, symbols := ask(t, run(t, dir), "goroutineleak")
	s := parse(t, text).Snapshot(lookup(t, symbols))
	checkSums(t, s)
	got := map[string]string{}
	for _, site := range s.Sites {
		got[site.Function] = fmt.Sprint(site.Count, " ", site.State)
	}
	if !s.Leak || got["main.leak"] != "5 chan receive" || got["main.receive"] != "" {
		t.Errorf("got leak %v and %v", s.Leak, got)
	}
}

// TestMapDense finds goroutines in the middle of a map's growth.
func TestMapDense(t *testing.T) {
	dir := t.TempDir()
	build(t, dir, "go")
	url := run(t, dir, "grow")
	for range 200 {
		text, symbols := ask(t, url, "goroutine")
		s := parse(t, text).Snapshot(lookup(t, symbols))
		checkSums(t, s)
		for _, site := range s.Sites {
			if site.InMap > 0 && site.Function != "main.grow" {
				t.Errorf("%+v", site)
			}
		}
		if s.InMap > 0 {
			return
		}
	}
	t.Error("8 goroutines that do nothing but fill maps were never seen in one")
}

// checkProgram holds the sites to what the program is known to do, and tells what differs.
func checkProgram(s Snapshot) (wrong string) {
	if s.Unresolved > 0 || len(s.Warnings) > 0 || s.Observer != 1 || s.Labelled != 6 || s.ByState[Unknown]+s.ByState[Waiting] > 0 {
		wrong = fmt.Sprintf("unresolved %d, warnings %q, observer %d, labelled %d, states %v\n", s.Unresolved, s.Warnings, s.Observer, s.Labelled, s.ByState)
	}
	got := map[string]string{}
	for _, site := range s.Sites {
		if _, known := want[site.Function]; known {
			got[site.Function] = strings.TrimPrefix(fmt.Sprintf("%s, %d %s", got[site.Function], site.Count, site.State), ", ")
		}
	}
	wanted := want
	if got["main.pulled"] == "" {
		wanted = map[string]string{}
		for function, states := range want {
			if !strings.HasPrefix(function, "main.pulled") {
				wanted[function] = states
			}
		}
	}
	return wrong + cmp.Diff(wanted, got)
}

var (
	dumpHead  = regexp.MustCompile(`^goroutine \d+ \[([^\],]*)[^\]]*\]:\n`)
	dumpFrame = regexp.MustCompile(`(?m)^(\S.*)\(.*\)\n\t(\S+):(\d+)`)
)

// checkDump holds the sites in the program to the runtime's dump, the oracle, and tells what differs. It tells a site by its
// file, knows nothing of addresses, and takes the state from the runtime's mouth.
func checkDump(t *testing.T, s Snapshot, dump string) string {
	t.Helper()
	want := map[string]int64{}
	for _, one := range strings.Split(dump, "\n\n") {
		head := dumpHead.FindStringSubmatch(one)
		if head == nil {
			t.Fatalf("%q", one)
		}
		stack, _, _ := strings.Cut(one, "\ncreated by ")
		for _, frame := range dumpFrame.FindAllStringSubmatch(stack, -1) {
			if strings.HasPrefix(frame[2], "example.com/prog/") {
				want[fmt.Sprintf("%s:%s %s", frame[1], frame[3], strings.TrimSuffix(head[1], " (nil chan)"))]++
				break
			}
		}
	}
	got := map[string]int64{}
	for _, site := range s.Sites {
		if !strings.HasPrefix(site.File, "example.com/prog/") {
			continue
		}
		state := site.State
		if old := fmt.Sprintf("%s:%d semacquire", site.Function, site.Line); want[old] > 0 { // Go 1.19 has one word for these
			switch state {
			case MutexLock, RWMutexLock, RWMutexRLock, WaitGroupWait:
				state = Semacquire
			}
		}
		got[fmt.Sprintf("%s:%d %s", site.Function, site.Line, state)] += site.Count
	}
	return cmp.Diff(want, got)
}

// build makes the program in dir with a go command, and gives its version.
func build(t *testing.T, dir, tool string) string {
	t.Helper()
	for _, file := range []string{"main.go", "pull.go", "nopull.go"} {
		write(t, filepath.Join(dir, file), read(t, filepath.Join("testdata", "prog", "states", file)))
	}
	write(t, filepath.Join(dir, "go.mod"), "module example.com/prog\n\ngo 1.19\n")
	command := func(args ...string) string {
		cmd := exec.Command(tool, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "GOTOOLCHAIN=local", "CGO_ENABLED=0")
		if filepath.IsAbs(tool) {
			cmd.Env = append(cmd.Env, "GOROOT="+filepath.Dir(filepath.Dir(tool)))
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %q: %v\n%s", tool, args, err, out)
		}
		return string(out)
	}
	command("build", "-trimpath", "-o", "prog", ".")
	return regexp.MustCompile(`go1\.\d+`).FindString(command("version"))
}

// run starts the program and gives its URL.
func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(dir, "prog"), args...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(url)
}

var client = http.Client{Timeout: 20 * time.Second}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", url, resp.Status, err)
	}
	return string(body)
}

// ask gets a text, and the names that it lacks.
func ask(t *testing.T, url, profile string) (text, symbols string) {
	t.Helper()
	text = get(t, url+"/debug/pprof/"+profile+"?debug=1")
	var addresses []string
	for _, address := range parse(t, text).Unknown(nil) {
		addresses = append(addresses, fmt.Sprintf("%#x", address))
	}
	return text, get(t, url+"/debug/pprof/symbol?"+strings.Join(addresses, "+"))
}
