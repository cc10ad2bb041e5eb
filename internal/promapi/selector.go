// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Matcher says that a label equals a value. There is no other kind: what users give never becomes a regular expression.
type Matcher struct{ Label, Value string }

var name = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// Selector writes metric{label="value",...}. Values may be any bytes: PromQL reads strings as Go does, so strconv.Quote is exact.
func Selector(metric string, matchers ...Matcher) (string, error) {
	if !name.MatchString(metric) {
		return "", fmt.Errorf("metric name must match %s (got %q)", name, metric)
	}
	parts := make([]string, 0, len(matchers))
	for _, m := range matchers {
		if !name.MatchString(m.Label) {
			return "", fmt.Errorf("label name must match %s (got %q)", name, m.Label)
		}
		parts = append(parts, m.Label+"="+strconv.Quote(m.Value))
	}
	return metric + "{" + strings.Join(parts, ",") + "}", nil
}
