// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package topsites

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	n := New[string](2)
	for _, step := range []struct{ ranked, named, entered, left string }{
		{"a b c", "a b", "a b", ""},
		{"b a c", "a b", "", ""},
		{"c d a b", "a b c d", "c d", ""},        // room for twice as many
		{"e c d a b", "a c d e", "e", "b"},       // the lightest makes place
		{"e c b", "c e", "", ""},                 // what is gone takes no room, and did not leave
		{"x y e c", "c e x y", "x y", ""},        // they are heard again
		{"c e x y p q", "c e x y", "", ""},       // only the order changed
		{"p q c e x y", "c e p q", "p q", "y x"}, // two at once
	} {
		entered, left := n.Choose(strings.Fields(step.ranked))
		var named []string
		for _, site := range strings.Fields("a b c d e p q x y") {
			if n.Has(site) {
				named = append(named, site)
			}
		}
		got := fmt.Sprint(named, entered, left)
		want := fmt.Sprint(strings.Fields(step.named), strings.Fields(step.entered), strings.Fields(step.left))
		if got != want {
			t.Errorf("%s: got %s, want %s", step.ranked, got, want)
		}
	}
}

// TestChooseKeepsItsRules tries any order of any sites.
func TestChooseKeepsItsRules(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	n := New[int](3)
	named := map[int]bool{}
	for range 2000 {
		ranked := random.Perm(20)[:random.IntN(20)]
		entered, left := n.Choose(ranked)
		for site := range named {
			if !slices.Contains(ranked, site) {
				delete(named, site)
			}
		}
		for _, site := range entered {
			named[site] = true
		}
		for _, site := range left {
			if !named[site] || !slices.Contains(ranked, site) {
				t.Fatalf("%d left and was not there", site)
			}
			delete(named, site)
		}
		if len(named) != n.Len() || n.Len() > 6 {
			t.Fatalf("%d named by entered and left, %d by Len; want at most 6", len(named), n.Len())
		}
		for i, site := range ranked {
			if n.Has(site) != named[site] || i < 3 && !n.Has(site) {
				t.Fatalf("%v: site %d is named: %v", ranked, site, n.Has(site))
			}
		}
	}
}
