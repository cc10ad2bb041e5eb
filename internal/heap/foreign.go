// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"slices"

	"github.com/heapgate/heapgate/internal/gofunc"
)

// Foreign is what the function names of an allocation's stack tell, where no heap text was read: a protobuf profile that
// somebody else took, whose leading runtime frames runtime/pprof has cut off.
type Foreign struct {
	Class   Class
	Site    int  // index of the call site in the stack; -1 for an empty stack
	Trimmed bool // no frame of the runtime is left: a map may hide behind the class Value
}

// ClassOf reads a stack, leaf first, as Text.Snapshot does.
func ClassOf(functions []string) Foreign {
	f := Foreign{Class: Value, Trimmed: true, Site: slices.IndexFunc(functions, func(name string) bool { return !gofunc.PassedOver(name) })}
	above := functions[:max(f.Site, 0)]
	if f.Site < 0 {
		above = functions
		f.Site = len(functions) - 1
	}
	class := isValue
	for _, name := range above {
		f.Trimmed = f.Trimmed && !gofunc.IsRuntime(name)
		if isGC(name) {
			break
		}
		class = max(class, rankOf(name))
	}
	if class == isAssign {
		class = isGrow
	}
	f.Class = classes[class]
	return f
}

// Weigh gives back how many of a bucket's blocks were sampled, and the variance in bytes² of its unsampled bytes. objects
// and bytes are unsampled, as a protobuf profile has them; rate is MemProfileRate in bytes.
func Weigh(objects, bytes, rate int64) (samples int64, variance float64) {
	if objects <= 0 || bytes <= 0 {
		return 0, 0
	}
	if rate <= 1 {
		return objects, 0
	}
	scale := newScale(bytes/objects, rate)
	samples = scale.samples(objects)
	return samples, float64(samples) * scale.variance
}
