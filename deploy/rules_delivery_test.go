// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"os"
	"testing"
)

// What Argo CD delivers are the files themselves, under names that stay.
func TestRulesAndDashboardsAreDelivered(t *testing.T) {
	for _, tc := range []struct {
		dir, label, value string
		want              map[string]string // name of the object: file in it
	}{
		{"rules", "heapgate.dev/rules", "true", map[string]string{"heapgate-rules": "heapgate.rules.yaml"}},
		{"rules/recording", "heapgate.dev/rules", "true", map[string]string{"heapgate-recording-rules": "heapgate-recording.rules.yaml"}},
		{"rules/operator", "app.kubernetes.io/component", "rules", map[string]string{"heapgate": ""}},
		{"dashboards", "grafana_dashboard", "1", map[string]string{
			"heapgate-dashboard-collector": "collector.json", "heapgate-dashboard-fleet": "fleet.json", "heapgate-dashboard-maps": "maps.json", "heapgate-dashboard-watch": "watch.json", "heapgate-dashboard-workload": "workload.json",
		}},
	} {
		built := render(t, tc.dir)
		if len(built) != len(tc.want) {
			t.Errorf("%s builds %d objects, want %d", tc.dir, len(built), len(tc.want))
		}
		for _, o := range built {
			file, ok := tc.want[o.name()]
			if !ok || o.text("metadata", "namespace") != "heapgate" || o.text("metadata", "labels", tc.label) != tc.value {
				t.Errorf("%s builds %s %s with %v", tc.dir, o.kind(), o.name(), o.at("metadata"))
			}
			if file == "" {
				continue
			}
			text, err := os.ReadFile(tc.dir + "/" + file)
			if err != nil {
				t.Fatal(err)
			}
			if o.text("data", file) != string(text) {
				t.Errorf("%s: %s does not hold %s as it is", tc.dir, o.name(), file)
			}
		}
	}
}
