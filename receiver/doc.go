// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../tools/go.mod mdatagen metadata.yaml

// Package receiver is the collector's receiver go_runtime: it hears Go processes.
//
//  1. Targets are configured (config.go) or discovered (discovery.go); fleet.go starts and stops their loops by difference.
//  2. Each target has a loop of its own (loop.go) that asks one source after another, as its plan has them due (plan.go):
//     each at its own phase and interval, stretched to keep the cost budget.
//  3. A visit waits for a place (slots.go), asks the process (scrape.go, internal/probe), and folds the answer into what is
//     remembered of this life of the process (process.go).
//  4. Where a text has taught a build what is of growing maps, protobuf profiles show the same for less (light.go).
//  5. Each log has a reader of its own (gctrace.go, internal/gctrace) that sums the cycles it heard and finds crashes.
//  6. emit.go writes both as cumulative sums and gauges; a restarted process starts afresh. Profiles go on as OTLP
//     (scrape_profile.go), crashes as log records (crash.go).
//  7. One receiver serves the pipelines of all signals (factory.go).
//
// What an observation means is not known here: that is the processor's work.
package receiver
