// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// fields are what a format documents at each place: a name, and what is below it. nil: anything.
type fields map[string]fields

// conforms finds what a format does not know. Lists are transparent.
func (f fields) conforms(t *testing.T, where string, node any) {
	t.Helper()
	switch n := node.(type) {
	case []any:
		for i, one := range n {
			f.conforms(t, fmt.Sprintf("%s[%d]", where, i), one)
		}
	case map[string]any:
		for key, value := range n {
			below, known := f[key]
			if !known {
				t.Errorf("%s has no field %s", where, key)
			} else if below != nil {
				below.conforms(t, where+"."+key, value)
			}
		}
	default:
		t.Errorf("%s must have fields %v (got %v)", where, f, node)
	}
}

var azureFields = fields{
	"$schema": nil, "contentVersion": nil, "parameters": nil,
	"resources": {"type": nil, "apiVersion": nil, "name": nil, "location": nil, "tags": nil, "properties": {
		"clusterName": nil, "description": nil, "enabled": nil, "interval": nil, "scopes": nil, "rules": {
			"actions": nil, "alert": nil, "annotations": nil, "enabled": nil, "expression": nil, "for": nil, "labels": nil, "record": nil, "severity": nil,
			"resolveConfiguration": {"autoResolved": nil, "timeToResolve": nil},
		},
	}},
}

