// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package hooks

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// gate looks at one gate: its name, its life, its Job, its container, and what it needs.
func (c *checker) gate(m *Manifests, g gate) {
	if !g.isHook {
		return // HOOK-003 or HOOK-004 says so
	}
	c.name(g)
	c.kind(g)
	switch g.kind {
	case "Job":
		c.job(g)
		c.deadline(g, "spec", "activeDeadlineSeconds")
		c.restart(g)
	case "Pod":
		c.deadline(g, "spec", "activeDeadlineSeconds")
		c.restart(g)
	}
	c.shell(g)
	c.image(g)
	if len(g.phases) > 0 {
		c.order(m, g)
	}
}

// maxPrefix leaves room for what Argo CD appends, at most 27 characters (abcdef0-postsync-1795242267), in the 63 of a label.
const maxPrefix = 35

func (c *checker) name(g gate) {
	want := "metadata.generateName, like heapgate-, and no metadata.name: Argo CD then makes a name of the revision, the phase and the time"
	got := fmt.Sprintf("metadata.name: %s", g.name)
	if g.name != "" && g.generate != "" {
		got += ", which wins over metadata.generateName"
	}
	switch {
	case g.name != "" && slices.Contains(g.policies, beforeHookCreation):
		c.report("HOOK-008", g.object, line(g.node, "metadata", "name"), got, want)
	case g.name != "":
		c.report("HOOK-009", g.object, line(g.node, "metadata", "name"), got+", with the deletion policy "+strings.Join(g.policies, ","), want)
	case len(g.generate) > maxPrefix:
		c.report("HOOK-010", g.object, line(g.node, "metadata", "generateName"), fmt.Sprintf("metadata.generateName: %.300s, %d characters", g.generate, len(g.generate)),
			fmt.Sprintf("at most %d characters: Argo CD appends up to 27 and Kubernetes takes 63", maxPrefix))
	}
}

// notAwaited are kinds of Kubernetes whose health says nothing of the end of their pods, so the hook counts as done too early.
var notAwaited = []string{"CronJob", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController"}

func (c *checker) kind(g gate) {
	if slices.Contains(notAwaited, g.kind) {
		c.report("HOOK-016", g.object, line(g.node, "kind"), "kind: "+g.kind+", which is healthy without its gate having ended", "a Job or a Pod")
	}
}

func (c *checker) job(g gate) {
	given := func(name string) (*yaml.Node, int) { return at(g.node, "spec", name), line(g.node, "spec", name) }
	if node, row := given("suspend"); isTrue(node) {
		c.report("HOOK-011", g.object, row, "spec.suspend: true: once it is resumed, Argo CD takes the Job for healthy while it runs", "no spec.suspend; keep queueing controllers such as Kueue away from the gate")
	}
	if node, row := given("ttlSecondsAfterFinished"); node != nil {
		c.report("HOOK-012", g.object, row, "spec.ttlSecondsAfterFinished: "+node.Value+": the Job can be gone before Argo CD has seen its end, and the sync hangs", "argocd.argoproj.io/hook-delete-policy: HookSucceeded")
	}
	node, row := given("backoffLimit")
	if limit, ok := whole(node); !ok || limit != 0 {
		c.report("HOOK-014", g.object, row, shown("spec.backoffLimit", node, "6"), "spec.backoffLimit: 0")
	}
	for _, name := range []string{"completions", "parallelism"} {
		if node, row := given(name); node != nil {
			if n, ok := whole(node); !ok || n != 1 {
				c.report("HOOK-017", g.object, row, shown("spec."+name, node, ""), "1, or none: a Job of 0 completions is complete before any pod has run, and a second pod would judge beside the first")
			}
		}
	}
	if node, row := given("successPolicy"); node != nil {
		c.report("HOOK-017", g.object, row, "spec.successPolicy, by which some pods are enough", "no spec.successPolicy")
	}
	c.failurePolicy(g)
}

func (c *checker) deadline(g gate, path ...string) {
	node := at(g.node, path...)
	if seconds, ok := whole(node); !ok || seconds < 1 {
		c.report("HOOK-013", g.object, line(g.node, path...), shown(strings.Join(path, "."), node, "none: a gate that cannot start holds the sync for ever"), strings.Join(path, ".")+": seconds enough for the gate's --wait and the pull of its image, like 900")
	}
}

func (c *checker) restart(g gate) {
	node := at(g.spec(), "restartPolicy")
	if node != nil && node.Value == "Never" {
		return
	}
	got := shown("restartPolicy", node, "Always")
	if g.kind == "Pod" && (node == nil || node.Value == "Always") {
		got += ": Argo CD takes the Pod for healthy as soon as it is ready, before the gate has judged"
	}
	c.report("HOOK-015", g.object, line(g.node, g.below("restartPolicy")...), got, "restartPolicy: Never")
}

// exitCodes are the gate's answers other than pass.
var exitCodes = []string{"10", "20", "30", "40"}

func (c *checker) failurePolicy(g gate) {
	failing := map[string]bool{}
	disruption := false
	for _, rule := range list(g.node, "spec", "podFailurePolicy", "rules") {
		codes := at(rule, "onExitCodes")
		other := text(codes, "containerName")
		if text(rule, "action") == "FailJob" && text(codes, "operator") == "In" && (other == "" || other == text(g.container, "name")) {
			for _, code := range texts(codes, "values") {
				failing[code] = true
			}
		}
		for _, condition := range list(rule, "onPodConditions") {
			disruption = disruption || text(rule, "action") == "Ignore" && text(condition, "type") == "DisruptionTarget"
		}
	}
	var missing []string
	for _, code := range exitCodes {
		if !failing[code] {
			missing = append(missing, code)
		}
	}
	row := line(g.node, "spec", "podFailurePolicy", "rules")
	if len(missing) > 0 {
		c.report("HOOK-018", g.object, row, "spec.podFailurePolicy without FailJob on the exit codes "+strings.Join(missing, ", ")+": Argo CD shows a backoff limit instead of the code", "{action: FailJob, onExitCodes: {operator: In, values: [10, 20, 30, 40]}}")
	} else if !disruption {
		c.report("HOOK-018", g.object, row, "spec.podFailurePolicy without Ignore on DisruptionTarget: a drained node fails the release", "{action: Ignore, onPodConditions: [{type: DisruptionTarget}]}")
	}
}

var shells = []string{"sh", "bash", "ash", "dash", "zsh", "busybox"}

func (c *checker) shell(g gate) {
	words := slices.Concat(texts(g.container, "command"), texts(g.container, "args"))
	if len(words) > 0 && slices.Contains(shells, path.Base(words[0])) {
		c.report("HOOK-019", g.object, commandLine(g), fmt.Sprintf("command: %s ...: the shell's last command decides, and || true, | tee or a background & make a pass of everything", words[0]), "the gate itself as the container's command, with its flags as args")
	}
}

func commandLine(g gate) int {
	if key, _ := field(g.container, "command"); key != nil {
		return key.Line
	}
	return line(g.container, "args")
}

func (c *checker) image(g gate) {
	image := text(g.container, "image")
	if _, digest, ok := strings.Cut(image, "@"); !ok || !strings.HasPrefix(digest, "sha256:") {
		c.report("HOOK-024", g.object, line(g.container, "image"), fmt.Sprintf("image: %.300s: whoever moves the tag changes the judge", image), "REPOSITORY@sha256:...")
	}
}

// shown is a field as it was given, or what its absence means.
func shown(name string, node *yaml.Node, absent string) string {
	if node == nil {
		return "no " + name + ", which means " + absent
	}
	return fmt.Sprintf("%s: %.100s", name, node.Value)
}
