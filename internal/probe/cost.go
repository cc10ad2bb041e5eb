// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import "time"

// Cost is what an answer took.
type Cost struct {
	CPU   time.Duration // estimate of the processor time it cost the process that answered
	Wall  time.Duration // from a connection that stands to the end of the body
	Bytes int64         // of the body, on the wire
}

func (c *Cost) add(o Cost) {
	c.CPU += o.CPU
	c.Wall += o.Wall
	c.Bytes += o.Bytes
}

// price is how the CPU time of an answer is estimated. Nobody outside sees it, so:
//
//	CPU = max(Wall - asked - idle, Bytes*perByte, least) + asked*share
//
// Writing a profile is work of one thread from its first byte to its last, so the wall time is what it takes when nothing
// disturbs it, and too much when the network, the reader or a busy machine does. It is never too little, which is the
// right side to err on for a budget; perByte bounds it below where the reader's clock is coarse. While the process gathers
// it pays a share of one core.
//
// Sources, measured on Go 1.26 (CPU ms of the process; body): heap text 5.9; 431 kB, 33; 2.9 MB, 115; 8.4 MB, 400; 39 MB:
// 10-14 ns a byte. Heap protobuf 3.0; 24 kB, 8.9; 57 kB, 20; 113 kB, 37; 488 kB: 75-180 ns a byte. /debug/vars 0.3 ms. CPU
// profiling at 100 Hz -0.2 % with a noise of 1.2 %, execution trace +1.8 %.
type price struct {
	perByte time.Duration
	idle    time.Duration // that the process only sleeps at the end
	share   float64       // of one core, while it gathers
}

const leastCPU = 300 * time.Microsecond // the cheapest page

var (
	priceText    = price{perByte: 10}
	priceProfile = price{perByte: 75}
	priceCPU     = price{perByte: 75, idle: 100 * time.Millisecond, share: 0.01} // profileWriter sleeps so long between two looks
	priceTrace   = price{share: 0.02}
)

func (p price) estimate(asked, wall time.Duration, bytes int64) time.Duration {
	work := max(wall-asked-p.idle, time.Duration(bytes)*p.perByte, leastCPU)
	gathered := min(asked, wall) // it broke off before
	return work + time.Duration(float64(gathered)*p.share)
}
