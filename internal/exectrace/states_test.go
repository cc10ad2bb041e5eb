// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exectrace

import (
	"testing"

	words "github.com/heapgate/heapgate/internal/goroutine"
)

// TestStates: a goroutine's state has one word, whoever tells it.
func TestStates(t *testing.T) {
	known := map[State]bool{GCWait: true} // a trace alone can tell
	for _, state := range []words.State{
		words.Runnable, words.ChanReceive, words.ChanSend, words.Select, words.MutexLock, words.RWMutexLock,
		words.RWMutexRLock, words.WaitGroupWait, words.CondWait, words.Semacquire, words.IOWait, words.Sleep,
		words.GCAssistWait, words.Waiting, words.Unknown,
	} {
		known[State(state)] = true
	}
	for _, state := range States {
		if !known[state] {
			t.Errorf("internal/goroutine does not know %q", state)
		}
	}
}
