// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"hash/maphash"
	"math/bits"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heapgate/heapgate/internal/baseline"
)

// attrTier names how soon somebody should be told, see BaselineConfig.Tiers.
const attrTier = "heapgate.tier"

// subject is what a resource says about whom its signals are.
type subject struct {
	workload baseline.Key
	process  baseline.ProcessID
	tier     string
}

// subjectOf is false of a resource that names no workload. Where nothing but a service is named, that is the workload.
func subjectOf(resource pcommon.Resource) (s subject, ok bool) {
	var service, namespace string
	for name, value := range resource.Attributes().All() {
		s.process += baseline.ProcessID(mixed(name, value))
		if value.Type() != pcommon.ValueTypeStr {
			continue
		}
		switch name {
		case "k8s.cluster.name":
			s.workload.Cluster = value.Str()
		case "k8s.namespace.name":
			s.workload.Namespace = value.Str()
		case "heapgate.workload.kind":
			s.workload.Kind = value.Str()
		case "heapgate.workload.name":
			s.workload.Name = value.Str()
		case "k8s.container.name":
			s.workload.Container = value.Str()
		case attrTier:
			s.tier = value.Str()
		case "service.name":
			service = value.Str()
		case "service.namespace":
			namespace = value.Str()
		}
	}
	if s.workload.Name == "" {
		s.workload.Name = service
		if s.workload.Namespace == "" {
			s.workload.Namespace = namespace
		}
	}
	return s, s.workload.Valid()
}

var subjectSeed = maphash.MakeSeed()

// mixed is a hash of an attribute; those of a resource are added up, whatever their order. It is cheaper than identify, which the
// targets need since two that met would restart each other; here one alarm would speak for two.
func mixed(name string, value pcommon.Value) uint64 {
	var v uint64
	switch value.Type() {
	case pcommon.ValueTypeStr:
		v = maphash.String(subjectSeed, value.Str())
	case pcommon.ValueTypeInt:
		v = uint64(value.Int())
	default:
		v = maphash.String(subjectSeed, value.AsString())
	}
	h := (maphash.String(subjectSeed, name) ^ bits.RotateLeft64(v, 32)) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}
