// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../tools/go.mod mdatagen metadata.yaml

// Package receiver is the collector's receiver go_runtime: it hears Go processes.
//
//  1. Each target has a loop of its own that ticks at hash(target) mod interval.
//  2. A tick is one visit (internal/probe): the heap text, its unknown symbols, the goroutine count.
//  3. Each gctrace file has a reader of its own (internal/gctrace) that sums the cycles it heard.
//  4. emit.go writes both as cumulative sums and gauges; a restarted process starts afresh.
//
// What an observation means is not known here: that is the processor's work.
package receiver
