// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"fmt"
	"strings"
)

// refusals explains why an exception does not hold.
var refusals = map[string]string{
	"expired":   "it has expired",
	"not_yet":   "its time has not begun",
	"approver":  "nobody but its author approved it",
	"ticket":    "it names no ticket",
	"scope":     "it is for another image",
	"uses":      "it is used up",
	"malformed": "it is malformed",
}

// exception says who lets what pass, or why it does not.
func exception(f Finding) string {
	name := text(f.Facts, "exception")
	if name == "" {
		name = "without a name"
	}
	if valid, _ := f.Facts["valid"].(bool); !valid {
		code := text(f.Facts, "refused")
		why, known := refusals[code]
		if !known {
			why = strings.ReplaceAll(code, "_", " ")
		}
		return fmt.Sprintf("the exception %s is refused: %s", name, why)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "the exception %s (%s, approved by %s)", name, text(f.Facts, "ticket"), text(f.Facts, "approver"))
	fmt.Fprintf(&b, " lets %s pass until %s", strings.Join(texts(f.Facts["rules"]), ", "), text(f.Facts, "expires"))
	if f.Value != nil && f.Limit != nil {
		fmt.Fprintf(&b, ", used %.0f of %s", *f.Value, count(int(*f.Limit), "time"))
	}
	return b.String()
}
