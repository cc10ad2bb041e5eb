// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
)

// question about a release, in the words of the parameters of /rollouts.
type releaseQuestion struct {
	Workload  string `json:"workload"`
	Image     string `json:"image"`
	Version   string `json:"version"`
	Container string `json:"container"`
	Baseline  string `json:"baseline_workload"`
	Run       string `json:"run"`
}

// maxWord is longer than any name in Kubernetes and any digest.
const maxWord = 512

func (q releaseQuestion) release() (candidateRelease, error) {
	for _, word := range []string{q.Workload, q.Image, q.Version, q.Container, q.Baseline, q.Run} {
		if len(word) > maxWord {
			return candidateRelease{}, fmt.Errorf("a field is longer than %d bytes", maxWord)
		}
	}
	w, err := (&gateFlags{workload: q.Workload, image: q.Image, version: q.Version, container: q.Container}).parseWorkload()
	if err != nil {
		return candidateRelease{}, err
	}
	return candidateRelease{workload: w, baseline: q.Baseline, run: q.Run}, nil
}

// readRollouts reads the parameters of a GET, or the JSON of a POST. Rollouts has both versions in one workload, so a question that does
// not say which of them is meant would be answered for the old one too.
func readRollouts(r *http.Request) (candidateRelease, error) {
	var q releaseQuestion
	if r.Method == http.MethodPost {
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		if err := readJSON(decoder, &q); err != nil {
			return candidateRelease{}, err
		}
	} else {
		fields := map[string]*string{"workload": &q.Workload, "image": &q.Image, "version": &q.Version, "container": &q.Container, "baseline_workload": &q.Baseline, "run": &q.Run}
		for name, values := range r.URL.Query() {
			to, known := fields[name]
			if !known || len(values) != 1 {
				return candidateRelease{}, fmt.Errorf("the parameter %q is unknown or given twice; there are workload, image, version, container, baseline_workload and run", printable(name))
			}
			*to = values[0]
		}
	}
	if q.Image == "" && q.Version == "" {
		return candidateRelease{}, errors.New("image or version is required: it tells the new pods from the old ones of the same workload")
	}
	return q.release()
}

// flaggerQuestion is Flagger's payload: https://docs.flagger.app/usage/webhooks. Fields that it adds later are let through.
type flaggerQuestion struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	Phase     string            `json:"phase"`
	Checksum  string            `json:"checksum"` // of the canary's spec, since Flagger 1.34
	Metadata  map[string]string `json:"metadata"`
}

var flaggerMetadata = []string{"image", "version", "container", "workload_name", "baseline_workload", "run"}

// readFlagger: the Deployment NAME runs only the canary's pods, the stable ones are NAME-primary.
func readFlagger(r *http.Request) (candidateRelease, error) {
	var q flaggerQuestion
	if err := readJSON(json.NewDecoder(r.Body), &q); err != nil {
		return candidateRelease{}, err
	}
	for name := range q.Metadata {
		if !slices.Contains(flaggerMetadata, name) {
			return candidateRelease{}, fmt.Errorf("the metadata %q is unknown; there are %v", printable(name), flaggerMetadata)
		}
	}
	name, baseline, run := q.Name, q.Name+"-primary", q.Checksum
	if given := q.Metadata["workload_name"]; given != "" {
		name = given
	}
	if given := q.Metadata["baseline_workload"]; given != "" {
		baseline = given
	}
	if given := q.Metadata["run"]; given != "" {
		run = given
	}
	if run == "" && q.Metadata["image"] == "" && q.Metadata["version"] == "" {
		return candidateRelease{}, errors.New("image, version or run is required in the metadata of a Flagger that sends no checksum: it tells this release from the next")
	}
	return releaseQuestion{
		Workload: q.Namespace + "/" + name, Image: q.Metadata["image"], Version: q.Metadata["version"], Container: q.Metadata["container"], Baseline: baseline, Run: run,
	}.release()
}

func readJSON(decoder *json.Decoder, to any) error {
	err := decoder.Decode(to)
	if err == nil && decoder.More() {
		err = errors.New("it goes on after its JSON")
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return fmt.Errorf("the body is larger than %d bytes", large.Limit)
	case errors.Is(err, io.EOF):
		return errors.New("the body is empty; JSON was expected")
	case err != nil:
		return fmt.Errorf("the body is not the JSON that was expected: %w", err)
	}
	return nil
}
