// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/heapgate/heapgate/cmd/heapgate/watch"
)

// onceDocument is what --once says to programs. Its fields are an interface: they are added to, never renamed.
type onceDocument struct {
	Unverified int            `json:"unverified"`
	Workloads  []onceWorkload `json:"workloads"`
}

type onceWorkload struct {
	Namespace  string      `json:"namespace"`
	Kind       string      `json:"kind"`
	Name       string      `json:"name"`
	Container  string      `json:"container"`
	Image      string      `json:"image"`
	Digest     string      `json:"digest"`
	State      watch.State `json:"state"`
	Unverified bool        `json:"unverified"`
	Reason     string      `json:"reason"`
}

func onceText(format string, all []watch.Status) ([]byte, error) {
	d := onceDocument{Workloads: []onceWorkload{}}
	for _, s := range all {
		w := s.Workload
		d.Workloads = append(d.Workloads, onceWorkload{w.Namespace, w.Kind, w.Name, w.Container, w.Image, w.Digest, s.State, s.State.Unverified(), s.Reason})
		if s.State.Unverified() {
			d.Unverified++
		}
	}
	var out bytes.Buffer
	if format == "json" {
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		err := encoder.Encode(d)
		return out.Bytes(), err
	}
	if len(all) == 0 {
		return []byte("no guarded workload: none has the label heapgate.dev/guarded: \"true\"\n"), nil
	}
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "WORKLOAD\tSTATE\tIMAGE\tWHY")
	for _, w := range d.Workloads {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", printable(w.Namespace+"/"+w.Kind+"/"+w.Name), w.State, printable(shortImage(w.Image, w.Digest)), printable(w.Reason))
	}
	err := table.Flush()
	_, _ = fmt.Fprintf(&out, "%s, %d unverified\n", counted(len(all), "guarded workload"), d.Unverified)
	return out.Bytes(), err
}

// shortImage leaves as much of a digest as people compare.
func shortImage(image, digest string) string {
	if len(digest) < 19 || len(image) < len(digest) {
		return image
	}
	return image[:len(image)-len(digest)] + digest[:19]
}
