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
	seen := 0
	for at := 0; at < t.kept.end(); {
		var k keptSum
		k, at = t.kept.next(at)
		change := SiteChange{k.site, classes[k.rank], -k.allocBytes, -k.allocObjects, -k.inuseBytes, -k.inuseObjects}
		if slot := sums.slots[int(k.site)*int(ranks)+int(k.rank)]; slot > 0 {
			sum := &sums.all[slot-1]
			change.add(sum)
			sum.kept = true
			seen++
		}
		s.note(change)
	}
	if seen == len(sums.all) {
		return
	}
	for i := range sums.all {
		if sum := &sums.all[i]; !sum.kept {
			change := SiteChange{Site: sum.site, Class: classes[sum.rank]}
			change.add(sum)
			s.note(change)
		}
	}
}

func (c *SiteChange) add(sum *protoSum) {
	c.AllocBytes += sum.totals.AllocBytes
	c.AllocObjects += sum.totals.AllocObjects
	c.InuseBytes += sum.totals.InuseBytes
	c.InuseObjects += sum.totals.InuseObjects
}

func (s *ProtoSnapshot) note(c SiteChange) {
	if c.AllocBytes != 0 || c.AllocObjects != 0 || c.InuseBytes != 0 || c.InuseObjects != 0 {
		s.Changes = append(s.Changes, c)
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
