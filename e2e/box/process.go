// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package box

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is one server of the box: its command line, its log, and whether it runs.
type process struct {
	name string // one/kube-apiserver
	argv []string
	env  []string
	in   *space
	log  string

	mu      sync.Mutex
	command *exec.Cmd
	ended   chan struct{} // closed when command has ended
	err     error
	stopped bool // on purpose
}

func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running() {
		return fmt.Errorf("%s runs already", p.name)
	}
	if err := os.MkdirAll(filepath.Dir(p.log), 0o755); err != nil {
		return err
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	command := &exec.Cmd{Path: p.argv[0], Args: append([]string{filepath.Base(p.argv[0])}, p.argv[1:]...), Env: p.env, Dir: "/", Stdout: log, Stderr: log}
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C in a terminal is for the tests, who then end everything
	if err := p.in.do(command.Start); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	ended := make(chan struct{})
	p.command, p.ended, p.stopped, p.err = command, ended, false, nil
	go func() {
		err := command.Wait()
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
		close(ended)
	}()
	return nil
}

// running needs the lock.
func (p *process) running() bool {
	if p.command == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// stop asks, waits up to patience, and kills. With no patience it kills at once.
func (p *process) stop(patience time.Duration) error {
	p.mu.Lock()
	if !p.running() {
		p.mu.Unlock()
		return fmt.Errorf("%s does not run", p.name)
	}
	p.stopped = true
	pid, ended := p.command.Process.Pid, p.ended
	p.mu.Unlock()
	if patience > 0 {
		_ = syscall.Kill(pid, syscall.SIGTERM)
		select {
		case <-ended:
			return nil
		case <-time.After(patience):
		}
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	<-ended
	return nil
}

// died says why the process runs no more, unless it was stopped on purpose or runs still.
func (p *process) died() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.command == nil || p.stopped || p.running() {
		return nil
	}
	return fmt.Errorf("%s ended by itself (%v); last lines of %s:\n%s", p.name, p.command.ProcessState, p.log, tail(p.log, 20))
}

func tail(file string, lines int) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(string(bytes.TrimSpace(text)), "\n")
	return "  | " + strings.Join(all[max(0, len(all)-lines):], "\n  | ")
}

// errNotYet is what a readiness check may say when there is nothing better.
var errNotYet = errors.New("not yet")

// await asks ready until it has no error. It gives up when the time is over or the process died.
func (p *process) await(limit time.Duration, ready func() error) error {
	began := time.Now()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		if died := p.died(); died != nil {
			return died
		}
		if time.Since(began) > limit {
			return fmt.Errorf("%s is not ready after %v: %w; last lines of %s:\n%s", p.name, limit, err, p.log, tail(p.log, 20))
		}
		time.Sleep(100 * time.Millisecond)
	}
}
