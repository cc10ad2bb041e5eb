// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package cireport

import (
	"bytes"
	"encoding/json"
	"net/url"
	"path"
	"strings"
)

// The objects of SARIF 2.1.0 (OASIS, sections 3.13 to 3.49), as far as they are written.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		ColumnKind  string            `json:"columnKind"`
		Results     []sarifResult     `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string          `json:"id"`
		ShortDescription sarifText       `json:"shortDescription"`
		FullDescription  sarifText       `json:"fullDescription"`
		Help             sarifText       `json:"help"`
		HelpURI          string          `json:"helpUri,omitempty"`
		Configuration    sarifConfig     `json:"defaultConfiguration"`
		Properties       sarifProperties `json:"properties"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifConfig struct {
		Level Level `json:"level"`
	}
	// Severity is ours. GitHub shows problem.severity, and only if a rule has no level.
	sarifProperties struct {
		Severity string   `json:"severity"`
		Tags     []string `json:"tags"`
	}
	sarifInvocation struct {
		ExecutionSuccessful bool `json:"executionSuccessful"`
	}
	sarifResult struct {
		RuleID              string            `json:"ruleId"`
		RuleIndex           int               `json:"ruleIndex"`
		Kind                string            `json:"kind"`
		Level               Level             `json:"level"`
		Message             sarifText         `json:"message"`
		Locations           []sarifLocation   `json:"locations"`
		PartialFingerprints map[string]string `json:"partialFingerprints"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
)

const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

// fingerprintName has a version, as SARIF asks: a fingerprint made in another way gets another one.
const fingerprintName = "heapgateFinding/v1"

// SARIF writes the report as one run. Every finding must be of a rule of the report.
func SARIF(r Report) ([]byte, error) {
	driver := sarifDriver{Name: r.Tool, Version: r.Version, InformationURI: r.Home, Rules: []sarifRule{}}
	index := map[string]int{}
	for i, rule := range r.Rules {
		index[rule.ID] = i
		driver.Rules = append(driver.Rules, sarifRule{
			ID: rule.ID, ShortDescription: sarifText{rule.Title}, FullDescription: sarifText{rule.Description}, Help: sarifText{rule.Solution},
			HelpURI: rule.Docs, Configuration: sarifConfig{levelOf(rule.Severity)}, Properties: sarifProperties{rule.Severity, []string{"go", "kubernetes", "memory"}},
		})
	}
	run := sarifRun{
		Tool: sarifTool{driver}, Invocations: []sarifInvocation{{ExecutionSuccessful: true}}, ColumnKind: "utf16CodeUnits", Results: []sarifResult{},
	}
	fingerprints := r.fingerprints()
	for i, f := range r.Findings {
		run.Results = append(run.Results, r.sarifResult(f, index[f.Rule], fingerprints[i]))
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(sarifLog{sarifSchema, "2.1.0", []sarifRun{run}})
	return out.Bytes(), err
}

// sarifResult keeps to 3.27.9 and 3.27.10: a level other than none goes with the kind fail only, so what a rule could not tell is a
// fail of the level that it stops with.
func (r Report) sarifResult(f Finding, rule int, fingerprint string) sarifResult {
	o := r.Objects[f.Object]
	name, kind := o.Name, "resource"
	if f.Part != "" {
		name += "/" + f.Part
	}
	return sarifResult{
		RuleID: f.Rule, RuleIndex: rule, Kind: "fail", Level: f.Level, Message: sarifText{f.Text},
		Locations: []sarifLocation{{
			Physical: sarifPhysical{sarifArtifact{fileURI(o.File)}, sarifRegion{r.line(f)}}, Logical: []sarifLogical{{name, kind}},
		}},
		PartialFingerprints: map[string]string{fingerprintName: fingerprint},
	}
}

func levelOf(severity string) Level {
	switch severity {
	case "critical", "high":
		return Error
	case "medium", "low":
		return Warning
	}
	return Note
}

// fileURI is a relative reference for a relative path: a colon in its first part would be read as a scheme.
func fileURI(file string) string {
	file = strings.ToValidUTF8(file, "?")
	if path.IsAbs(file) {
		return (&url.URL{Scheme: "file", Path: file}).String()
	}
	return (&url.URL{Path: path.Clean(file)}).String()
}
