// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"time"
)

// pageHead says how to read the table.
const pageHead = `# What heapgate says, and what is true

Written by ` + "`go run ./examples/truth -again -doc docs/truth.md`" + ` on %s: %s/%s, %d processors, %s. Each scenario ran for %v, heard every %v, with a window of %v.

Each row is a claim of a real collector about a real process, beside what that process counted itself. [examples/truth](../examples/truth) has the program and the comparison.

| signal | the truth |
| --- | --- |
| map.growth_rate | The program reads the header of the map before and after each assignment and adds up what the runtime allocated, by size class. It is compared over the very window of the claim, on the time base of heapgate.observed_until. "stated" is the interval that is emitted, two standard errors to each side; "said" with 0 samples is a window in which nothing was sampled. Of a sync.Map the truth is MemStats.TotalAlloc, while nothing else allocates. |
| site.allocated | The same, with each allocation sampled. Go 1.19 reads memprofilerate from GODEBUG and then overwrites it, so there the program sets it. |
| gc.cpu.share | /cpu/classes: garbage collection without idle marking, over all, between the ends of the same cycles. Go 1.19 has no such account. There it is the process's own GCCPUFraction, of which memstats is not independent. The goal is that of memstats, by which states are judged; gctrace is its check, and overstates where stopping the world takes long, since it counts all processors from the first to the last that stops. |
| gc.pause.p99 | MemStats.PauseNs of each cycle of the window. "stated" is one quantum: the pauses ranked before and behind it, and the bucket of the receiver's histogram that it lies in. |
| heap.allocation_rate | MemStats.TotalAlloc. Exact at both ends but for the moment of the read, so there is no goal. |
| states and verdicts | What the scenario is made to do. A scenario of minutes cannot show what takes hours: "unknown" for heap.shape and heap.leak is no claim, and not judged. A limit that is too small may be called a death spiral where the runtime's own account says a fifth of the CPU or more. |

"absent": nothing was said, or "unknown", which claims nothing. "-": not judged, for the reason given. "looked at again": wrong beside others, and so performed once more alone at the end (-again); the second one counts. The shares of CPU time are high where the machine is busy: to the runtime, marking that waits for a processor is marking.
`

func (t *table) writeDoc(path string) error {
	var page bytes.Buffer
	fmt.Fprintf(&page, pageHead, t.at.UTC().Format(time.DateOnly), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), t.lasts, t.interval, t.window)
	t.print(&page)
	return os.WriteFile(path, page.Bytes(), 0o644)
}
