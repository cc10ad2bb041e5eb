// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

// Remedy is what usually helps against a family, one sentence; "" for what is no family. docs/families.md shows them.
func (f Family) Remedy() string { return remedies[f] }

var remedies = map[Family]string{
	MapToString:  "Print or encode the few fields that are wanted instead of the whole map; where it must be a map, walk it with range over its own type and append to a []byte that is used again.",
	Logging:      "Ask for the level before the arguments are made (Enabled, V), use typed fields instead of formatting, and sample what is logged per request.",
	JSON:         "Encode to the writer with an Encoder that is kept, decode into structs that are used again, and generate the code for hot types; keep what does not change in its encoded form.",
	StringConcat: "Collect in one strings.Builder after Grow with the final length, or append to a []byte that is used again, instead of adding strings in a loop.",
	BytesChurn:   "Stay with []byte or with string from end to end, append numbers with strconv.Append*, give buffers their size at the start or take them from a sync.Pool, and read with a limit into a buffer that is used again.",
	SliceGrowth:  "Make the slice with the capacity it will have, make([]T, 0, n), or keep it and use it again with s[:0].",
	Boxing:       "Give the value a concrete type or a type parameter instead of an interface, or pass a pointer to something that lives anyway.",
}
