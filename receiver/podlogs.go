// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A name of the API that is one element of a path: DNS-1123 subdomain, or a UID.
var pathElement = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)

// podLogs is where the log of a container is: the folder <root>/<namespace>_<pod>_<uid>/<container> of kubelet, or what
// parsePodLog reads. It is empty if one of the names is none that Kubernetes gives, so that no name leads elsewhere.
func podLogs(root, namespace, pod, uid, container string) string {
	for _, name := range []string{namespace, pod, uid, container} {
		if !pathElement.MatchString(name) || strings.Contains(name, "..") {
			return ""
		}
	}
	if root == podLogsAPI {
		return podLogRef{namespace, pod, uid, container}.String()
	}
	return filepath.Join(root, namespace+"_"+pod+"_"+uid, container)
}

// <restarts>.log; kubelet renames a full one to <restarts>.log.<time>.
var instanceLog = regexp.MustCompile(`^([0-9]{1,9})\.log$`)

// newestLogs are the logs of the container's newest instance and, if kubelet has kept it, of the one before: each restart of
// a container has a file of its own.
func newestLogs(folder string) (paths []string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil // not there yet, or gone with its pod
	}
	var instances []int
	for _, entry := range entries {
		if m := instanceLog.FindStringSubmatch(entry.Name()); m != nil {
			if n, err := strconv.Atoi(m[1]); err == nil {
				instances = append(instances, n)
			}
		}
	}
	slices.Sort(instances)
	slices.Reverse(instances)
	for _, n := range instances[:min(len(instances), 2)] {
		paths = append(paths, filepath.Join(folder, strconv.Itoa(n)+".log"))
	}
	return paths
}
