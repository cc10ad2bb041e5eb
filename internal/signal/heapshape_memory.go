// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

// addMemory adds what the memory of the process is used for, and how fast its heap is replaced.
func addMemory(h *Heap, t *Target, gomemlimit Number, r *Report) {
	addObjects(&t.heap, h.At, r)
	live := h.Inuse
	if !live.Known {
		live = t.trace.last.live
	}
	if live.Known && live.Value > 0 {
		if first, last := t.heap.reads.first(), t.heap.reads.last(); last.at > first.at {
			r.add(Signal{Name: Turnover, At: h.At, Value: (last.allocated - first.allocated) / (last.at - first.at) / live.Value})
		}
		if h.RSSMax.Known {
			r.add(Signal{Name: MemoryRSSRatio, At: h.At, Value: h.RSSMax.Value / live.Value})
		}
	}
	addKinds(h, r)
	addHeadroom("gomemlimit", gomemlimit, h.Used, h.At, r)
	used := h.Used
	if !used.Known {
		used = h.RSSMax
	}
	addHeadroom("container", h.ContainerLimit, used, h.At, r)
}

// addObjects adds how many objects were allocated between the first and the last read, and how large they were on average.
func addObjects(half *heapState, at uint64, r *Report) {
	first, last := half.reads.first(), half.reads.last()
	if last.at <= first.at || !first.objects.Known || !last.objects.Known || last.objects.Value < first.objects.Value {
		return
	}
	n := last.objects.Value - first.objects.Value
	r.add(Signal{Name: ObjectRate, At: at, Value: n / (last.at - first.at)})
	if n > 0 {
		r.add(Signal{Name: ObjectSize, At: at, Value: (last.allocated - first.allocated) / n})
	}
}

// addKinds adds what the memory that the runtime has from the system is used for. The shares are of all of it, so that they
// are said together or not at all.
func addKinds(h *Heap, r *Report) {
	all := h.Used.Value + h.Released.Value
	idle := h.Idle.Value - h.Released.Value
	other := h.Used.Value - h.InuseSpans.Value - idle - h.Stack.Value
	if !h.Used.Known || !h.Released.Known || !h.Idle.Known || !h.InuseSpans.Known || !h.Stack.Known || all <= 0 || idle < 0 || other < 0 {
		return
	}
	for _, kind := range [...]struct {
		label string
		bytes float64
	}{{"heap", h.InuseSpans.Value}, {"idle", idle}, {"other", other}, {"released", h.Released.Value}, {"stack", h.Stack.Value}} {
		r.addShare(Signal{Name: MemoryShare, Label: kind.label, At: h.At, Value: kind.bytes / all})
	}
}

// addHeadroom adds which share of a limit is free: none, if the process uses more. What the runtime has not given back counts
// as used, as the kernel cannot know that it is not needed.
func addHeadroom(label string, limit, used Number, at uint64, r *Report) {
	if !limit.Known || limit.Value <= 0 || !used.Known {
		return
	}
	r.addShare(Signal{Name: Headroom, Label: label, At: at, Value: max(0, 1-used.Value/limit.Value)})
}
