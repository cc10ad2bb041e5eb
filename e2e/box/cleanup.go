// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package box

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const cgroupPrefix = "heapgate-e2e-"

// run is what one run owns outside: its folder and its cgroups. The lock says that it lives.
type run struct {
	dir    string
	cgroup string
	lock   *os.File
	keep   bool // the logs
}

func newRun() (*run, error) {
	base := os.Getenv("HEAPGATE_E2E_RUN")
	if base == "" {
		base = "/var/tmp/heapgate-e2e"
	}
	if err := os.MkdirAll(base, 0o755); err != nil {
		return nil, err
	}
	// One at a time: a folder that is made but not locked yet looks like a dead one.
	turn, err := os.Open(base)
	if err != nil {
		return nil, err
	}
	defer turn.Close()
	if err := unix.Flock(int(turn.Fd()), unix.LOCK_EX); err != nil {
		return nil, err
	}
	removeDead(base)
	removeOldLogs(base)
	dir, err := os.MkdirTemp(base, "run-")
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(dir, "tmp"), 0o1777); err != nil {
		return nil, err
	}
	lock, err := os.Create(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	r := &run{dir: dir, cgroup: cgroupPrefix + filepath.Base(dir), lock: lock}
	return r, unix.Flock(int(lock.Fd()), unix.LOCK_EX)
}

// removeDead removes what runs left that were killed with no chance to clean up.
func removeDead(base string) {
	locks, _ := filepath.Glob(filepath.Join(base, "run-*", "lock"))
	for _, path := range locks {
		lock, err := os.Open(path)
		if err != nil {
			continue
		}
		if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			dir := filepath.Dir(path)
			(&run{dir: dir, cgroup: cgroupPrefix + filepath.Base(dir), lock: lock}).remove()
		} else {
			lock.Close()
		}
	}
}

const keptLogs = 5 // failed runs

// removeOldLogs removes all but the latest folders that hold logs and nothing else.
func removeOldLogs(base string) {
	runs, _ := filepath.Glob(filepath.Join(base, "run-*"))
	runs = slices.DeleteFunc(runs, func(dir string) bool {
		entries, err := os.ReadDir(dir)
		return err != nil || len(entries) != 1 || entries[0].Name() != "logs"
	})
	slices.SortFunc(runs, func(x, y string) int { return modified(y).Compare(modified(x)) })
	for _, dir := range runs[min(keptLogs, len(runs)):] {
		_ = os.RemoveAll(dir)
	}
}

func modified(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// outside builds, starts the inner stages, waits for them, and says how they ended.
func (r *run) outside() int {
	builder, err := newBuilder()
	if err != nil {
		return report(err)
	}
	artifacts, err := builder.all()
	if err != nil {
		return report(err)
	}
	say("binaries and programs ready after %v", time.Since(builder.began).Round(100*time.Millisecond))
	if err := r.makeCgroups(); err != nil {
		return report(err)
	}
	text, err := json.Marshal(artifacts)
	if err != nil {
		return report(err)
	}
	command := itself("init", r.dir)
	command.Env = append(command.Env, envCgroup+"="+r.cgroup, envArtifacts+"="+string(text))
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	code := r.supervise(command)
	r.keep = code != 0
	return code
}

// supervise waits for the inner stages. A signal is passed on once; a second one, or thirty seconds, kill. If the parent is
// gone, nobody waits for the result any more.
func (r *run) supervise(command *exec.Cmd) int {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	if err := command.Start(); err != nil {
		return report(err)
	}
	_ = os.WriteFile(filepath.Join(r.dir, "pid"), fmt.Append(nil, command.Process.Pid), 0o644)
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	parent, orphan, kill := os.Getppid(), time.NewTicker(time.Second), time.NewTimer(0)
	<-kill.C
	defer orphan.Stop()
	asked := false
	for {
		select {
		case err := <-ended:
			var exit *exec.ExitError
			if errors.As(err, &exit) && exit.Exited() {
				return exit.ExitCode()
			}
			return report(err)
		case <-signals:
			if asked {
				_ = command.Process.Kill()
			}
			_ = command.Process.Signal(syscall.SIGTERM)
			asked = true
			kill.Reset(30 * time.Second)
		case <-orphan.C:
			if os.Getppid() != parent {
				_ = command.Process.Kill()
			}
		case <-kill.C:
			_ = command.Process.Kill()
		}
	}
}

// makeCgroups makes a cgroup for each cluster under one of this run, in every hierarchy.
func (r *run) makeCgroups() error {
	for _, root := range cgroupRoots() {
		for _, cluster := range []string{"one", "two"} {
			if err := os.MkdirAll(filepath.Join(root, r.cgroup, cluster), 0o755); err != nil {
				return fmt.Errorf("make a cgroup: %w", err)
			}
		}
	}
	return nil
}

// remove takes away all that the run left. The logs stay if it failed.
func (r *run) remove() {
	for _, root := range cgroupRoots() {
		removeCgroup(filepath.Join(root, r.cgroup))
	}
	defer r.lock.Close()
	if !r.keep {
		_ = os.RemoveAll(r.dir)
		return
	}
	entries, _ := os.ReadDir(r.dir)
	for _, entry := range entries {
		if entry.Name() != "logs" {
			_ = os.RemoveAll(filepath.Join(r.dir, entry.Name()))
		}
	}
	fmt.Printf("e2e: logs of every server: %s\n", filepath.Join(r.dir, "logs"))
}

// removeCgroup removes a cgroup and those in it. The kernel may need a moment after their last process.
func removeCgroup(dir string) {
	for range 50 {
		var inner []string
		_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				inner = append(inner, path)
			}
			return nil
		})
		for i := len(inner) - 1; i >= 0; i-- {
			_ = unix.Rmdir(inner[i])
		}
		if _, err := os.Stat(dir); err != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	say("cgroup %s is still in use", strings.TrimPrefix(dir, "/sys/fs/cgroup/"))
}
