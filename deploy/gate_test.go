// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/heapgate/heapgate/internal/guard"
	"github.com/heapgate/heapgate/internal/hooks"
	"github.com/heapgate/heapgate/internal/record"
)

const (
	hook         = "argocd.argoproj.io/hook"
	deletePolicy = "argocd.argoproj.io/hook-delete-policy"
	wave         = "argocd.argoproj.io/sync-wave"
)

// The linter of `heapgate check hooks` has nothing to say of our own rendering, once the gate's image is pinned as the example does it.
func TestNothingKeepsTheGateFromBeingRun(t *testing.T) {
	for folder, unpinned := range map[string]bool{"testdata/shop/production": false, "testdata/stateful": true} {
		text, err := build(filepath.Join(copied(t), folder))
		if err != nil {
			t.Fatal(err)
		}
		var m hooks.Manifests
		if err := m.Add(folder, text); err != nil {
			t.Fatal(err)
		}
		report := m.Check()
		if report.Gates != 1 {
			t.Errorf("%s: want one gate (got %d)", folder, report.Gates)
		}
		for _, f := range report.Findings {
			if !unpinned || f.ID != "HOOK-024" {
				t.Errorf("%s: %s %s %s: got %s, want %s", folder, f.ID, f.Object, f.Title, f.Got, f.Want)
			}
		}
	}
}

// One hook for the three phases, named by Argo CD, kept when it fails; what it needs comes before it.
func TestHooksAreOrderedAndNamedByArgo(t *testing.T) {
	for _, variant := range []struct{ folder, kind string }{{"gate", "Job"}, {"gate/pod", "Pod"}} {
		all := render(t, variant.folder)
		gate, candidate := one(t, all, variant.kind, ""), one(t, all, "PodTemplate", "")
		for _, o := range []object{gate, candidate} {
			if o.name() != "" || !strings.HasPrefix(o.text("metadata", "generateName"), "heapgate-") || len(o.text("metadata", "generateName")) > 35 {
				t.Errorf("%s: want a short generateName and no name (got %v)", o.kind(), o.at("metadata"))
			}
		}
		if gate.annotation(hook) != "PreSync,PostSync,SyncFail" || gate.annotation(deletePolicy) != "HookSucceeded" || gate.annotation(wave) != "" {
			t.Errorf("the gate's annotations are %v", gate.at("metadata", "annotations"))
		}
		if candidate.annotation(hook) != "PreSync" || candidate.annotation(deletePolicy) != "HookSucceeded,HookFailed" || candidate.annotation(wave) != "-1" ||
			candidate.text("metadata", "labels", guard.LabelCandidate) != "true" {
			t.Errorf("the candidate's metadata are %v", candidate.at("metadata"))
		}
		for _, kind := range []string{"ServiceAccount", "Role", "RoleBinding", "ConfigMap"} {
			o := one(t, all, kind, "heapgate-gate")
			// With HookFailed, a failed phase would take the rights of the SyncFail gate away.
			if o.annotation(hook) != "PreSync" || o.annotation(wave) != "-2" || o.annotation(deletePolicy) != "" {
				t.Errorf("%s: annotations are %v", kind, o.at("metadata", "annotations"))
			}
		}
		verdicts := one(t, all, "ConfigMap", record.ConfigMapName)
		if verdicts.annotation(hook) != "" || verdicts.annotation(wave) != "-1" || verdicts.at("data") != nil {
			t.Errorf("the record must be an ordinary object before and after the workload, without data (got %v)", verdicts)
		}
	}
}

