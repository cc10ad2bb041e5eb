// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package otlpprofile

import (
	"bytes"
	"syscall"
	"testing"

	gprofile "github.com/google/pprof/profile"
	"go.opentelemetry.io/collector/pdata/pprofile"

	"github.com/heapgate/heapgate/internal/profile"
)

// benchmarked are heap profiles of real programs, one of 1 MB, inflated, and one of 15,000 stacks.
func benchmarked(b *testing.B) []struct {
	name string
	p    *profile.Profile
} {
	bodies := recorded(b)
	return []struct {
		name string
		p    *profile.Profile
	}{
		{"prometheus", decode(b, bodies["corpus/prometheus.heap.pb.gz"])},
		{"kube-apiserver", decode(b, bodies["corpus/kube-apiserver.heap.pb.gz"])},
		{"1MB", synthetic(oneMB)},
		{"15k-stacks", synthetic(15_000)},
	}
}

const oneMB = 10_600 // stacks

// BenchmarkConvert makes a message of a profile with this package, and with the Set... functions of pprofile, which scan a
// table at each call. The second remembers what became of each location and function, as a translator would.
func BenchmarkConvert(b *testing.B) {
	for _, c := range benchmarked(b) {
		impls := []struct {
			name    string
			convert func() (pprofile.Profiles, error)
		}{
			{"heapgate", func() (pprofile.Profiles, error) {
				message, _, err := Convert(c.p, Options{})
				return message, err
			}},
			{"heapgate-zeros", func() (pprofile.Profiles, error) {
				message, _, err := Convert(c.p, Options{KeepZeros: true})
				return message, err
			}},
			{"pprofile", func() (pprofile.Profiles, error) { return naive(c.p) }},
		}
		if len(c.p.Samples) >= 15_000 {
			impls = impls[:2] // the third takes a second
		}
		for _, impl := range impls {
			b.Run("profile="+c.name+"/impl="+impl.name, func(b *testing.B) {
				b.ReportAllocs()
				var message pprofile.Profiles
				before := cpuTime(b)
				for b.Loop() {
					var err error
					if message, err = impl.convert(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
				b.ReportMetric(float64((&pprofile.ProtoMarshaler{}).ProfilesSize(message)), "otlp-B")
			})
		}
	}
}

// BenchmarkDelta takes the difference of two heap profiles, of which one stack in 20 has changed, up to the message; and
// with google/pprof, up to its profile, parsing not included.
func BenchmarkDelta(b *testing.B) {
	for _, c := range benchmarked(b) {
		one, two := c.p, change(c.p)
		b.Run("profile="+c.name+"/impl=heapgate", func(b *testing.B) {
			b.ReportAllocs()
			delta := NewDelta(DeltaLimits{}, nil)
			if _, _, err := Convert(one, Options{Delta: delta}); err != nil {
				b.Fatal(err)
			}
			samples := 0
			before := cpuTime(b)
			for b.Loop() {
				_, stats, err := Convert(two, Options{Delta: delta})
				if err != nil || stats.Delta != OutcomeDelta {
					b.Fatal(stats, err)
				}
				one, two = two, change(two)
				samples = stats.Samples
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(samples), "samples")
			b.ReportMetric(float64(delta.Bytes()), "kept-B")
			b.ReportMetric(float64(delta.Bytes())/float64(len(c.p.Samples)), "kept-B/stack")
		})
		b.Run("profile="+c.name+"/impl=pprof", func(b *testing.B) {
			b.ReportAllocs()
			one, two := google(b, one), google(b, two)
			before := cpuTime(b)
			for b.Loop() {
				one.Scale(-1)
				if _, err := gprofile.Merge([]*gprofile.Profile{two, one}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// change is the profile after one stack in 20 has allocated more.
func change(p *profile.Profile) *profile.Profile {
	changed := *p
	changed.TimeNanos += 60e9
	changed.Samples = append([]profile.Sample(nil), p.Samples...)
	for i := 0; i < len(p.Samples); i += 20 {
		v := append([]int64(nil), p.Samples[i].Values...)
		v[1] += v[1] / max(v[0], 1)
		v[0]++
		changed.Samples[i].Values = v
	}
	return &changed
}

// google is the profile in google/pprof's form.
func google(b *testing.B, p *profile.Profile) *gprofile.Profile {
	b.Helper()
	message, _, err := Convert(p, Options{})
	if err != nil {
		b.Fatal(err)
	}
	var body bytes.Buffer
	if err := back(b, message).WriteUncompressed(&body); err != nil {
		b.Fatal(err)
	}
	parsed, err := gprofile.ParseUncompressed(body.Bytes())
	if err != nil {
		b.Fatal(err)
	}
	return parsed
}

// naive converts with the Set... functions of pprofile.
func naive(p *profile.Profile) (pprofile.Profiles, error) {
	message := pprofile.NewProfiles()
	d := message.Dictionary()
	d.MappingTable().AppendEmpty()
	d.LocationTable().AppendEmpty()
	d.FunctionTable().AppendEmpty()
	d.LinkTable().AppendEmpty()
	d.AttributeTable().AppendEmpty()
	d.StackTable().AppendEmpty()
	var failed error
	must := func(i int32, err error) int32 {
		if err != nil {
			failed = err
		}
		return i
	}
	text := func(s string) int32 { return must(pprofile.SetString(d.StringTable(), s)) }
	text("")
	attribute := func(set func(pprofile.KeyValueAndUnit)) int32 {
		kv := pprofile.NewKeyValueAndUnit()
		set(kv)
		return must(pprofile.SetAttribute(d.AttributeTable(), kv))
	}
	var mappings, functions, locations []int32
	for _, m := range p.Mappings {
		to := pprofile.NewMapping()
		to.SetMemoryStart(m.Start)
		to.SetMemoryLimit(m.Limit)
		to.SetFileOffset(m.Offset)
		to.SetFilenameStrindex(text(m.File))
		to.AttributeIndices().Append(attribute(func(kv pprofile.KeyValueAndUnit) {
			kv.SetKeyStrindex(text("process.executable.build_id.gnu"))
			kv.Value().SetStr(m.BuildID)
		}))
		mappings = append(mappings, must(pprofile.SetMapping(d.MappingTable(), to)))
	}
	for _, f := range p.Functions {
		to := pprofile.NewFunction()
		to.SetNameStrindex(text(f.Name))
		to.SetSystemNameStrindex(text(f.SystemName))
		to.SetFilenameStrindex(text(f.File))
		to.SetStartLine(f.StartLine)
		functions = append(functions, must(pprofile.SetFunction(d.FunctionTable(), to)))
	}
	for _, l := range p.Locations {
		to := pprofile.NewLocation()
		to.SetAddress(l.Address)
		if l.Mapping >= 0 {
			to.SetMappingIndex(mappings[l.Mapping])
		}
		for _, line := range l.Lines {
			to := to.Lines().AppendEmpty()
			to.SetFunctionIndex(functions[line.Function])
			to.SetLine(line.Line)
		}
		to.AttributeIndices().Append(attribute(func(kv pprofile.KeyValueAndUnit) {
			kv.SetKeyStrindex(text("profile.frame.type"))
			kv.Value().SetStr("go")
		}))
		locations = append(locations, must(pprofile.SetLocation(d.LocationTable(), to)))
	}
	profiles := message.ResourceProfiles().AppendEmpty().ScopeProfiles().AppendEmpty().Profiles()
	for _, t := range p.SampleTypes {
		to := profiles.AppendEmpty()
		to.SampleType().SetTypeStrindex(text(t.Type))
		to.SampleType().SetUnitStrindex(text(t.Unit))
	}
	for _, s := range p.Samples {
		stack := pprofile.NewStack()
		for _, at := range s.Locations {
			stack.LocationIndices().Append(locations[at])
		}
		stackIndex := must(pprofile.SetStack(d.StackTable(), stack))
		for i, v := range s.Values {
			to := profiles.At(i).Samples().AppendEmpty()
			to.SetStackIndex(stackIndex)
			to.Values().Append(v)
			for _, l := range s.Labels {
				to.AttributeIndices().Append(attribute(func(kv pprofile.KeyValueAndUnit) {
					kv.SetKeyStrindex(text(l.Key))
					kv.Value().SetInt(l.Num)
				}))
			}
		}
	}
	return message, failed
}

// cpuTime is the CPU time of this process, ns.
func cpuTime(b *testing.B) int64 {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}
