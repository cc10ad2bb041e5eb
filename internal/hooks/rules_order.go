// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package hooks

import (
	"fmt"
	"slices"
	"strings"
)

// order compares when the gate starts with when there is what it needs.
func (c *checker) order(m *Manifests, g gate) {
	phase, wave := g.first()
	row := line(g.node, "metadata", "annotations", annotationWave)
	when := fmt.Sprintf("the gate starts in %s, wave %d", g.phases[0], g.wave)
	told := map[*object]bool{}
	for _, n := range m.needs(g) {
		if told[n.object] || n.skip || n.isHook && len(n.phases) == 0 {
			continue
		}
		told[n.object] = true
		c.deletedTooEarly(g, n)
		itsPhase, itsWave := n.first()
		if !n.isHook {
			if g.phases[0] == "PreSync" || g.phases[0] == "SyncFail" {
				c.report("HOOK-022", g.object, row, fmt.Sprintf("%s; %s is no hook, and comes after PreSync", when, n.called()),
					fmt.Sprintf("%s as a PreSync hook of an earlier wave than the gate's", n.called()))
			}
			continue
		}
		want := fmt.Sprintf("%s in an earlier wave, like %d", n.called(), wave-1)
		got := fmt.Sprintf("%s; %s comes in %s, wave %d", when, n.called(), n.phases[0], n.wave)
		switch {
		case itsPhase > phase || itsPhase == phase && itsWave > wave:
			c.report("HOOK-020", g.object, row, got, want)
		case itsPhase == phase && itsWave == wave && n.createdLast:
			c.report("HOOK-020", g.object, row, got+", after the gate: inside a wave Argo CD creates this kind last", want)
		case itsPhase == phase && itsWave == wave:
			c.report("HOOK-021", g.object, row, got, want)
		}
	}
}

// deletedTooEarly: when a phase fails, Argo CD deletes every ended hook with the policy HookFailed before SyncFail has run.
// The candidate may go: SyncFail only tells.
func (c *checker) deletedTooEarly(g gate, n need) {
	if !n.createdLast && n.isHook && slices.Contains(g.phases, "SyncFail") && slices.Contains(n.policies, hookFailed) {
		c.report("HOOK-023", n.object, line(n.node, "metadata", "annotations", annotationDelete),
			fmt.Sprintf("deletion policy %s: it is gone when %s starts in SyncFail", strings.Join(n.policies, ","), g.called()), beforeHookCreation+", or no policy")
	}
}
