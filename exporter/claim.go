// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// claims holds the directories in use in this process. The TSDB's own lock is an fcntl lock, which keeps other processes out but
// lets the same process in a second time: two exporters with one directory would destroy each other's data.
var claims = struct {
	sync.Mutex
	held map[string]bool
}{held: map[string]bool{}}

// claim creates the directory if need be and reserves it for the caller until release is called.
func claim(directory string) (release func(), err error) {
	if err := os.MkdirAll(directory, 0o750); err != nil {
		return nil, fmt.Errorf("directory must be one that can be created: %w", err)
	}
	path, err := filepath.Abs(directory)
	if err != nil {
		return nil, err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, err
	}
	claims.Lock()
	defer claims.Unlock()
	if claims.held[path] {
		return nil, fmt.Errorf("directory must belong to one prometheus_tsdb exporter (got %q, which another one in this collector uses)", directory)
	}
	claims.held[path] = true
	return func() {
		claims.Lock()
		defer claims.Unlock()
		delete(claims.held, path)
	}, nil
}
