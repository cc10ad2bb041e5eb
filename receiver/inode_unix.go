// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package receiver

import (
	"io/fs"
	"syscall"
)

// inode is the file's number in its file system, or 0.
func inode(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Ino) //nolint:unconvert // an int on some systems
	}
	return 0
}
