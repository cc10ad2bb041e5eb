// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"
)

// program is what to run as a child.
type program struct {
	name   string // for the reader
	path   string
	args   []string
	env    []string // added to our own
	stdout string   // file, created
	stderr string   // file, created; "" means the same as stdout
}

// child is a running program in a process group of its own: a Ctrl-C at the terminal reaches only us, and whatever the
// child starts itself is stopped with it.
type child struct {
	program
	pid      int
	done     chan struct{} // closed when the process has ended
	err      error         // how it ended; read after done
	stopping atomic.Bool
}

func start(p program) (*child, error) {
	stdout, err := os.Create(p.stdout)
	if err != nil {
		return nil, err
	}
	stderr := stdout
	if p.stderr != "" {
		if stderr, err = os.Create(p.stderr); err != nil {
			return nil, errors.Join(err, stdout.Close())
		}
	}
	cmd := exec.Command(p.path, p.args...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	closed := stdout.Close() // the child has its own descriptors
	if p.stderr != "" {
		closed = errors.Join(closed, stderr.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("%s does not start: %w", p.name, err)
	}
	c := &child{program: p, pid: cmd.Process.Pid, done: make(chan struct{})}
	go func() {
		c.err = errors.Join(cmd.Wait(), closed)
		close(c.done)
	}()
	return c, nil
}

// stop asks the group to end, waits for the child at most grace, and then kills what is left of the group. It returns when
// the child has ended.
func (c *child) stop(grace time.Duration) {
	c.stopping.Store(true)
	c.signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.done:
	case <-timer.C:
	}
	c.signal(syscall.SIGKILL) // also for grandchildren that outlived the child
	<-c.done
}

// signal reaches every process of the group; that there is none any more is fine.
func (c *child) signal(s syscall.Signal) { _ = syscall.Kill(-c.pid, s) }

// ended says how a child ended that should have gone on, with the end of what it wrote.
func (c *child) ended() error {
	how := "exit status 0"
	if c.err != nil {
		how = c.err.Error()
	}
	err := fmt.Errorf("%s ended early: %s; the end of its output:\n%s", c.name, how, tail(c.stdout, tailBytes))
	if c.stderr != "" {
		err = fmt.Errorf("%w\nand of its stderr:\n%s", err, tail(c.stderr, tailBytes))
	}
	return err
}
