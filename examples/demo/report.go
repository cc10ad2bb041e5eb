// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// reportVerdicts repeats the verdicts and returns whether they are the right ones.
func (st *stage) reportVerdicts(judgements []judgement) (holds bool) {
	wanted := []int{gatePass, gateFail}
	holds = true
	for i, j := range judgements {
		remark := ""
		if j.code != wanted[i] {
			holds = false
			remark = fmt.Sprintf("; it should be %s (%d)", gateVerdicts[wanted[i]], wanted[i])
		}
		st.say("      %-4s  %s (exit code %d)%s", st.versions[i].name, j.verdict(), j.code, remark)
		if j.code == gateFail {
			for _, line := range j.findings() {
				st.say("            %s", line)
			}
		}
	}
	if !holds {
		st.say("      This is not how the demo should end.")
	}
	return holds
}

// reportMemory says what the collector takes.
func (st *stage) reportMemory() {
	m, err := memoryOf(st.collector.pid)
	if err != nil {
		st.say("      memory of the collector: unknown (%v)", err)
		return
	}
	st.say("      memory of the collector: %v", m)
}

// reportFurther says how to look for oneself.
func (st *stage) reportFurther() {
	when := "now"
	if !st.keep {
		when = "with --keep, which leaves it all running (addresses change from run to run)"
	}
	bad := st.versions[len(st.versions)-1]
	st.say(`
      To look further, %s:
        curl -s http://%s/api/v1/query --data-urlencode 'query=topk(3, heapgate_signal_map_growth_rate_bytes_per_second)'
        %s inspect heap http://%s -o table
        %s inspect gctrace %s -o table`, when, st.store, st.heapgate, bad.pprof, st.heapgate, st.file(bad.gctrace()))
}

// reportLoad ends the load on both versions and repeats what each generator says of it.
func (st *stage) reportLoad() {
	st.say("")
	for _, v := range st.versions {
		v.load.stop(st.family.grace)
		st.say("      %-4s  %s", v.name, strings.ReplaceAll(tail(v.load.stdout, tailBytes), "\n", "; "))
	}
}
