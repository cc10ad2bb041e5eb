// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A name of the API that is one element of a path: DNS-1123 subdomain, or a UID.
var pathElement = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)

// podLogs is where kubelet keeps the logs of a container: <root>/<namespace>_<pod>_<uid>/<container>. It is empty if one of
// the names is none that Kubernetes gives, so that no name leads elsewhere.
func podLogs(root, namespace, pod, uid, container string) string {
	for _, name := range []string{namespace, pod, uid, container} {
		if !pathElement.MatchString(name) || strings.Contains(name, "..") {
			return ""
		}
	}
	return filepath.Join(root, namespace+"_"+pod+"_"+uid, container)
}

// <restarts>.log; kubelet renames a full one to <restarts>.log.<time>.
var instanceLog = regexp.MustCompile(`^([0-9]{1,9})\.log$`)

// newestLog is the log of the container's newest instance: each restart of a container has a file of its own, and kubelet
// keeps that of the instance before.
func newestLog(folder string) (path string, ok bool) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return "", false // not there yet, or gone with its pod
	}
	newest := -1
	for _, entry := range entries {
		if m := instanceLog.FindStringSubmatch(entry.Name()); m != nil {
			if n, err := strconv.Atoi(m[1]); err == nil && n > newest {
				newest, path = n, filepath.Join(folder, entry.Name())
			}
		}
	}
	return path, newest >= 0
}
