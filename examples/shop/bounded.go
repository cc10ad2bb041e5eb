// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import "sync"

// BoundedCache is the cache of `--version good`: it keeps the latest receipts, and the oldest makes room for a new one.
type BoundedCache struct {
	mu       sync.RWMutex
	receipts map[int64][]byte
	ring     []int64 // ids by age; ring[oldest] is the next to go once the ring is full
	oldest   int
}

// NewBoundedCache returns an empty cache of at most most receipts.
//
// The map gets room for twice as many: a deleted slot of a Swiss map stays a tombstone until its table is tidied, and a
// table that is tidied while it is nearly full grows instead.
func NewBoundedCache(most int) *BoundedCache {
	return &BoundedCache{
		receipts: make(map[int64][]byte, 2*most),
		ring:     make([]int64, 0, most),
	}
}

// Insert remembers a receipt, and forgets the oldest if there is no room. A known id gets its new receipt and keeps its age.
func (c *BoundedCache) Insert(id int64, receipt []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.receipts[id]; !known {
		c.admit(id)
	}
	c.receipts[id] = receipt
}

func (c *BoundedCache) admit(id int64) {
	if len(c.ring) < cap(c.ring) {
		c.ring = append(c.ring, id)
		return
	}
	delete(c.receipts, c.ring[c.oldest])
	c.ring[c.oldest] = id
	c.oldest = (c.oldest + 1) % len(c.ring)
}

// Get returns the receipt of an order, if it is still held.
func (c *BoundedCache) Get(id int64) ([]byte, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	receipt, ok := c.receipts[id]
	return receipt, ok
}

// Len is the number of receipts held.
func (c *BoundedCache) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.receipts)
}
