// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../tools/go.mod mdatagen metadata.yaml

// Package exporter is the exporter prometheus_tsdb: a metrics store inside the collector that answers Prometheus' query API.
//
//  1. Translate: Prometheus' own library turns OTLP metrics into series, so that names and labels are those a Prometheus
//     with OTLP ingestion would give (writer.go).
//  2. Append: one batch at a time goes into an embedded Prometheus TSDB; what its write-ahead log has, kill -9 cannot take (store.go).
//  3. Account: each sample the store does not take is counted by reason and logged, including those that the store drops
//     without an error when it commits (tally.go, refusals.go).
//  4. Answer: Prometheus' own HTTP API and query engine, reduced to the endpoints that read, within limits of
//     concurrency, time, samples and bytes (api.go, admission.go, server.go).
package exporter
