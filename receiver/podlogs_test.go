// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// cri wraps lines as containerd does.
func cri(lines string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		b.WriteString("2026-11-21T06:00:00.123456789Z stderr F " + line)
	}
	return b.String()
}

func TestLogsOfADiscoveredPod(t *testing.T) {
	api := newKubeAPI(t)
	root := t.TempDir()
	at, _ := visitedPod(t)
	pod := podAt(t, "api-1", at)
	mine := filepath.Join(root, "shop_api-1_uid-of-api-1", "api")
	earlier := filepath.Join(root, "shop_api-1_uid-before", "api")
	for _, folder := range []string{mine, earlier} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(earlier, "0.log"), cri(cycleLines(1, 99)), 0)
	write(t, filepath.Join(mine, "0.log"), cri(cycleLines(1, 50)), 0) // of an instance that is no more
	write(t, filepath.Join(mine, "1.log"), cri(cycleLines(1, 3)), 0)
	write(t, filepath.Join(mine, "1.log.20261121-060000.gz"), "not to be read", 0)
	cfg := discovering(api)
	cfg.Discovery.GCTrace.PodLogs = root
	var out sink
	start(t, &out, cfg)
	api.set(pod)
	const id = "shop/api-1/api"
	out.wait(t, id, "heapgate.gctrace.summed", is(3))
	write(t, filepath.Join(mine, "1.log"), cri(cycleLines(4, 5)), os.O_APPEND)
	if err := os.Rename(filepath.Join(mine, "1.log"), filepath.Join(mine, "1.log.20261121-060100")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(mine, "1.log"), cri(cycleLines(6, 7)), 0)
	out.wait(t, id, "heapgate.gctrace.summed", is(7))
	write(t, filepath.Join(mine, "2.log"), cri(cycleLines(1, 2)), 0) // the container was started again
	out.wait(t, id, "heapgate.gctrace.cycles", is(2))
	out.wait(t, id, "heapgate.gctrace.summed", is(2))
}

func TestPodLogsStayBelowTheirRoot(t *testing.T) {
	if got := podLogs("/logs", "shop", "api-7d.x", "0f1e-2", "api"); got != "/logs/shop_api-7d.x_0f1e-2/api" {
		t.Errorf("got %q", got)
	}
	for _, names := range [][4]string{
		{"..", "p", "u", "c"}, {"n", "p", "u", ".."}, {"n", "p/../../etc", "u", "c"}, {"n", "p", "", "c"}, {"n", "p", "u", ""},
		{"n", "p", "u", "."}, {"n", "a..b", "u", "c"}, {"n", "p", "u_x", "c"}, {"n", "p", "u", "c\x00"}, {"n", "p", "u", strings.Repeat("c", 254)},
	} {
		if got := podLogs("/logs", names[0], names[1], names[2], names[3]); got != "" {
			t.Errorf("%q leads to %q", names, got)
		}
	}
}

func TestNewestLogsAreThoseOfTheLastRestarts(t *testing.T) {
	dir := t.TempDir()
	if got := newestLogs(filepath.Join(dir, "absent")); got != nil {
		t.Errorf("%q is found in a folder that is not there", got)
	}
	for _, name := range []string{"10.log", "8.log", "9.log", "11.log.20261121-060000", "12.log.gz", "x.log", "99999999999999999999.log"} {
		write(t, filepath.Join(dir, name), "", 0)
	}
	if got, want := newestLogs(dir), []string{filepath.Join(dir, "10.log"), filepath.Join(dir, "9.log")}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The runtime may write to the renamed file until it has opened the new one.
func TestRenamedFileIsReadToItsEnd(t *testing.T) {
	log := filepath.Join(t.TempDir(), "0.log")
	write(t, log, "a", 0)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tail := newTail(ctx, log, func() {})
	defer tail.Close()
	read := func() string {
		buffer := make([]byte, 10)
		n, err := tail.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		return string(buffer[:n])
	}
	if got := read(); got != "a" {
		t.Fatalf("read %q", got)
	}
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, log, "c", 0)
	if changed, err := tail.reopen(); !changed || err != nil { // sees the new file
		t.Fatal(changed, err)
	}
	write(t, log+".1", "b", os.O_APPEND)
	if got := read() + read(); got != "bc" {
		t.Errorf("read %q, want the rest of the old file and then the new one", got)
	}
}
