// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/heapgate/heapgate/internal/guard"
)

// Bounds of what one ConfigMap holds; the API server refuses more than 1 MiB.
const (
	maxRecords   = 50 // of one workload
	crowdedBytes = 700 << 10
	fewRecords   = 10 // of one workload, once all together pass crowdedBytes
	maxKey       = 253
)

// RFC 1123 subdomain, as names of workloads are.
var name = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)

// Key is the record's key: kind, name and the hex digits of the digest, joined by dots.
func Key(kind, workload, digest string) (string, error) {
	if !guard.IsKind(kind) {
		return "", fmt.Errorf("record key: want a %s (got the kind %.40q)", guard.Kinds(), kind)
	}
	if !name.MatchString(workload) {
		return "", fmt.Errorf("record key: want the name of a workload (got %.80q)", workload)
	}
	if !guard.IsDigest(digest) {
		return "", fmt.Errorf("record key: want sha256: and 64 hex digits (got %.80q)", digest)
	}
	key := prefix(kind, workload) + strings.TrimPrefix(digest, "sha256:")
	if len(key) > maxKey {
		return "", fmt.Errorf("record key: want at most %d characters, got %d; the name %s is too long", maxKey, len(key), workload)
	}
	return key, nil
}

func prefix(kind, workload string) string { return strings.ToLower(kind) + "." + workload + "." }

// Prune lists the keys of one workload that must go to keep the ConfigMap bounded. The digests in live stay. First go the oldest that
// let an image in, then those that decided nothing; failures, and what cannot be read, go last: forgetting them is what costs most.
func Prune(data map[string]string, kind, workload string, live ...string) []string {
	type aged struct {
		key  string
		rank int
		at   time.Time
	}
	var old []aged
	kept, size := 0, 0
	for key, value := range data {
		size += len(key) + len(value)
		hex, ok := strings.CutPrefix(key, prefix(kind, workload))
		if !ok || !guard.IsDigest("sha256:"+hex) {
			continue // another workload's
		}
		if slices.Contains(live, "sha256:"+hex) {
			kept++
			continue
		}
		r, err := Decode(value)
		old = append(old, aged{key, rank(r, err), r.At})
	}
	limit := maxRecords
	if size > crowdedBytes {
		limit = fewRecords
	}
	slices.SortFunc(old, func(a, b aged) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), a.at.Compare(b.at), cmp.Compare(a.key, b.key))
	})
	var gone []string
	for _, one := range old[:min(len(old), max(0, kept+len(old)-limit))] {
		gone = append(gone, one.key)
	}
	return gone
}

func rank(r Record, err error) int {
	switch {
	case err != nil || r.Says() == Fail:
		return 2
	case r.Admit:
		return 0
	}
	return 1
}
