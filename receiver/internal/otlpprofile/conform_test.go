// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package otlpprofile

import (
	"fmt"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pprofile"
)

// conform holds a message to what profiles.proto says of it: element 0 of each table is there and is the zero value, no
// index dangles, nothing is there twice, nothing is orphaned, keys of a set and samples of a profile are unique.
func conform(message pprofile.Profiles) (problems []string) {
	c := &conformer{d: message.Dictionary()}
	c.tables()
	for _, resource := range message.ResourceProfiles().All() {
		for _, scoped := range resource.ScopeProfiles().All() {
			for i, p := range scoped.Profiles().All() {
				c.profile(fmt.Sprintf("profile %d", i), p)
			}
		}
	}
	c.orphans()
	return c.problems
}

type conformer struct {
	d        pprofile.ProfilesDictionary
	used     [7]map[int32]bool
	problems []string
}

const (
	stringTable = iota
	attributeTable
	mappingTable
	functionTable
	locationTable
	stackTable
	linkTable
)

var tableNames = [...]string{"string", "attribute", "mapping", "function", "location", "stack", "link"}

func (c *conformer) lens() [7]int {
	d := c.d
	return [7]int{
		d.StringTable().Len(), d.AttributeTable().Len(), d.MappingTable().Len(), d.FunctionTable().Len(),
		d.LocationTable().Len(), d.StackTable().Len(), d.LinkTable().Len(),
	}
}

func (c *conformer) problem(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// use notes a reference.
func (c *conformer) use(table int, index int32, by string) {
	if index < 0 || int(index) >= c.lens()[table] {
		c.problem("%s refers to %s %d, of %d", by, tableNames[table], index, c.lens()[table])
		return
	}
	c.used[table][index] = true
}

func (c *conformer) attributes(indices pcommon.Int32Slice, by string) {
	keys := map[int32]bool{}
	for _, i := range indices.All() {
		c.use(attributeTable, i, by)
		if i == 0 {
			c.problem("%s has attribute 0", by)
		}
		if i >= 0 && int(i) < c.d.AttributeTable().Len() {
			key := c.d.AttributeTable().At(int(i)).KeyStrindex()
			if keys[key] {
				c.problem("%s has the attribute %q twice", by, c.d.StringTable().At(int(key)))
			}
			keys[key] = true
		}
	}
}

func (c *conformer) tables() {
	d := c.d
	for i, n := range c.lens() {
		c.used[i] = map[int32]bool{0: true}
		if n == 0 {
			c.problem("the %s table has no zero value", tableNames[i])
		}
	}
	seen := map[string]bool{}
	element := func(table, i int, value, zero string) {
		if key := tableNames[table] + value; seen[key] {
			c.problem("%s %d is there twice: %s", tableNames[table], i, value)
		} else {
			seen[key] = true
		}
		if (i == 0) != (value == zero) {
			c.problem("%s %d is %s", tableNames[table], i, value)
		}
	}
	for i, s := range d.StringTable().All() {
		element(stringTable, i, s, "")
	}
	for i, a := range d.AttributeTable().All() {
		by := fmt.Sprintf("attribute %d", i)
		c.use(stringTable, a.KeyStrindex(), by)
		c.use(stringTable, a.UnitStrindex(), by)
		element(attributeTable, i, fmt.Sprint(a.KeyStrindex(), a.UnitStrindex(), a.Value().Type(), a.Value().AsString()), fmt.Sprint(0, 0, pcommon.ValueTypeEmpty, ""))
	}
	for i, m := range d.MappingTable().All() {
		by := fmt.Sprintf("mapping %d", i)
		c.use(stringTable, m.FilenameStrindex(), by)
		c.attributes(m.AttributeIndices(), by)
		element(mappingTable, i, fmt.Sprint(m.MemoryStart(), m.MemoryLimit(), m.FileOffset(), m.FilenameStrindex(), m.AttributeIndices().AsRaw()), "0 0 0 0 []")
	}
	for i, f := range d.FunctionTable().All() {
		by := fmt.Sprintf("function %d", i)
		c.use(stringTable, f.NameStrindex(), by)
		c.use(stringTable, f.SystemNameStrindex(), by)
		c.use(stringTable, f.FilenameStrindex(), by)
		element(functionTable, i, fmt.Sprint(f.NameStrindex(), f.SystemNameStrindex(), f.FilenameStrindex(), f.StartLine()), "0 0 0 0")
	}
	for i, l := range d.LocationTable().All() {
		by := fmt.Sprintf("location %d", i)
		c.use(mappingTable, l.MappingIndex(), by)
		c.attributes(l.AttributeIndices(), by)
		lines := ""
		for _, line := range l.Lines().All() {
			c.use(functionTable, line.FunctionIndex(), by)
			lines += fmt.Sprintln(line.FunctionIndex(), line.Line(), line.Column())
		}
		element(locationTable, i, fmt.Sprint(l.MappingIndex(), l.Address(), l.AttributeIndices().AsRaw(), lines), "0 0 []")
	}
	for i, s := range d.StackTable().All() {
		for _, at := range s.LocationIndices().All() {
			c.use(locationTable, at, fmt.Sprintf("stack %d", i))
		}
		element(stackTable, i, fmt.Sprint(s.LocationIndices().AsRaw()), "[]")
	}
	for i, l := range d.LinkTable().All() {
		element(linkTable, i, fmt.Sprint(l.TraceID(), l.SpanID()), fmt.Sprint(pcommon.TraceID{}, pcommon.SpanID{}))
	}
}

func (c *conformer) profile(by string, p pprofile.Profile) {
	for _, t := range []pprofile.ValueType{p.SampleType(), p.PeriodType()} {
		c.use(stringTable, t.TypeStrindex(), by)
		c.use(stringTable, t.UnitStrindex(), by)
	}
	c.attributes(p.AttributeIndices(), by)
	seen := map[string]bool{}
	for i, s := range p.Samples().All() {
		by := fmt.Sprintf("%s, sample %d", by, i)
		c.use(stackTable, s.StackIndex(), by)
		c.use(linkTable, s.LinkIndex(), by)
		c.attributes(s.AttributeIndices(), by)
		if s.Values().Len() != 1 || s.TimestampsUnixNano().Len() != 0 {
			c.problem("%s has %d values at %d times", by, s.Values().Len(), s.TimestampsUnixNano().Len())
		}
		key := fmt.Sprint(s.StackIndex(), s.AttributeIndices().AsRaw())
		if seen[key] {
			c.problem("%s has the stack and the attributes of one before", by)
		}
		seen[key] = true
	}
}

func (c *conformer) orphans() {
	for table, n := range c.lens() {
		for i := range n {
			if !c.used[table][int32(i)] {
				c.problem("nothing refers to %s %d", tableNames[table], i)
			}
		}
	}
}

func mustConform(t testing.TB, message pprofile.Profiles) {
	t.Helper()
	for i, problem := range conform(message) {
		if t.Error(problem); i == 20 {
			t.Fatal("and more")
		}
	}
}
