// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"os"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

func yamlToJSON(text []byte, out any) error { return yaml.UnmarshalStrict(text, out) }

// what we run ourselves, and where it stands.
var programs = []string{"collector", "collector/persistent", "watch", "gate", "gate/pod"}

// pods finds the pod of everything that we run. A candidate is somebody else's.
func pods(t *testing.T, folder string) map[string]corev1.PodSpec {
	t.Helper()
	found := map[string]corev1.PodSpec{}
	for _, o := range render(t, folder) {
		switch spec := o.at("spec", "template", "spec"); {
		case o.kind() == "Pod":
			found["Pod"] = into[corev1.PodSpec](t, o.at("spec").(map[string]any))
		case spec != nil:
			found[o.kind()+" "+o.name()] = into[corev1.PodSpec](t, spec.(map[string]any))
		}
	}
	return found
}

func release(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../builder-config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct{ Dist struct{ Version string } }
	if err := yaml.Unmarshal(text, &manifest); err != nil || manifest.Dist.Version == "" {
		t.Fatalf("no dist.version in builder-config.yaml: %v", err)
	}
	return "v" + manifest.Dist.Version
}

// A pod has no right that it does not need, and no resource without an end.
func TestPodsAreConfined(t *testing.T) {
	seen := 0
	for _, folder := range programs {
		for name, pod := range pods(t, folder) {
			seen++
			wrong := func(what string) { t.Errorf("%s: %s: %s", folder, name, what) }
			agent := name == "DaemonSet heapgate-agent"
			context := pod.SecurityContext
			if context == nil || context.SeccompProfile == nil || context.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
				wrong("no seccomp profile RuntimeDefault")
			}
			if nonRoot := context.RunAsNonRoot != nil && *context.RunAsNonRoot && context.RunAsUser != nil && *context.RunAsUser > 0; nonRoot == agent {
				wrong("only the agent runs as root")
			}
			if pod.HostNetwork || pod.HostPID || pod.HostIPC {
				wrong("shares a namespace with the node")
			}
			if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken == (name == "Deployment heapgate-gateway") {
				wrong("automountServiceAccountToken: everything but the gateway speaks to the API server, and says so itself")
			}
			for _, volume := range pod.Volumes {
				if volume.HostPath != nil && !agent {
					wrong("hostPath " + volume.HostPath.Path)
				}
			}
			for _, c := range pod.Containers {
				confined(t, folder+": "+name, c)
			}
		}
	}
	if seen < 5 {
		t.Errorf("only %d pods were looked at", seen)
	}
}

func confined(t *testing.T, name string, c corev1.Container) {
	t.Helper()
	s := c.SecurityContext
	if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem ||
		s.Privileged != nil || s.Capabilities == nil || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(s.Capabilities.Add) > 0 {
		t.Errorf("%s: want no privilege escalation, a read-only root file system and no capability (got %+v)", name, s)
	}
	if c.Resources.Limits.Memory().IsZero() || c.Resources.Limits.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() {
		t.Errorf("%s: want requests and limits of CPU and memory", name)
	}
	if len(c.Ports) > 0 && (c.LivenessProbe == nil || c.ReadinessProbe == nil) {
		t.Errorf("%s serves and has not both probes", name)
	}
	goLimits(t, name, c)
	if repository, tag, ok := strings.Cut(c.Image, ":"); !ok || !strings.HasPrefix(repository, "ghcr.io/heapgate/heapgate") || tag != release(t) {
		t.Errorf("%s: want an image of this release, %s (got %s)", name, release(t), c.Image)
	}
}

