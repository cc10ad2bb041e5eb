// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package cireport

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

// The elements of JUnit's report, as far as the readers of GitLab, Jenkins and Azure agree on them.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		File    string        `xml:"file,attr"`
		Line    int           `xml:"line,attr"`
		Failure *junitMessage `xml:"failure"`
		Error   *junitMessage `xml:"error"`
		Out     string        `xml:"system-out,omitempty"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes one test case for every rule and object, in a suite for each file. A finding of the level Error is a failure, or an error
// if the rule could not tell; others are the output of a case that passed.
func JUnit(r Report) ([]byte, error) {
	root := junitSuites{Name: r.Tool}
	said := map[[2]string][]Finding{}
	for _, f := range r.Findings {
		key := [2]string{fmt.Sprint(f.Object), f.Rule}
		said[key] = append(said[key], f)
	}
	suites := map[string]int{}
	for i, o := range r.Objects {
		at, known := suites[o.File]
		if !known {
			at, suites[o.File] = len(root.Suites), len(root.Suites)
			root.Suites = append(root.Suites, junitSuite{Name: o.File})
		}
		suite := &root.Suites[at]
		for _, rule := range r.Rules {
			c := r.junitCase(o, rule, said[[2]string{fmt.Sprint(i), rule.ID}])
			suite.Cases = append(suite.Cases, c)
			suite.Tests++
			if c.Failure != nil {
				suite.Failures++
			} else if c.Error != nil {
				suite.Errors++
			}
		}
	}
	for _, s := range root.Suites {
		root.Tests, root.Failures, root.Errors = root.Tests+s.Tests, root.Failures+s.Failures, root.Errors+s.Errors
	}
	text, err := xml.MarshalIndent(root, "", "  ")
	return bytes.Join([][]byte{[]byte(strings.TrimSpace(xml.Header)), text, nil}, []byte("\n")), err
}

func (r Report) junitCase(o Object, rule Rule, findings []Finding) junitCase {
	c := junitCase{Class: o.Name, Name: rule.ID + " " + rule.Title, File: o.File, Line: o.Line}
	var failed, unsettled, rest []string
	for _, f := range findings {
		text := fmt.Sprintf("%s:%d: %s", o.File, r.line(f), f.Text)
		switch {
		case f.Level != Error:
			rest = append(rest, string(f.Level)+": "+text)
		case f.Unsettled:
			unsettled = append(unsettled, text)
		default:
			failed = append(failed, text)
		}
	}
	help := "\n" + rule.Solution + "\n" + rule.Docs
	switch {
	case len(failed) > 0:
		c.Failure = &junitMessage{firstText(findings, false), rule.Severity, strings.Join(append(failed, unsettled...), "\n") + help}
	case len(unsettled) > 0:
		c.Error = &junitMessage{firstText(findings, true), "inconclusive", strings.Join(unsettled, "\n") + help}
	}
	c.Out = strings.Join(rest, "\n")
	return c
}

// firstText is that of the first finding that stops and is unsettled or not.
func firstText(findings []Finding, unsettled bool) string {
	for _, f := range findings {
		if f.Level == Error && f.Unsettled == unsettled {
			return f.Text
		}
	}
	return ""
}
