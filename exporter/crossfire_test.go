// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// TestCrossfire writes and asks from several goroutines at once. No sample is lost or counted twice, and each query sees whole
// batches only.
func TestCrossfire(t *testing.T) {
	const writers, batches, series = 4, 50, 20
	cfg := testConfig(t.TempDir())
	cfg.Timeout = time.Minute
	r := startRig(t, cfg)

	var writing, asking sync.WaitGroup
	over := make(chan struct{})
	for range 3 {
		asking.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				status, body := r.query(`count by (__name__) ({__name__=~"load_.*"}) != ` + fmt.Sprint(series))
				if text := renderVector(t, body); status != http.StatusOK || text != "" {
					t.Errorf("half a batch is visible: %d %s", status, body)
					return
				}
			}
		})
	}
	for w := range writers {
		writing.Go(func() {
			for b := range batches {
				at := noon.Add(time.Duration(b-batches) * time.Second)
				if err := r.push(context.Background(), gauges(fmt.Sprintf("load_%d", w), at, make([]float64, series)...)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	close(over)
	asking.Wait()
	if got, want := r.told(), fmt.Sprintf("samples_stored = %d", writers*batches*series); got != want {
		t.Errorf("told %s, want %s", got, want)
	}
	if got, want := r.number(`sum(count_over_time(load_0[5m])) + sum(count_over_time(load_1[5m])) + sum(count_over_time(load_2[5m])) + sum(count_over_time(load_3[5m]))`, noon), float64(writers*batches*series); got != want {
		t.Errorf("%g samples are there, want %g", got, want)
	}
}
