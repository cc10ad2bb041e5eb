// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"slices"

	"github.com/heapgate/heapgate/internal/stacktext"
)

// Family is a way of allocating that is known to be avoidable.
type Family string

const (
	MapToString  Family = "map_to_string" // maps are walked by reflection, to print or to encode them
	Logging      Family = "logging"       // below a call of a logging library
	JSON         Family = "json"          // below a call of a JSON library
	StringConcat Family = "string_concat" // a + b, and a strings.Builder that grows
	BytesChurn   Family = "bytes_churn"   // string(b) and []byte(s), a bytes.Buffer that grows, io.ReadAll
	SliceGrowth  Family = "slice_growth"  // append beyond the capacity
	Boxing       Family = "boxing"        // a value that is no pointer becomes an interface
)

// familyOrder is the precedence: what the user called wins over what it leads to, and the more special over the general.
var familyOrder = [...]Family{MapToString, Logging, JSON, StringConcat, BytesChurn, SliceGrowth, Boxing}

// Families are all families, in the order of their precedence.
func Families() []Family { return slices.Clone(familyOrder[:]) }

// FamilySite is what one line of the user's code allocated in one family since the process started, unsampled. No byte is
// in two families.
type FamilySite struct {
	Function, File string
	Line           int // 0 when the text has none
	Family         Family
	AllocBytes     int64
	AllocObjects   int64
	Samples        int64 // sampled allocations behind AllocBytes
}

// owned is what a group has of one owner, the user's line that called the library in which the group's site is.
type owned struct {
	ownedKey
	next                    int32 // of the same group: index in Text.owned, 1 for the first; 0 for none
	bytes, objects, samples int64
}

type ownedKey struct {
	chain, owner int32
	between      stacktext.Mark // of the frames between the site and the owner
}

// own adds the open bucket to what its owner has. Beyond the limit it is left out and counted.
func (p *parser) own(chain int) {
	owner, between, ok := p.in.Owner()
	if !ok {
		return
	}
	key := ownedKey{int32(chain), owner, between}
	i := p.groups[chain].owned - 1
	known := i >= 0 && p.owned[i].ownedKey == key // nearly always the one before
	if !known {
		i, known = p.owners[key]
	}
	if !known {
		if len(p.owned) == p.in.Groups() {
			p.text.unowned++
			return
		}
		i = int32(len(p.owned))
		p.owners[key] = i
		p.owned = append(p.owned, owned{ownedKey: key, next: p.groups[chain].owned})
		p.groups[chain].owned = i + 1
	}
	o := &p.owned[i]
	o.bytes += p.now.totals.AllocBytes // fits: the sum over all groups does
	o.objects += p.now.totals.AllocObjects
	o.samples += p.now.totals.Samples
}
