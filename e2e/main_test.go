// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"testing"

	"github.com/heapgate/heapgate/e2e/box"
)

func TestMain(m *testing.M) { os.Exit(box.Main(m)) }