// goLimits: the collector knows the limit that it lives in, with room for what is not heap.
func goLimits(t *testing.T, name string, c corev1.Container) {
	t.Helper()
	byName := map[string]corev1.EnvVar{}
	for _, e := range c.Env {
		byName[e.Name] = e
	}
	var mebibytes int64
	if text, ok := strings.CutSuffix(byName["GOMEMLIMIT"].Value, "MiB"); ok {
		mebibytes = number(t, text)
	}
	if share := float64(mebibytes<<20) / c.Resources.Limits.Memory().AsApproximateFloat64(); share < 0.89 || share > 0.90 {
		t.Errorf("%s: GOMEMLIMIT must be 90 %% of limits.memory, %s (got %q, %.1f %%)", name, c.Resources.Limits.Memory(), byName["GOMEMLIMIT"].Value, 100*share)
	}
	if from := byName["GOMAXPROCS"].ValueFrom; from == nil || from.ResourceFieldRef == nil || from.ResourceFieldRef.Resource != "limits.cpu" {
		t.Errorf("%s: GOMAXPROCS must come from limits.cpu", name)
	}
}

func number(t *testing.T, text string) (n int64) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		t.Errorf("want a number (got %q)", text)
	}
	return n
}

// Nobody may do everything, read a Secret, or more than is listed here.
func TestRightsAreTheLeast(t *testing.T) {
	want := map[string][]string{
		"ClusterRole heapgate-agent":     {"get,list,watch pods,nodes"},
		"ClusterRole heapgate-watch":     {"list,watch deployments,statefulsets,daemonsets", "list,watch configmaps/heapgate-verdicts", "create events"},
		"Role heapgate-policies-reader":  {"get configmaps/heapgate-policies"},
		"Role heapgate-gate-application": {"get applications/APPLICATION"},
		"Role heapgate-gate": {"get,list podtemplates", "get,list deployments,statefulsets,daemonsets", "get jobs", "get pods", "create configmaps",
			"get,patch,update configmaps/heapgate-verdicts,heapgate-evidence", "create,patch events"},
	}
	got := map[string][]string{}
	for _, folder := range []string{"collector", "watch", "policies", "clusters", "gate", "gate/application-access"} {
		for _, o := range render(t, folder) {
			if o.kind() != "Role" && o.kind() != "ClusterRole" {
				continue
			}
			for _, rule := range into[rbacv1.ClusterRole](t, o).Rules {
				said := strings.Join(rule.Verbs, ",") + " " + strings.Join(rule.Resources, ",")
				if len(rule.ResourceNames) > 0 {
					said += "/" + strings.Join(rule.ResourceNames, ",")
				}
				got[o.kind()+" "+o.name()] = append(got[o.kind()+" "+o.name()], said)
			}
		}
	}
	for role := range want {
		if !slices.Equal(got[role], want[role]) {
			t.Errorf("%s may\n  %s\nwant\n  %s", role, strings.Join(got[role], "\n  "), strings.Join(want[role], "\n  "))
		}
		delete(got, role)
	}
	if len(got) > 0 {
		t.Errorf("roles that nobody has thought about: %v", got)
	}
}

// Every binding leads from an account that exists to a role that exists, and every pod has an account of its own.
func TestBindingsLeadSomewhere(t *testing.T) {
	for _, folder := range []string{"collector", "watch", "gate", "gate/pod"} {
		all := render(t, folder)
		for _, o := range all {
			if o.kind() != "RoleBinding" && o.kind() != "ClusterRoleBinding" {
				continue
			}
			binding := into[rbacv1.ClusterRoleBinding](t, o)
			one(t, all, binding.RoleRef.Kind, binding.RoleRef.Name)
			for _, subject := range binding.Subjects {
				one(t, all, subject.Kind, subject.Name)
			}
		}
		for name, pod := range pods(t, folder) {
			if pod.ServiceAccountName == "" {
				t.Errorf("%s: %s: runs as the namespace's default account", folder, name)
				continue
			}
			account := one(t, all, "ServiceAccount", pod.ServiceAccountName)
			if account.at("automountServiceAccountToken") != false {
				t.Errorf("%s: %s: the account gives its token to every pod", folder, name)
			}
		}
	}
}