// A killed, late, retried or drained gate never passes.
func TestTheJobFailsClosed(t *testing.T) {
	all := render(t, "gate")
	job := into[batchv1.Job](t, one(t, all, "Job", "")).Spec
	if job.BackoffLimit == nil || *job.BackoffLimit != 0 || job.TTLSecondsAfterFinished != nil || job.Suspend != nil || job.Template.Spec.RestartPolicy != corev1.RestartPolicyNever {
		t.Errorf("want backoffLimit 0, restartPolicy Never, neither ttl nor suspend (got %+v)", job)
	}
	wait, err := time.ParseDuration(one(t, all, "ConfigMap", "heapgate-gate").text("data", "HEAPGATE_WAIT"))
	if err != nil || job.ActiveDeadlineSeconds == nil || time.Duration(*job.ActiveDeadlineSeconds)*time.Second < wait+5*time.Minute {
		t.Errorf("the deadline must leave 5m beyond HEAPGATE_WAIT, %s (got %v s)", wait, job.ActiveDeadlineSeconds)
	}
	want := []batchv1.PodFailurePolicyRule{
		{Action: batchv1.PodFailurePolicyActionIgnore, OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{{Type: corev1.DisruptionTarget}}},
		{Action: batchv1.PodFailurePolicyActionFailJob, OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirement{
			ContainerName: &job.Template.Spec.Containers[0].Name, Operator: batchv1.PodFailurePolicyOnExitCodesOpIn, Values: []int32{10, 20, 30, 40},
		}},
	}
	if !reflect.DeepEqual(job.PodFailurePolicy.Rules, want) {
		t.Errorf("podFailurePolicy is %+v", job.PodFailurePolicy.Rules)
	}
}

// The Pod variant is the Job's pod, but for the name that only a Job has.
func TestVariantsDifferInTheNameOnly(t *testing.T) {
	all := render(t, "gate/pod")
	pod := into[corev1.Pod](t, one(t, all, "Pod", "")).Spec
	job := into[batchv1.Job](t, one(t, render(t, "gate"), "Job", "")).Spec
	env := &job.Template.Spec.Containers[0].Env
	*env = slices.DeleteFunc(*env, func(e corev1.EnvVar) bool {
		return e.Name == "HEAPGATE_JOB_NAME" && e.ValueFrom.FieldRef.FieldPath == "metadata.labels['batch.kubernetes.io/job-name']"
	})
	job.Template.Spec.ActiveDeadlineSeconds = job.ActiveDeadlineSeconds
	if !reflect.DeepEqual(pod, job.Template.Spec) {
		t.Errorf("the Pod's specification is\n%+v\nthat of the Job\n%+v", pod, job.Template.Spec)
	}
	c := pod.Containers[0]
	if !slices.Equal(c.Args, []string{"gate", "hook"}) || c.TerminationMessagePolicy != corev1.TerminationMessageReadFile || c.TerminationMessagePath != "/dev/termination-log" {
		t.Errorf("the container does not run the hook and tell its verdict: %+v", c)
	}
	one(t, all, "ConfigMap", c.EnvFrom[0].ConfigMapRef.Name)
	if c.EnvFrom[0].ConfigMapRef.Optional != nil {
		t.Error("a gate without settings must not start")
	}
}

// What the gate reads is what will be deployed: after prefix, namespace, labels, images and patches of the outermost kustomization.
func TestCandidateEqualsTheWorkload(t *testing.T) {
	for _, test := range []struct{ folder, kind, name, container, digest string }{
		{"testdata/shop/production", "Deployment", "prod-shop", "shop", "sha256:" + strings.Repeat("1", 64)},
		{"testdata/stateful", "StatefulSet", "store", "", "sha256:" + strings.Repeat("3", 64)},
	} {
		all := render(t, test.folder)
		workload, candidate := one(t, all, test.kind, test.name), one(t, all, "PodTemplate", "")
		if !reflect.DeepEqual(workload.at("spec", "template"), candidate.at("template")) {
			t.Errorf("%s: deployed is\n%v\nthe candidate\n%v", test.folder, workload.at("spec", "template"), candidate.at("template"))
		}
		if candidate.annotation(guard.AnnotationWorkloadKind) != test.kind || candidate.annotation(guard.AnnotationWorkloadName) != test.name || candidate.annotation(guard.AnnotationContainer) != test.container {
			t.Errorf("%s: the candidate is of %v", test.folder, candidate.at("metadata", "annotations"))
		}
		read, guarded, err := guard.FromObject(workload)
		if err != nil || !guarded || read.Digest != test.digest {
			t.Errorf("%s: want a guarded workload with %s (got %v, %+v, %v)", test.folder, test.digest, guarded, read, err)
		}
		_, image, err := guard.Container(candidate.at("template").(map[string]any), candidate.annotation(guard.AnnotationContainer))
		if err != nil || image != read.Image {
			t.Errorf("%s: the candidate's image is %q (%v), the workload's %q", test.folder, image, err, read.Image)
		}
		if candidate.annotation(hook) != "PreSync" || candidate.annotation(wave) != "-1" || len(candidate.at("metadata", "annotations").(map[string]any)) != 6 {
			t.Errorf("%s: the workload's annotations got into the candidate: %v", test.folder, candidate.at("metadata", "annotations"))
		}
	}
}

