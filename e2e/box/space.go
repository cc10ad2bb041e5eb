// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package box

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// The first goroutine keeps the first thread. /proc/self shows that thread's namespaces, so no other goroutine may take it
// elsewhere.
func init() { runtime.LockOSThread() }

// space is a network and a mount namespace: a node's own. It lives as long as its two files are open or a process is in it.
type space struct{ net, mnt *os.File }

// newSpace makes the namespaces and runs prepare in them.
func newSpace(prepare func() error) (*space, error) {
	s := &space{}
	return s, onOwnThread(func() error {
		if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS | unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		var err1, err2 error
		s.net, err1 = os.Open("/proc/thread-self/ns/net")
		s.mnt, err2 = os.Open("/proc/thread-self/ns/mnt")
		return errors.Join(err1, err2, prepare())
	})
}

// do runs work in the space. A nil space is the box's own.
func (s *space) do(work func() error) error {
	if s == nil {
		return work()
	}
	return onOwnThread(func() error {
		if err := unix.Unshare(unix.CLONE_FS); err != nil { // a thread that shares its root with others may not change mounts
			return fmt.Errorf("unshare: %w", err)
		}
		if err := unix.Setns(int(s.mnt.Fd()), unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("enter the mount namespace: %w", err)
		}
		if err := unix.Setns(int(s.net.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter the network namespace: %w", err)
		}
		return work()
	})
}

// path names the network namespace for `ip link set ... netns`.
func (s *space) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), s.net.Fd()) }

// onOwnThread runs work on a thread that is thrown away after it, with all that was done to it. What it starts inherits that.
func onOwnThread(work func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocks
		done <- work()
	}()
	return <-done
}

// bind mounts dir over the folder at, in a mount namespace of our own, so nobody else sees it.
func bind(dir, at string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(dir, at, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s on %s: %w", dir, at, err)
	}
	return nil
}

// ip runs the ip command once for each line.
func ip(lines string) error {
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		if text, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", strings.TrimSpace(line), err, text)
		}
	}
	return nil
}

func sysctl(name, value string) error {
	return os.WriteFile("/proc/sys/"+strings.ReplaceAll(name, ".", "/"), []byte(value), 0o644)
}
