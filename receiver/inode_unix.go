// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package receiver

import (
	"io/fs"
	"syscall"
)

// openNonblock lets opening a pipe return where nobody writes to it.
const openNonblock = syscall.O_NONBLOCK

// inode is the file's number in its file system, or 0.
func inode(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Ino) //nolint:unconvert // an int on some systems
	}
	return 0
}
