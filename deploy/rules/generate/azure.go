// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"time"
)

// The service's own limits, see "Azure Monitor service limits" and the REST reference of prometheusRuleGroups, 2023-03-01.
const (
	azureMaxRules   = 20
	azureMinResolve = 5 * time.Minute
	azureMaxResolve = 15 * time.Minute
)

type (
	armTemplate struct {
		Schema         string                  `json:"$schema"`
		ContentVersion string                  `json:"contentVersion"`
		Parameters     map[string]armParameter `json:"parameters"`
		Resources      []armRuleGroup          `json:"resources"`
	}
	armParameter struct {
		Type         string            `json:"type"`
		DefaultValue *string           `json:"defaultValue,omitempty"`
		Metadata     map[string]string `json:"metadata"`
	}
	armRuleGroup struct {
		Type       string             `json:"type"`
		APIVersion string             `json:"apiVersion"`
		Name       string             `json:"name"`
		Location   string             `json:"location"`
		Properties armGroupProperties `json:"properties"`
	}
	armGroupProperties struct {
		Description string    `json:"description"`
		Enabled     bool      `json:"enabled"`
		Interval    string    `json:"interval"`
		Scopes      []string  `json:"scopes"`
		Rules       []armRule `json:"rules"`
	}
	armRule struct {
		Alert       string            `json:"alert,omitempty"`
		Record      string            `json:"record,omitempty"`
		Enabled     bool              `json:"enabled"`
		Expression  string            `json:"expression"`
		For         string            `json:"for,omitempty"`
		Severity    *int              `json:"severity,omitempty"`
		Labels      map[string]string `json:"labels,omitempty"`
		Annotations map[string]string `json:"annotations,omitempty"`
		Resolve     *armResolve       `json:"resolveConfiguration,omitempty"`
		Actions     string            `json:"actions,omitempty"`
	}
	armResolve struct {
		AutoResolved  bool   `json:"autoResolved"`
		TimeToResolve string `json:"timeToResolve"`
	}
)

var azureSeverity = map[string]int{"page": 1, "ticket": 2, "info": 3} // error, warning, informational

// azure writes ARM templates of rule groups of Azure Monitor's managed service for Prometheus.
func azure(files map[string][]byte, alerts, recording *source) error {
	var losses lost
	for _, f := range []struct {
		name  string
		rules *source
	}{{alertsName, alerts}, {recordingName, recording}} {
		template := armTemplate{
			Schema:         "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
			ContentVersion: "1.0.0.0",
			Parameters: map[string]armParameter{
				"location":    {Type: "string", DefaultValue: new("[resourceGroup().location]"), Metadata: map[string]string{"description": "Where the Azure Monitor workspace is."}},
				"workspaceId": {Type: "string", Metadata: map[string]string{"description": "Resource id of the Azure Monitor workspace that holds the metrics."}},
			},
		}
		if f.name == alertsName {
			template.Parameters["actionGroupId"] = armParameter{Type: "string", DefaultValue: new(""), Metadata: map[string]string{"description": "Resource id of the action group to notify, or nothing."}}
		}
		for _, g := range f.rules.groups {
			resource, err := azureGroup(g, &losses)
			if err != nil {
				return err
			}
			template.Resources = append(template.Resources, resource)
		}
		var err error
		if files["azure/"+f.name+".json"], err = indentedJSON(template); err != nil {
			return err
		}
	}
	files["azure/lost.md"] = losses.page("What Azure's managed rules cannot say",
		"Annotations: only `{{ $labels.x }}` and `{{ $value }}` are documented, so numbers come as they are (0.26 and not 26 %), and the alternatives of a sentence stand beside each other.")
	return nil
}

func azureGroup(g group, losses *lost) (armRuleGroup, error) {
	if len(g.Rules) > azureMaxRules {
		return armRuleGroup{}, fmt.Errorf("group %s has %d rules, Azure takes %d", g.Name, len(g.Rules), azureMaxRules)
	}
	properties := armGroupProperties{
		Description: "Rules of heapgate, generated from deploy/rules.", Enabled: true, Interval: isoDuration(time.Minute), Scopes: []string{"[parameters('workspaceId')]"},
	}
	for _, r := range g.Rules {
		out := armRule{Alert: r.Alert, Record: r.Record, Enabled: true, Expression: oneLine(r.Expr)}
		if r.Alert != "" {
			severity := azureSeverity[r.Labels["severity"]]
			keep := max(durationOf(r.KeepFiringFor), azureMinResolve)
			if keep > azureMaxResolve {
				losses.add(r.Alert, "`keep_firing_for: "+r.KeepFiringFor+"` becomes 15 minutes, the longest `timeToResolve`")
				keep = azureMaxResolve
			}
			out.Severity, out.Labels = &severity, r.Labels
			out.Resolve = &armResolve{AutoResolved: true, TimeToResolve: isoDuration(keep)}
			out.Actions = "[if(empty(parameters('actionGroupId')), createArray(), createArray(createObject('actionGroupId', parameters('actionGroupId'))))]"
			if r.For != "" {
				out.For = isoDuration(durationOf(r.For))
			}
			var err error
			if out.Annotations, err = translated(r, azureTexts); err != nil {
				return armRuleGroup{}, err
			}
		}
		properties.Rules = append(properties.Rules, out)
	}
	return armRuleGroup{
		Type: "Microsoft.AlertsManagement/prometheusRuleGroups", APIVersion: "2023-03-01", Name: g.Name, Location: "[parameters('location')]", Properties: properties,
	}, nil
}

// isoDuration writes a duration of whole minutes as ISO 8601 does: PT1H30M.
func isoDuration(d time.Duration) string {
	text := "PT"
	if h := d / time.Hour; h > 0 {
		text += fmt.Sprintf("%dH", h)
	}
	if m := d % time.Hour / time.Minute; m > 0 {
		text += fmt.Sprintf("%dM", m)
	}
	if d%time.Minute != 0 || strings.HasSuffix(text, "T") {
		panic(fmt.Sprintf("%v is not a number of minutes", d))
	}
	return text
}
