// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gofunc

import "strings"

// Standard are the first elements of the standard library's paths, Go 1.19 to 1.26.
var Standard = setOf(`archive bufio bytes cmp compress container context crypto database debug embed encoding errors expvar flag fmt
	go hash html image index internal io iter log maps math mime net os path plugin reflect regexp runtime slices sort strconv
	strings structs sync syscall testing text time unicode unique unsafe vendor weak`)

func setOf(words string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}
