// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package ladder

import (
	"slices"
	"sync"
)

// classes are the sizes in bytes that Go's allocator hands out for small blocks, the same since Go 1.16 (runtime/sizeclasses.go).
var classes = []int64{
	8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384, 416, 448, 480, 512, 576,
	640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048, 2304, 2688, 3072, 3200, 3456, 4096, 4864, 5376, 6144, 6528,
	6784, 6912, 8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768,
}

const (
	page = 8 << 10 // larger blocks are whole pages
	// header stands before blocks above 512 bytes that have pointers, since Go 1.22, and not before those of whole pages.
	header    = 8
	headerMin = 512
	headerMax = 32<<10 - header
	most      = 1 << 46 // bytes: more than any block has
)

// Class is the size in bytes of the block that the allocator hands out for this many bytes.
func Class(size int64) int64 {
	if size <= 0 {
		return 0
	}
	if size <= classes[len(classes)-1] {
		i, _ := slices.BinarySearch(classes, size)
		return classes[i]
	}
	return (min(size, most) + page - 1) / page * page
}

const (
	groupSlots = 8
	maxInline  = 256 // bytes of a key and an element that stand in the map: 128 each
	topSwiss   = 7   // a table ends at 2^7 groups
	topOld     = 34  // more than any machine has room for
)

// groupSize is g of a map whose key and element have this many bytes.
func groupSize(maps Maps, slot int64) int64 {
	if maps == Swiss {
		return 8 + groupSlots*slot
	}
	return 16 + groupSlots*slot
}

// rung is the size of the block of 2^k groups or buckets before rounding.
func rung(maps Maps, group int64, k int) int64 {
	n := int64(1) << k
	if maps != Swiss && k >= 4 {
		n += n / 16 // for overflow
	}
	return group * n
}

// rungSizes are the sizes of the blocks of a rung: bytes, without and with a header.
type rungSizes struct{ raw, plain, headed int64 }

// ladders are the rungs of the maps of one kind, by slot from 1 on.
var ladders = map[Maps]func() [][]rungSizes{
	Swiss: sync.OnceValue(func() [][]rungSizes { return allRungs(Swiss, topSwiss) }),
	Old:   sync.OnceValue(func() [][]rungSizes { return allRungs(Old, topOld) }),
}

func allRungs(maps Maps, top int) [][]rungSizes {
	all := make([][]rungSizes, maxInline)
	for i := range all {
		all[i] = make([]rungSizes, top+1)
		for k := range all[i] {
			raw := rung(maps, groupSize(maps, int64(i+1)), k)
			all[i][k] = rungSizes{raw, Class(raw), Class(raw)}
			if raw > headerMin && raw <= headerMax {
				all[i][k].headed = Class(raw + header)
			}
		}
	}
	return all
}
