// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"fmt"

	"github.com/heapgate/heapgate/internal/stacktext"
)

// ProtoSnapshot is one protobuf profile by call site. It is the reader's, until its next Read.
type ProtoSnapshot struct {
	Rate         int64  // MemProfileRate, bytes
	Total        Totals // of the whole profile
	Observer     Totals // of what served the profile; part of Total, in no site
	UnknownBytes int64  // allocated bytes whose class is not known
	Unseen       int    // samples whose pair no text has shown: the Build wants another text when there are many

	// Changes are the differences to the read before, of the sites that have one. There are none at the first read, and
	// none when Restarted or Relearned: then the sums are not of the same process, or not of the same classes.
	Changes   []SiteChange
	First     bool // the process was not read before
	Restarted bool // its totals are smaller than before
	Relearned bool // the Build has learned classes since

	build *Build
	sums  *protoSums
}

// SiteChange is what one site allocated in one class since the read before, and how its live memory changed.
type SiteChange struct {
	Site                                               int32 // for ProtoSnapshot.Place
	Class                                              Class
	AllocBytes, AllocObjects, InuseBytes, InuseObjects int64
}

// Place tells where a site is.
func (s *ProtoSnapshot) Place(site int32) stacktext.Place {
	s.build.mu.RLock()
	defer s.build.mu.RUnlock()
	return s.build.sites[site]
}

// compare makes the changes since what t keeps.
func (s *ProtoSnapshot) compare(t *ProtoTarget) {
	s.Changes = s.Changes[:0]
	s.First = !t.read
	s.Restarted = s.Total.AllocBytes < t.total.AllocBytes || s.Total.AllocObjects < t.total.AllocObjects
	s.Relearned = t.read && s.sums.version != t.version
	if s.First || s.Restarted || s.Relearned {
		return
	}
	// A site may have gone: what it kept is subtracted from nothing.
	sums := s.sums
	seen, i := 0, -1
	for at := 0; at < t.kept.end(); {
		var k keptSum
		k, at = t.kept.next(at)
		// The order is much the same as before.
		if i++; i >= len(sums.all) || sums.all[i].site != k.site || sums.all[i].rank != k.rank {
			i = sums.find(k.site, k.rank)
		}
		now := &Totals{}
		if i >= 0 {
			sum := &sums.all[i]
			now, sum.kept = &sum.totals, true
			seen++
		}
		s.note(k.site, k.rank, now.AllocBytes-k.allocBytes, now.AllocObjects-k.allocObjects, now.InuseBytes-k.inuseBytes, now.InuseObjects-k.inuseObjects)
	}
	if seen == len(sums.all) {
		return
	}
	for i := range sums.all {
		if sum := &sums.all[i]; !sum.kept {
			now := &sum.totals
			s.note(sum.site, sum.rank, now.AllocBytes, now.AllocObjects, now.InuseBytes, now.InuseObjects)
		}
	}
}

func (s *ProtoSnapshot) note(site int32, class rank, allocBytes, allocObjects, inuseBytes, inuseObjects int64) {
	if allocBytes|allocObjects|inuseBytes|inuseObjects != 0 {
		s.Changes = append(s.Changes, SiteChange{site, classes[class], allocBytes, allocObjects, inuseBytes, inuseObjects})
	}
}

// Snapshot gives what a text would have given, but for MemStats. It is the caller's.
func (s *ProtoSnapshot) Snapshot() Snapshot {
	out := Snapshot{Rate: s.Rate, Total: s.Total, Observer: s.Observer, ObserverBytes: s.Observer.AllocBytes}
	s.build.mu.RLock()
	sums := siteSums{all: make([]siteSum, len(s.sums.all))}
	for i := range s.sums.all {
		sum := &s.sums.all[i]
		sums.all[i] = siteSum{place: s.build.sites[sum.site], class: sum.rank, totals: sum.totals, variance: sum.variance, rungs: sum.rungs}
	}
	s.build.mu.RUnlock()
	out.Sites = sums.sites()
	if s.Rate == 0 {
		out.Warnings = append(out.Warnings, "MemProfileRate is 0: the process takes no samples, so no site can be seen")
	}
	if s.UnknownBytes > 0 {
		out.Warnings = append(out.Warnings, fmt.Sprintf("%d allocated bytes are of class unknown", s.UnknownBytes))
	}
	return out
}
