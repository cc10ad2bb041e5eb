// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"log/slog"
	"sync"
)

const (
	dumpEntries  = 20_000 // receipts in one dump
	dumpLogBytes = 1024   // of the formatted dump, what reaches the log
)

// OrderCache is the cache of `--version bad`: it keeps the receipt of every order there ever was. Nothing removes one.
// Every so many inserts it also writes its content to the log, "for debugging".
type OrderCache struct {
	log       *slog.Logger
	dumpEvery int

	mu       sync.RWMutex
	receipts map[int64][]byte
}

// NewOrderCache returns an empty cache that logs a dump after each dumpEvery inserts.
func NewOrderCache(log *slog.Logger, dumpEvery int) *OrderCache {
	return &OrderCache{log: log, dumpEvery: dumpEvery, receipts: make(map[int64][]byte)}
}

// Insert remembers a receipt.
func (c *OrderCache) Insert(id int64, receipt []byte) {
	c.mu.Lock()
	c.receipts[id] = receipt
	dump := len(c.receipts)%c.dumpEvery == 0
	c.mu.Unlock()
	if dump {
		c.logDump()
	}
}

// Get returns the receipt of an order.
func (c *OrderCache) Get(id int64) ([]byte, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	receipt, ok := c.receipts[id]
	return receipt, ok
}

// Len is the number of receipts held.
func (c *OrderCache) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.receipts)
}

// logDump formats the map whole and logs its head. The copy lets inserts go on while fmt sorts and prints.
func (c *OrderCache) logDump() {
	receipts, held := c.snapshot(dumpEntries)
	dump := fmt.Sprintf("%v", receipts)
	c.log.Info("order cache", "held", held, "dumped", len(receipts), "bytes", len(dump), "head", dump[:min(len(dump), dumpLogBytes)])
}

func (c *OrderCache) snapshot(most int) (receipts map[int64][]byte, held int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	receipts = make(map[int64][]byte, min(len(c.receipts), most))
	for id, receipt := range c.receipts {
		if len(receipts) == most {
			break
		}
		receipts[id] = receipt
	}
	return receipts, len(c.receipts)
}
