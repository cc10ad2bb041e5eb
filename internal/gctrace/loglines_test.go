// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import (
	"fmt"
	"math/rand/v2"
)

// logLine is one write of another thread.
type logLine func(r *rand.Rand, seq int) string

var typical = map[string]logLine{
	"log": func(r *rand.Rand, n int) string {
		return fmt.Sprintf("2026/11/21 06:%02d:%02d worker %d: request done status=200\n", n/60%60, n%60, r.IntN(8))
	},
	"log_micros": func(_ *rand.Rand, n int) string { return fmt.Sprintf("2026/11/21 06:00:00.%06d request %d\n", n, n) },
	"slog_text": func(_ *rand.Rand, n int) string {
		return fmt.Sprintf("time=2026-11-21T06:00:00.000Z level=INFO msg=\"request done\" seq=%d\n", n)
	},
	"slog_json": func(_ *rand.Rand, n int) string {
		return fmt.Sprintf("{\"time\":\"2026-11-21T06:00:00Z\",\"level\":\"INFO\",\"msg\":\"x\",\"seq\":%d}\n", n)
	},
	"zap": func(_ *rand.Rand, n int) string {
		return fmt.Sprintf("2026-11-21T06:00:00.000Z\tINFO\tserver/a.go:12\tx %d\n", n)
	},
	"klog": func(_ *rand.Rand, n int) string {
		return fmt.Sprintf("I1121 06:00:00.%06d       1 main.go:12] 12 things\n", n)
	},
	"prefix":     func(_ *rand.Rand, n int) string { return fmt.Sprintf("myapp: request %d took 12ms\n", n) },
	"brackets":   func(_ *rand.Rand, n int) string { return fmt.Sprintf("[GIN] 2026/11/21 - 06:00:00 | 200 | %dms\n", n) },
	"logrus_tty": func(_ *rand.Rand, n int) string { return fmt.Sprintf("\x1b[36mINFO\x1b[0m[%04d] request\n", n) },
	"two_lines": func(_ *rand.Rand, n int) string {
		return fmt.Sprintf("2026/11/21 06:00:00 panic %d\n\tmain.go:12 +0x1d\n", n)
	},
}

// hostile lines begin with what could be part of a number or of a token: nothing of them may enter a value.
var hostile = map[string]logLine{
	"counter": func(_ *rand.Rand, n int) string { return fmt.Sprintf("%d\n", n) },
	"errors":  func(r *rand.Rand, _ int) string { return fmt.Sprintf("%d errors found\n", r.IntN(300)) },
	"ordinal": func(r *rand.Rand, _ int) string { return fmt.Sprintf("%dth attempt\n", r.IntN(300)) },
	"units":   func(r *rand.Rand, _ int) string { return fmt.Sprintf("%dms elapsed\n", r.IntN(300)) },
	"epoch":   func(_ *rand.Rand, n int) string { return fmt.Sprintf("1732170000.%03d done\n", n%1000) },
	"address": func(r *rand.Rand, n int) string {
		return fmt.Sprintf("%d.0.0.%d - - \"GET /\" 200\n", r.IntN(256), n%256)
	},
	"kitchen":  func(r *rand.Rand, _ int) string { return fmt.Sprintf("%d:04PM INF done\n", 1+r.IntN(12)) },
	"clock":    func(r *rand.Rand, _ int) string { return fmt.Sprintf("%02d:04:05 done\n", r.IntN(24)) },
	"hex":      func(r *rand.Rand, _ int) string { return fmt.Sprintf("%08x done\n", r.Uint32()) },
	"indented": func(_ *rand.Rand, n int) string { return fmt.Sprintf("  %d more\n", n) },
	"words":    func(*rand.Rand, int) string { return "gc 5 minutes ago, gc done, 12 MB goal\n" },
	"megabyte": func(r *rand.Rand, _ int) string { return fmt.Sprintf("%d MB, 12 MB read\n", r.IntN(300)) },
	"percent":  func(r *rand.Rand, _ int) string { return fmt.Sprintf("%d%% done\n", r.IntN(100)) },
}
