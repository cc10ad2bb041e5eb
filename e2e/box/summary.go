// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package box

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// summary prints how long it took and what memory the box holds: proportional set sizes, so that shared pages count once.
func (b *Box) summary() {
	byName, total := map[string]int64{}, int64(0)
	status, _ := filepath.Glob("/proc/[0-9]*/smaps_rollup")
	for _, path := range status {
		kib := proportional(path)
		byName[b.nameOf(filepath.Dir(path))] += kib
		total += kib
	}
	names := slices.SortedFunc(maps.Keys(byName), func(x, y string) int { return int(byName[y] - byName[x]) })
	var parts []string
	for _, name := range names {
		if byName[name] >= 1024 {
			parts = append(parts, fmt.Sprintf("%s %d", name, byName[name]/1024))
		}
	}
	say("up for %v; memory %d MiB: %s", time.Since(b.began).Round(time.Second), total/1024, strings.Join(parts, ", "))
}

// nameOf is a server's name, or the program's for all others.
func (b *Box) nameOf(proc string) string {
	pid, _ := strconv.Atoi(filepath.Base(proc))
	if pid == os.Getpid() || pid == 1 {
		return "the tests"
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.processes {
		if p.command != nil && p.command.Process.Pid == pid {
			return p.name
		}
	}
	comm, _ := os.ReadFile(proc + "/comm")
	return strings.TrimSpace(string(comm))
}

func proportional(path string) int64 {
	file, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == "Pss:" {
			kib, _ := strconv.ParseInt(fields[1], 10, 64)
			return kib
		}
	}
	return 0
}

// keep leaves the box running until it is interrupted, and says how to get in.
func (b *Box) keep() {
	fmt.Printf("e2e: HEAPGATE_E2E_KEEP is set: the box stays until Ctrl-C. As root:\n")
	outside := outerPID()
	for _, name := range []string{"one", "two"} {
		c := b.Cluster(name)
		fmt.Printf("  nsenter -t %s -n -m -p env PATH=%s:$PATH KUBECONFIG=%s kubectl get pods -A\n", outside, b.artifacts.Bin, c.Kubeconfig)
	}
	fmt.Printf("  nsenter -t %s -n -m -p env PATH=%s:$PATH argocd --server %s --plaintext app list\n  logs: %s\n", outside, b.artifacts.Bin, argoServer, filepath.Join(b.dir, "logs"))
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	<-signals
}

// outerPID is process 1 of the box as it is called outside.
func outerPID() string {
	text, _ := os.ReadFile(filepath.Join(os.Getenv(envDir), "pid"))
	return strings.TrimSpace(string(text))
}
