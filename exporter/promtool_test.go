// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

// TestPromtool asks the store with the real promtool, pinned in tools/go.mod. Its first build takes minutes of CPU.
func TestPromtool(t *testing.T) {
	r := startRig(t, testConfig(t.TempDir()))
	r.write(noon, gauges("up", noon, 1, 0))
	path, err := exec.Command("go", "tool", "-n", "-modfile=../tools/go.mod", "promtool").Output() // builds it
	if err != nil {
		t.Fatal(err)
	}
	promtool := strings.TrimSpace(string(path))
	server := "http://" + r.server.address.String()
	for _, tc := range []struct {
		args []string
		want string
		fail bool
	}{
		{[]string{"query", "instant", "--time=2000000000", server, `up{n="0"}`}, "up{job=\"shop\", n=\"0\", service_name=\"shop\"} => 1 @[2000000000]", false},
		{[]string{"query", "range", "--start=2000000000", "--end=2000000060", "--step=60s", server, "sum(up)"}, "{} =>\n1 @[2000000000]\n1 @[2000000060]", false},
		{[]string{"query", "labels", "--start=1999999000", "--end=2000001000", server, "n"}, "0\n1", false},
		{[]string{"query", "series", "--match=up", "--start=1999999000", "--end=2000001000", server}, "{__name__=\"up\", job=\"shop\", n=\"0\", service_name=\"shop\"}\n{__name__=\"up\", job=\"shop\", n=\"1\", service_name=\"shop\"}", false},
		{[]string{"query", "instant", server, "up{"}, "", true},
		{[]string{"check", "ready", "--url=" + server}, "", false},
		{[]string{"check", "healthy", "--url=" + server}, "", false},
	} {
		cmd := exec.Command(promtool, tc.args...)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); (err != nil) != tc.fail || strings.TrimSpace(stdout.String()) != tc.want {
			t.Errorf("promtool %q: %v\n%s%s\nwant %s", tc.args, err, stdout.String(), stderr.String(), tc.want)
		}
	}
}
