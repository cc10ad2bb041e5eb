// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/heapgate/heapgate/cmd/heapgate/cluster"
)

// Reason is the reason of the Events, for alerts and for kubectl get events.
const Reason = "HeapgateUnverified"

// say writes a line of log for each change of state, and an Event for each that somebody should look at.
func (w *Watcher) say(s Status, before State, now time.Time) {
	if s.State != before && (before != "" || s.State.Unverified()) {
		log := w.settings.Log.Info
		if s.State.Unverified() {
			log = w.settings.Log.Warn
		}
		log("state", "namespace", s.Workload.Namespace, "kind", s.Workload.Kind, "name", s.Workload.Name, "state", string(s.State), "was", string(before),
			"container", s.Workload.Container, "image", s.Workload.Image, "reason", s.Reason)
	}
	if w.settings.Tell == nil || !s.State.Unverified() || !w.memory.due(s.id(), s.State, now) {
		return
	}
	event := cluster.Event{
		APIVersion: "apps/v1", Kind: s.Workload.Kind, Namespace: s.Workload.Namespace, Name: s.Workload.Name, UID: s.uid,
		Reason: Reason, Type: "Warning", Component: "heapgate-watch", At: now,
		Message: clipped("The live image "+s.Workload.Image+" is not verified ("+string(s.State)+"): "+s.Reason, 1000),
	}
	select {
	case w.events <- event:
	default:
		w.settings.Log.Error("an Event was left out: the API server takes them too slowly", "name", s.id())
		w.errors.Add(1)
	}
}

// tell writes the Events one after the other, so that a slow API server does not hold up the looking.
func (w *Watcher) tell(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-w.events:
			if err := w.settings.Tell(ctx, event); err != nil && ctx.Err() == nil {
				w.fail(err)
			}
		}
	}
}

func clipped(text string, limit int) string {
	text = strings.ToValidUTF8(text, "?")
	if len(text) <= limit {
		return text
	}
	end := limit - len("...")
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "..."
}