func TestAzureTemplates(t *testing.T) {
	files := written(t)
	iso := regexp.MustCompile(`^PT(\d+H)?(\d+M)?$`)
	var got []string
	for _, name := range []string{alertsName, recordingName} {
		var tree any
		var template armTemplate
		for _, out := range []any{&tree, &template} {
			if err := json.Unmarshal(files["azure/"+name+".json"], out); err != nil {
				t.Fatal(err)
			}
		}
		azureFields.conforms(t, name, tree)
		for _, g := range template.Resources {
			if len(g.Properties.Rules) > azureMaxRules || g.Type != "Microsoft.AlertsManagement/prometheusRuleGroups" || g.APIVersion != "2023-03-01" || g.Properties.Interval != "PT1M" {
				t.Errorf("group %s: %d rules, %s %s, every %s", g.Name, len(g.Properties.Rules), g.Type, g.APIVersion, g.Properties.Interval)
			}
			for _, r := range g.Properties.Rules {
				got = append(got, r.Alert+r.Record+": "+r.Expression)
				if r.Alert != "" && (r.Severity == nil || *r.Severity < 1 || !iso.MatchString(r.Resolve.TimeToResolve) || r.For != "" && !iso.MatchString(r.For)) {
					t.Errorf("%s: severity %v, for %q, %+v", r.Alert, r.Severity, r.For, r.Resolve)
				}
				if strings.HasPrefix(r.Expression, "[") {
					t.Errorf("%s: the expression would be one of the template", r.Alert)
				}
			}
		}
	}
	recording, err := readSource("../recording/" + recordingName + ".rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, r := range alertsOf(t) {
		want = append(want, r.Alert+": "+oneLine(r.Expr))
	}
	for _, g := range recording.groups {
		for _, r := range g.Rules {
			want = append(want, r.Record+": "+oneLine(r.Expr))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("Azure is told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if _, err := azureGroup(group{Name: "full", Rules: make([]rule, 21)}, &lost{}); err == nil {
		t.Error("a group of 21 rules is let through")
	}
}

var grafanaFields = fields{"apiVersion": nil, "groups": {"orgId": nil, "name": nil, "folder": nil, "interval": nil, "rules": {
	"uid": nil, "title": nil, "condition": nil, "dashboardUid": nil, "panelId": nil, "noDataState": nil, "execErrState": nil, "for": nil, "keepFiringFor": nil,
	"annotations": nil, "labels": nil, "isPaused": nil,
	"data": {"refId": nil, "queryType": nil, "relativeTimeRange": {"from": nil, "to": nil}, "datasourceUid": nil, "model": nil},
}}}

func TestGrafanaFile(t *testing.T) {
	text := written(t)["grafana/heapgate.alerting.yaml"]
	var tree any
	var file grafanaFile
	for _, out := range []any{&tree, &file} {
		if err := yaml.Unmarshal(text, out); err != nil {
			t.Fatal(err)
		}
	}
	grafanaFields.conforms(t, "file", tree)
	source, i := alertsOf(t), 0
	uids := map[string]bool{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			want := source[i]
			i++
			if r.Title != want.Alert || r.Data[0].Model.Expr != want.Expr || durationOf(r.For) != durationOf(want.For) || r.KeepFiringFor != want.KeepFiringFor ||
				r.Labels["severity"] != want.Labels["severity"] || r.DashboardUID != want.Annotations["__dashboardUid__"] {
				t.Errorf("%s is not %+v", r.Title, want)
			}
			if uids[r.UID] || !regexp.MustCompile(`^[a-zA-Z0-9_-]{1,40}$`).MatchString(r.UID) {
				t.Errorf("%s: uid %q", r.Title, r.UID)
			}
			uids[r.UID] = true
			if r.Condition != r.Data[1].RefID || r.Data[1].DatasourceUID != "__expr__" || r.Data[1].Model.Expression != anyValue || !r.Data[0].Model.Instant {
				t.Errorf("%s: a series must be an alert whatever its value", r.Title)
			}
		}
	}
	if i != len(source) {
		t.Errorf("%d of %d alerts were written", i, len(source))
	}
}

var datadogFields = fields{"name": nil, "type": nil, "query": nil, "message": nil, "tags": nil, "priority": nil, "options": {
	"thresholds": {"critical": nil}, "notify_no_data": nil, "require_full_window": nil, "include_tags": nil, "new_group_delay": nil,
}}

var datadogForm = regexp.MustCompile(`^(min|max|sum)\(last_(5m|10m|15m|30m|1h|2h|4h)\):(min|max|sum):[a-z][a-z0-9_.]*\{[^{}]+\} by \{[a-z0-9_.,]+\}(\.as_count\(\))?` +
	`( / (min|max|sum):[a-z0-9_.]+\{\*\} by \{[a-z0-9_.,]+\})? (>|>=|<|<=) ([0-9.e+]+)$`)

func TestDatadogMonitors(t *testing.T) {
	files := written(t)
	var tree any
	var monitors []monitor
	for _, out := range []any{&tree, &monitors} {
		if err := json.Unmarshal(files["datadog/heapgate.monitors.json"], out); err != nil {
			t.Fatal(err)
		}
	}
	datadogFields.conforms(t, "monitors", tree)
	variables := regexp.MustCompile(`^\{\{(\[[a-z0-9_.]+\]\.name|[a-z0-9_]+\.name|value|eval "value\*100"|[#^]is_exact_match "[a-z.]+" "\w+"|/is_exact_match)\}\}$`)
	said := map[string]bool{}
	for _, m := range monitors {
		form := datadogForm.FindStringSubmatch(m.Query)
		if form == nil || form[len(form)-1] != fmt.Sprint(m.Options.Thresholds["critical"]) || m.Type != "query alert" || m.Priority < 1 || m.Priority > 5 {
			t.Errorf("%+v", m)
		}
		for _, action := range actions.FindAllString(m.Name+m.Message, -1) {
			if !variables.MatchString(action) {
				t.Errorf("%s: %s is no variable of Datadog", m.Query, action)
			}
		}
		said[m.Tags[1]] = true
	}
	page := string(files["datadog/lost.md"])
	for _, r := range alertsOf(t) {
		if listed := strings.Contains(page, "| "+r.Alert+" | **not written**: "); listed == said["alert:"+strings.ToLower(r.Alert)] {
			t.Errorf("%s: listed as not written: %v, has a monitor: %v", r.Alert, listed, !listed)
		}
	}
	if len(said) < 20 {
		t.Errorf("only %d alerts have a monitor", len(said))
	}
}

func TestDatadogQueries(t *testing.T) {
	m := &metrics{names: map[string]string{"up": "up", "a_bytes": "a", "b_bytes": "b"}, tags: map[string]string{"job": "service", "x": "x.y", "instance": "id"}}
	for _, tc := range []struct{ expr, waits, want, lost string }{
		{`max by (job) (a_bytes{x="1"}) > 0.5`, "10m", "min(last_10m):max:a{x.y:1} by {service} > 0.5", ""},
		{`max by (job) (a_bytes > 2)`, "", "min(last_5m):max:a{*} by {service} > 2", ""},
		{`min by (job) (a_bytes) < 3`, "1h", "max(last_1h):min:a{*} by {service} < 3", ""},
		{`max by (job) (a_bytes{x=~"1|2", job!="z"} == 1)`, "7m", "min(last_10m):max:a{x.y IN (1,2) AND NOT service:z} by {service} >= 1", "`for: 7m` becomes 10m"},
		{`count by (job) (up == 0)`, "", "max(last_5m):min:up{*} by {service} <= 0", "how many"},
		{`sum by (job) (increase({__name__=~"c_d(_total)?"}[30m])) > 0`, "15m", "sum(last_30m):sum:c_d{*} by {service}.as_count() > 0", "for: 15m"},
		{`max by (job) (a_bytes / ignoring (x) (b_bytes > 0)) > 0.9`, "5m", "min(last_5m):max:a{*} by {id,service} / max:b{*} by {id,service} > 0.9", ""},
		{`min by (job) (a_bytes and b_bytes == 1 or (b_bytes == 1) * Inf)`, "5m", "min(last_5m):max:b{*} by {service} >= 1", "the number in its text"},
		{`max by (job) (a_bytes > 1) or max by (job) (b_bytes > 1 and up == 1)`, "5m", "min(last_5m):max:a{*} by {service} > 1", "**is not written**"},
		{`max by (job) (a_bytes unless b_bytes)`, "", "", "(`unless`)"},
		{`max by (job) (a_bytes > 1 and b_bytes > 1)`, "", "", "(`and`)"},
		{`max by (job) (a_bytes) > sum by (job) (b_bytes)`, "", "", "against each other"},
		{`count by (job) (avg_over_time(up[5m]) < 1)`, "", "", "**not written**"},
		{`sum by (job) (rate(a_bytes[5m])) > 7`, "", "", "function `rate`"},
		{`min by (job) (a_bytes) > 3`, "", "", "under `min`"},
	} {
		queries, lost, err := m.queries(rule{Expr: tc.expr, For: tc.waits})
		got := ""
		for _, q := range queries {
			got += q.String()
		}
		if all := strings.Join(lost, "; "); err != nil || got != tc.want || !strings.Contains(all, tc.lost) || (tc.lost == "") != (all == "") {
			t.Errorf("%s:\n got %s, lost %q, %v\nwant %s, lost %q", tc.expr, got, lost, err, tc.want, tc.lost)
		}
	}
	if _, _, err := m.queries(rule{Expr: "max by (job) (renamed) > 1"}); err == nil {
		t.Error("a metric that no metadata.yaml has is let through")
	}
}
