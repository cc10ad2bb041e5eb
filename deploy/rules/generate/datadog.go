// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

type (
	monitor struct {
		Name     string         `json:"name"`
		Type     string         `json:"type"`
		Query    string         `json:"query"`
		Message  string         `json:"message"`
		Tags     []string       `json:"tags"`
		Priority int            `json:"priority"`
		Options  monitorOptions `json:"options"`
	}
	monitorOptions struct {
		Thresholds        map[string]float64 `json:"thresholds"`
		NotifyNoData      bool               `json:"notify_no_data"`
		RequireFullWindow bool               `json:"require_full_window"`
		IncludeTags       bool               `json:"include_tags"`
		NewGroupDelay     int                `json:"new_group_delay"` // seconds
	}
)

var datadogPriority = map[string]int{"page": 1, "ticket": 3, "info": 5}

// datadog writes monitors for those alerts that one of Datadog's metric queries can say, and lists the others.
func (m *metrics) datadog(files map[string][]byte, alerts, recording *source) error {
	monitors := []monitor{}
	var losses lost
	for _, g := range alerts.groups {
		for _, r := range g.Rules {
			queries, what, err := m.queries(r)
			if err != nil {
				return fmt.Errorf("%s: %w", r.Alert, err)
			}
			for _, w := range what {
				losses.add(r.Alert, w)
			}
			for _, q := range queries {
				one, err := q.monitor(r)
				if err != nil {
					return err
				}
				monitors = append(monitors, one)
			}
		}
	}
	for _, g := range recording.groups {
		for _, r := range g.Rules {
			losses.add("`"+r.Record+"`", "not written: Datadog aggregates when it is asked")
		}
	}
	text, err := indentedJSON(monitors)
	if err != nil {
		return err
	}
	files["datadog/heapgate.monitors.json"] = text
	files["datadog/lost.md"] = losses.page("What Datadog's monitors cannot say",
		"Datadog lowers the letters of tags and replaces signs in them: `main.(*Cache).Put` is shown as `main.__cache_.put`.")
	return nil
}

func (q datadogQuery) monitor(r rule) (monitor, error) {
	texts, err := translated(r, q.texts())
	if err != nil {
		return monitor{}, err
	}
	return monitor{
		Name: texts["summary"], Type: "query alert", Query: q.String(),
		Message:  texts["description"] + "\n\nRunbook: " + r.Annotations["runbook_url"],
		Tags:     []string{"heapgate", "alert:" + strings.ToLower(r.Alert), "severity:" + r.Labels["severity"]},
		Priority: datadogPriority[r.Labels["severity"]],
		Options:  monitorOptions{Thresholds: map[string]float64{"critical": q.limit}, IncludeTags: true, NewGroupDelay: 300},
	}, nil
}

// texts are Datadog's template variables; a label by which the query does not group is not known.
func (q datadogQuery) texts() texts {
	label := func(name string) string {
		tag, ok := q.tags[name]
		switch {
		case !ok:
			return "?"
		case strings.Contains(tag, "."):
			return "{{[" + tag + "].name}}"
		}
		return "{{" + tag + ".name}}"
	}
	return texts{
		label: label,
		value: func(format string) string {
			switch {
			case q.valueLost:
				return "?"
			case format == "humanizePercentage":
				return `{{eval "value*100"}} %`
			case format == "humanizeDuration":
				return "{{value}} s"
			}
			return "{{value}}"
		},
		with: func(_, inner string) string {
			if strings.Contains(inner, "?") {
				return ""
			}
			return inner
		},
		or: func(name, _ string) string { return label(name) },
		choose: func(name, is, then, otherwise string) string {
			key := strings.NewReplacer("{{", "", "}}", "").Replace(label(name))
			return fmt.Sprintf(`{{#is_exact_match "%s" "%s"}}%s{{/is_exact_match}}{{^is_exact_match "%s" "%s"}}%s{{/is_exact_match}}`, key, is, then, key, is, otherwise)
		},
	}
}
