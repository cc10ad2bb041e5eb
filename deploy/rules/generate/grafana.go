// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

type (
	grafanaFile struct {
		APIVersion int            `yaml:"apiVersion"`
		Groups     []grafanaGroup `yaml:"groups"`
	}
	grafanaGroup struct {
		OrgID    int           `yaml:"orgId"`
		Name     string        `yaml:"name"`
		Folder   string        `yaml:"folder"`
		Interval string        `yaml:"interval"`
		Rules    []grafanaRule `yaml:"rules"`
	}
	grafanaRule struct {
		UID           string            `yaml:"uid"`
		Title         string            `yaml:"title"`
		Condition     string            `yaml:"condition"`
		Data          []grafanaQuery    `yaml:"data"`
		DashboardUID  string            `yaml:"dashboardUid"`
		NoDataState   string            `yaml:"noDataState"`
		ExecErrState  string            `yaml:"execErrState"`
		For           string            `yaml:"for"`
		KeepFiringFor string            `yaml:"keepFiringFor,omitempty"`
		Annotations   map[string]string `yaml:"annotations"`
		Labels        map[string]string `yaml:"labels"`
		IsPaused      bool              `yaml:"isPaused"`
	}
	grafanaQuery struct {
		RefID             string         `yaml:"refId"`
		RelativeTimeRange map[string]int `yaml:"relativeTimeRange"`
		DatasourceUID     string         `yaml:"datasourceUid"`
		Model             grafanaModel   `yaml:"model"`
	}
	grafanaModel struct {
		RefID      string `yaml:"refId"`
		Expr       string `yaml:"expr,omitempty"`
		Instant    bool   `yaml:"instant,omitempty"`
		Type       string `yaml:"type,omitempty"`
		Expression string `yaml:"expression,omitempty"`
	}
)

// A series that PromQL answers with is an alert, whatever its value: also 0, which Grafana would take for "does not hold", and +Inf.
const anyValue = "is_number($A) || is_nan($A) || is_inf($A)"

// grafana writes a provisioning file of Grafana's own alerting.
func grafana(files map[string][]byte, alerts, recording *source) error {
	file := grafanaFile{APIVersion: 1}
	for _, g := range alerts.groups {
		out := grafanaGroup{OrgID: 1, Name: g.Name, Folder: "heapgate", Interval: "1m"}
		for _, r := range g.Rules {
			annotations, err := translated(r, grafanaTexts)
			if err != nil {
				return err
			}
			uid := strings.ToLower(r.Alert)
			if len(uid) > 40 {
				return fmt.Errorf("%s: Grafana takes 40 letters for the uid of a rule", r.Alert)
			}
			waits := r.For
			if waits == "" {
				waits = "0s"
			}
			out.Rules = append(out.Rules, grafanaRule{
				UID: uid, Title: r.Alert, Condition: "B", DashboardUID: r.Annotations["__dashboardUid__"], NoDataState: "OK", ExecErrState: "Error",
				For: waits, KeepFiringFor: r.KeepFiringFor, Annotations: annotations, Labels: r.Labels,
				Data: []grafanaQuery{
					{RefID: "A", RelativeTimeRange: map[string]int{"from": 600, "to": 0}, DatasourceUID: "${HEAPGATE_DATASOURCE_UID}", Model: grafanaModel{RefID: "A", Expr: r.Expr, Instant: true}},
					{RefID: "B", RelativeTimeRange: map[string]int{"from": 0, "to": 0}, DatasourceUID: "__expr__", Model: grafanaModel{RefID: "B", Type: "math", Expression: anyValue}},
				},
			})
		}
		file.Groups = append(file.Groups, out)
	}
	var text bytes.Buffer
	text.WriteString(headOf(alertsName))
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(file); err != nil {
		return err
	}
	files["grafana/heapgate.alerting.yaml"] = text.Bytes()
	var losses lost
	for _, g := range recording.groups {
		for _, r := range g.Rules {
			losses.add("`"+r.Record+"`", "not written: Grafana records into a data source that it must be allowed to write to. Let the ruler of your store do it")
		}
	}
	files["grafana/lost.md"] = losses.page("What Grafana's own alerting does otherwise", "`keepFiringFor` needs Grafana 12; older ones ignore it. Everything else is as in Prometheus.")
	return nil
}
