// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package metadata

import "go.opentelemetry.io/collector/processor/processortest"

// settings is what the generated tests of a processor use without declaring it.
var settings = processortest.NewNopSettings(Type)