// Names that others look for stay as they are, whatever the application's kustomization does to names; settings are what it patched.
func TestSettingsAndNamesInAnApplication(t *testing.T) {
	all := render(t, "testdata/shop/production")
	settings := one(t, all, "ConfigMap", "heapgate-gate")
	if settings.text("data", "HEAPGATE_WINDOW") != "3m" || settings.text("data", "HEAPGATE_CLUSTER") != "prod-eu-1" || settings.text("data", "HEAPGATE_STORE") != "http://heapgate-gateway.heapgate.svc:9464" {
		t.Errorf("the settings are %v", settings.at("data"))
	}
	one(t, all, "ConfigMap", record.ConfigMapName)
	if image := one(t, all, "Job", "").at("spec", "template", "spec", "containers", "0", "image"); image != "ghcr.io/heapgate/heapgate@sha256:"+strings.Repeat("2", 64) {
		t.Errorf("the gate's image is %v", image)
	}
}

// Without its transformer the candidate is nobody's, and no gate takes it for anybody's.
func TestForgottenTransformerDoesNotPass(t *testing.T) {
	candidate := one(t, render(t, "gate"), "PodTemplate", "")
	_, image, err := guard.Container(candidate.at("template").(map[string]any), "")
	if err != nil || guard.IsKind(candidate.annotation(guard.AnnotationWorkloadKind)) || candidate.annotation(guard.AnnotationWorkloadName) != "" {
		t.Errorf("want an image and no workload (got %q, %v, %v)", image, err, candidate.at("metadata", "annotations"))
	}
	if _, err := guard.Digest(image); err == nil || !strings.Contains(image, "no-transformer") {
		t.Errorf("want an image that is refused by a name that says why (got %q)", image)
	}
}

// Nobody guesses which of two is meant, or that there is one.
func TestTwoDeploymentsAreRefused(t *testing.T) {
	_, err := build(filepath.Join(copied(t), "testdata/two"))
	if err == nil || !strings.Contains(err.Error(), "multiple matches for selector Deployment") {
		t.Errorf("two Deployments: want the error to say so (got %v)", err)
	}
	folder := application(t, "resources: [service.yaml]\ncomponents: [../gate]\ntransformers: [../gate/deployment]\n", map[string]string{
		"service.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\n",
	})
	if _, err = build(folder); err == nil || !strings.Contains(err.Error(), "nothing selected by Deployment") {
		t.Errorf("no Deployment: want the error to say so (got %v)", err)
	}
}

// The three transformers are one.
func TestTransformersDifferInTheKindOnly(t *testing.T) {
	want := read(t, "gate/deployment/candidate.yaml")
	for kind, folder := range map[string]string{"StatefulSet": "statefulset", "DaemonSet": "daemonset"} {
		if got := strings.ReplaceAll(read(t, "gate/"+folder+"/candidate.yaml"), kind, "Deployment"); got != want {
			t.Errorf("gate/%s/candidate.yaml differs from that of deployment", folder)
		}
	}
}
