// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// memory is what the kernel says of a process, in bytes.
type memory struct {
	now, most int64 // VmRSS, VmHWM
}

func (m memory) String() string {
	return fmt.Sprintf("%d MiB now, %d MiB at most", m.now>>20, m.most>>20)
}

func memoryOf(pid int) (m memory, err error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return readMemory(f)
}

// readMemory reads the lines `VmRSS:   12345 kB` and `VmHWM:   12345 kB` of proc_pid_status(5); its kB are 1024 bytes.
func readMemory(status io.Reader) (memory, error) {
	var m memory
	lines := bufio.NewScanner(status)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		var into *int64
		switch name {
		case "VmRSS":
			into = &m.now
		case "VmHWM":
			into = &m.most
		default:
			continue
		}
		number, unit, _ := strings.Cut(strings.TrimSpace(value), " ")
		kib, err := strconv.ParseInt(number, 10, 64)
		if err != nil || unit != "kB" {
			return memory{}, fmt.Errorf("%s must be a number of kB (got %q)", name, value)
		}
		*into = kib << 10
	}
	if m.now == 0 || m.most == 0 {
		return memory{}, errors.Join(errors.New("the process has no VmRSS or no VmHWM: it has ended"), lines.Err())
	}
	return m, lines.Err()
}
