// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.opentelemetry.io/collector/confmap"
	"gopkg.in/yaml.v3"

	"github.com/heapgate/heapgate/processor/internal/metadata"
)

// TestReadme: its example is valid and shows the defaults, and its table has each key with its default.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, ok := strings.Cut(string(readme), "```yaml\n")
	if !ok {
		t.Fatal("README.md has no YAML")
	}
	example, _, _ = strings.Cut(example, "```")
	var file map[string]any
	if err := yaml.Unmarshal([]byte(example), &file); err != nil {
		t.Fatal(err)
	}
	section, err := confmap.NewFromStringMap(file).Sub("processors::go_signals")
	if err != nil {
		t.Fatal(err)
	}
	var cfg Config
	cfg.Metrics = metadata.DefaultMetricsConfig()
	if err := section.Unmarshal(&cfg); err != nil {
		t.Fatal(err)
	}
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(createDefaultConfig(), &cfg, cmpopts.IgnoreFields(Config{}, "Metrics")); diff != "" {
		t.Errorf("the example of README.md: -default +got:\n%s", diff)
	}
	for key, value := range section.ToStringMap() {
		switch key {
		case "metrics":
			value = "all on"
		case "baseline":
			value = "see below"
		}
		row := regexp.MustCompile("(?m)^\\| `" + key + "` \\| `?([^`|]*)`? \\|").FindStringSubmatch(string(readme))
		text, _ := yaml.Marshal(value)
		if row == nil || strings.TrimSpace(row[1]) != strings.TrimSpace(string(text)) {
			t.Errorf("the table of README.md says %q of %s, want its default %s", row, key, text)
		}
	}
	all := confmap.New()
	if err := all.Marshal(createDefaultConfig()); err != nil {
		t.Fatal(err)
	}
	for key := range all.ToStringMap() {
		if !section.IsSet(key) {
			t.Errorf("the example of README.md does not have %s", key)
		}
	}
}

func TestUnknownKeysAreRefused(t *testing.T) {
	err := confmap.NewFromStringMap(map[string]any{"windows": "10m"}).Unmarshal(createDefaultConfig())
	if err == nil || !strings.Contains(err.Error(), "windows") {
		t.Errorf("got %v, want an error that names the key", err)
	}
}

func TestValidate(t *testing.T) {
	broken := Config{
		Window: -time.Second, MaxTargets: 0, MaxSites: -1, MaxSnapshots: 3, ExpireAfter: -time.Minute, StateSize: 1, MaxSeries: 0, MaxChanges: -1,
		Baseline: BaselineConfig{Enabled: true},
	}
	want := strings.Join([]string{
		"window must be a positive duration, 2m or more for idle processes (got -1s)",
		"max_targets must be at least 1 (got 0)",
		"max_sites must be at least 1 (got -1)",
		"max_snapshots must be at least 4 (got 3)",
		"expire_after must not be shorter than window, -1s (got -1m0s)",
		"state_size must be at least 40KiB, one target's (got 1B)",
		"max_series must be at least 1 (got 0)",
		"max_changes must be at least 0, which tells none (got -1)",
		"baseline: save_interval",
	}, "\n")
	if err := broken.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got\n%v\nwant\n%s ...", err, want)
	}
	if err := createDefaultConfig().Validate(); err != nil {
		t.Errorf("the default config: %v", err)
	}
	least := Config{Window: 1, MaxTargets: 1, MaxSites: 1, MaxSnapshots: 4, ExpireAfter: 1, StateSize: assumedSize, MaxSeries: 1}
	if err := least.Validate(); err != nil {
		t.Errorf("the smallest config: %v", err)
	}
}
