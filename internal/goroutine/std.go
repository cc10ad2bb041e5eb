// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"strings"

	"github.com/heapgate/heapgate/internal/gofunc"
)

// isPassedOver tells the functions that are no site: those of the standard library and of its extensions that only wait
// or call the system for whoever called them, and what the compiler makes for a type. A goroutine stands in the library
// nearly always, so its name there would say nothing of the program.
func isPassedOver(name string) bool {
	name = head(name)
	if strings.HasPrefix(name, "golang.org/x/") {
		return strings.HasPrefix(name, "golang.org/x/sys/") || strings.HasPrefix(name, "golang.org/x/sync/")
	}
	if strings.HasPrefix(name, "type:.") || strings.HasPrefix(name, "type..") {
		return true
	}
	first, _, nested := strings.Cut(name, "/")
	if !nested {
		first, _, _ = strings.Cut(name, ".")
	}
	return gofunc.Standard[first]
}

// head is a function's name up to its receiver or its type arguments, which may have paths of their own.
func head(name string) string {
	if i := strings.IndexAny(name, "[("); i >= 0 {
		return name[:i]
	}
	return name
}
