// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package goroutine

import "strings"

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
	return standard[first]
}

// head is a function's name up to its receiver or its type arguments, which may have paths of their own.
func head(name string) string {
	if i := strings.IndexAny(name, "[("); i >= 0 {
		return name[:i]
	}
	return name
}

// standard are the first elements of the standard library's paths, Go 1.19 to 1.26.
var standard = setOf(`archive bufio bytes cmp compress container context crypto database debug embed encoding errors expvar flag fmt
	go hash html image index internal io iter log maps math mime net os path plugin reflect regexp runtime slices sort strconv
	strings structs sync syscall testing text time unicode unique unsafe vendor weak`)

func setOf(words string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}
