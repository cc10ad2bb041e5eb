// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Opens are the times at which a workload's gate let a sync go on without evidence, oldest first.
type Opens []time.Time

// OpensWindow is how long an open counts against the budget.
const OpensWindow = 30 * 24 * time.Hour

// maxOpens bounds the list; a budget is smaller.
const maxOpens = 100

// opensPrefix begins no key of a record: those begin with a kind.
const opensPrefix = "opens."

// OpensKey is where ConfigMapName keeps the opens of a workload.
func OpensKey(kind, workload string) (string, error) {
	key, err := Key(kind, workload, "sha256:"+strings.Repeat("0", 64))
	if err != nil {
		return "", err
	}
	return opensPrefix + key[:len(key)-1-64], nil
}

// OpensOf is the kind and the name of the workload that a key is about; false if it is the key of something else.
func OpensOf(key string) (kind, workload string, ok bool) {
	rest, ok := strings.CutPrefix(key, opensPrefix)
	lower, workload, found := strings.Cut(rest, ".")
	if !ok || !found || !name.MatchString(workload) {
		return "", "", false
	}
	for _, kind := range []string{"Deployment", "StatefulSet", "DaemonSet"} {
		if strings.ToLower(kind) == lower {
			return kind, workload, true
		}
	}
	return "", "", false
}

// DecodeOpens reads what Encode has written; "" is none. What cannot be read is an error: a budget that nobody can read is used up.
func DecodeOpens(text string) (Opens, error) {
	if text == "" {
		return nil, nil
	}
	var opens Opens
	if len(text) > maxRecord {
		return nil, fmt.Errorf("opens: want at most %d bytes, got %d", maxRecord, len(text))
	}
	if err := json.Unmarshal([]byte(text), &opens); err != nil {
		return nil, fmt.Errorf("opens: %w", err)
	}
	if again, err := opens.Encode(); err != nil || again != text {
		return nil, errors.New("opens: want a list of times, as heapgate writes it")
	}
	return opens, nil
}

// Encode writes the times, the newest 100 at most.
func (o Opens) Encode() (string, error) {
	kept := Opens{}
	for _, at := range o[max(0, len(o)-maxOpens):] {
		kept = append(kept, at.UTC().Truncate(time.Second))
	}
	text, err := json.Marshal(kept)
	return string(text), err
}

// Recent are those that count at a time. What claims to be of the future counts too: a clock that is wrong is no budget.
func (o Opens) Recent(now time.Time) Opens {
	return slices.DeleteFunc(slices.Clone(o), func(at time.Time) bool { return now.Sub(at) >= OpensWindow })
}
