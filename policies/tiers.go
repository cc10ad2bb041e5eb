// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Tier says what becomes of a workload about which nothing is known.
type Tier struct {
	Inconclusive string // hold or warn
	Outage       string // of the evidence: hold, warn or open
	Opens        int    // how often in 30 days an outage may open the gate
}

// Tier is a tier of limits.tiers by its name. An unknown one is an error that lists those that there are.
func (p *Pack) Tier(name string) (Tier, error) {
	tiers, _ := p.limits["tiers"].(map[string]any)
	given, ok := tiers[name].(map[string]any)
	if !ok {
		return Tier{}, fmt.Errorf("there is no tier %q; known: %s", name, strings.Join(slices.Sorted(maps.Keys(tiers)), ", "))
	}
	inconclusive, _ := given["inconclusive"].(string)
	outage, _ := given["outage"].(string)
	opens, _ := p.Limit("tiers", name, "opens")
	return Tier{Inconclusive: inconclusive, Outage: outage, Opens: int(opens)}, nil
}
