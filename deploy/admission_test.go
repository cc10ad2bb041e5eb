// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/heapgate/heapgate/internal/guard"
	"github.com/heapgate/heapgate/internal/record"
)

func admissionPolicy(t *testing.T, folder, name string) admissionv1.ValidatingAdmissionPolicy {
	t.Helper()
	return into[admissionv1.ValidatingAdmissionPolicy](t, one(t, render(t, folder), "ValidatingAdmissionPolicy", name))
}

func variable(t *testing.T, policy admissionv1.ValidatingAdmissionPolicy, name string) string {
	t.Helper()
	for _, v := range policy.Spec.Variables {
		if v.Name == name {
			return v.Expression
		}
	}
	t.Fatalf("%s has no variable %s", policy.Name, name)
	return ""
}

// What is wrong in a policy refuses; a policy without a binding would do nothing at all.
func TestAdmissionPoliciesAreBoundAndFailClosed(t *testing.T) {
	for _, folder := range []string{"admission", "admission/argocd"} {
		all := render(t, folder)
		bound := map[string]bool{}
		for _, o := range pick(all, "ValidatingAdmissionPolicyBinding", "") {
			bound[into[admissionv1.ValidatingAdmissionPolicyBinding](t, o).Spec.PolicyName] = true
		}
		policies := pick(all, "ValidatingAdmissionPolicy", "")
		if len(policies) != len(bound) || len(policies) == 0 {
			t.Errorf("%s: %d policies, bound are %v", folder, len(policies), bound)
		}
		for _, o := range policies {
			policy := into[admissionv1.ValidatingAdmissionPolicy](t, o)
			if !bound[policy.Name] || policy.Spec.FailurePolicy == nil || *policy.Spec.FailurePolicy != admissionv1.Fail {
				t.Errorf("%s: want a binding and failurePolicy Fail", policy.Name)
			}
			for _, v := range policy.Spec.Validations {
				if !strings.Contains(v.Message+v.MessageExpression, "heapgate") || v.Reason == nil || *v.Reason != metav1.StatusReasonForbidden {
					t.Errorf("%s: %s: want a message that says heapgate, and the reason Forbidden", policy.Name, v.Expression)
				}
			}
		}
	}
}

// Taking the label off must not open the door, and the other ways to write a workload are the same door.
func TestVerdictPolicyAsksOfGuardedWorkloads(t *testing.T) {
	policy := admissionPolicy(t, "admission", "heapgate-verdict")
	match := policy.Spec.MatchConstraints
	// The API server matches an objectSelector with the new and the old object. In a condition only the new one would be asked for.
	if got := match.ObjectSelector.MatchLabels; got[guard.LabelGuarded] != "true" || len(got) != 1 || len(policy.Spec.MatchConditions) != 0 {
		t.Errorf("object selector is %v, conditions are %v", got, policy.Spec.MatchConditions)
	}
	rule := match.ResourceRules[0]
	var want []string
	for _, kind := range []string{"Deployment", "StatefulSet", "DaemonSet"} {
		if want = append(want, strings.ToLower(kind)+"s"); !guard.IsKind(kind) {
			t.Errorf("%s is not guarded", kind)
		}
	}
	if len(match.ResourceRules) != 1 || !slices.Equal(rule.Resources, want) || !slices.Equal(rule.APIGroups, []string{"apps"}) {
		t.Errorf("want %v of apps, got %+v", want, match.ResourceRules)
	}
	if operations := []admissionv1.OperationType{admissionv1.Create, admissionv1.Update}; !slices.Equal(rule.Operations, operations) {
		t.Errorf("want %v, got %v", operations, rule.Operations)
	}
	if container := variable(t, policy, "container"); !strings.Contains(container, "'"+guard.AnnotationContainer+"'") {
		t.Errorf("the guarded container is %s", container)
	}
}

// The records are written by package record; CEL sees no more of them than their key and their beginning.
func TestVerdictPolicyReadsTheRecordsOfTheGate(t *testing.T) {
	policy := admissionPolicy(t, "admission", "heapgate-verdict")
	digest := "sha256:" + strings.Repeat("0a", 32)
	key, err := record.Key("StatefulSet", "shop", digest)
	if err != nil {
		t.Fatal(err)
	}
	expression := variable(t, policy, "key")
	made := strings.NewReplacer(
		"request.kind.kind.lowerAscii()", "statefulset", "object.metadata.name", "shop", "variables.hex", strings.TrimPrefix(digest, "sha256:"),
		" + ", "", "'.'", ".",
	).Replace(expression)
	if made != key {
		t.Errorf("the policy looks for %s, the gate writes %s", made, key)
	}
	r := record.Record{
		Admit: true, Verdict: record.Pass, Phase: record.PostSync, Summary: "fit", Application: "shop", Revision: "1", Container: "shop",
		Image: "shop@" + digest, Digest: digest, PolicyDigest: digest, Cluster: "one", At: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC),
	}
	admits, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	r.Admit, r.Verdict = false, record.Fail
	refuses, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	_, prefix, _ := strings.Cut(variable(t, policy, "admitted"), "startsWith('")
	prefix = strings.TrimSuffix(prefix, "')")
	if prefix == "" || !strings.HasPrefix(admits, prefix) || strings.HasPrefix(refuses, prefix) {
		t.Errorf("the policy asks for the beginning %q of %s", prefix, admits)
	}
	before, after := `"summary":"`, `","application":"`
	if why := variable(t, policy, "why"); !strings.Contains(why, before) || !strings.Contains(why, after) || !strings.Contains(refuses, before+"fit"+after) {
		t.Errorf("the policy cannot find the summary in %s", refuses)
	}
}

func TestModesOfTheVerdictPolicy(t *testing.T) {
	modes := map[string]admissionv1.ValidatingAdmissionPolicyBinding{}
	for _, o := range pick(render(t, "admission"), "ValidatingAdmissionPolicyBinding", "") {
		binding := into[admissionv1.ValidatingAdmissionPolicyBinding](t, o)
		if binding.Spec.PolicyName != "heapgate-verdict" {
			continue
		}
		modes[binding.Spec.MatchResources.NamespaceSelector.MatchLabels["heapgate.dev/enforce"]] = binding
		// No namespace: the one of the workload.
		if ref := binding.Spec.ParamRef; ref.Name != record.ConfigMapName || ref.Namespace != "" {
			t.Errorf("%s reads %+v", binding.Name, ref)
		}
	}
	// A missing ConfigMap is refused whatever the actions are, so that only silence is left for warn.
	for mode, want := range map[string]struct {
		actions []admissionv1.ValidationAction
		missing admissionv1.ParameterNotFoundActionType
	}{
		"deny": {[]admissionv1.ValidationAction{admissionv1.Deny}, admissionv1.DenyAction},
		"warn": {[]admissionv1.ValidationAction{admissionv1.Warn, admissionv1.Audit}, admissionv1.AllowAction},
	} {
		spec := modes[mode].Spec
		if !slices.Equal(spec.ValidationActions, want.actions) || spec.ParamRef == nil || *spec.ParamRef.ParameterNotFoundAction != want.missing {
			t.Errorf("%s: %+v", mode, spec)
		}
	}
	if len(modes) != 2 || !strings.Contains(modes["deny"].Name, "configmap-"+record.ConfigMapName) {
		t.Errorf("want two modes, and the name of the ConfigMap in that of the binding: it is all that is said when it is missing")
	}
}

// Deleting the record asks before deleting it forgets; writing is for one account, in every namespace.
func TestRecordsPolicyProtectsTheRecords(t *testing.T) {
	policy := admissionPolicy(t, "admission", "heapgate-records")
	rule := policy.Spec.MatchConstraints.ResourceRules[0]
	if !slices.Equal(rule.Resources, []string{"configmaps"}) || len(rule.Operations) != 3 || len(rule.ResourceNames) != 0 {
		t.Errorf("%+v", rule)
	}
	conditions := map[string]string{}
	for _, c := range policy.Spec.MatchConditions {
		conditions[c.Name] = c.Expression
	}
	if len(conditions) != 3 || !strings.Contains(conditions["is-the-record"], "'"+record.ConfigMapName+"'") {
		t.Errorf("%v", conditions)
	}
	account := one(t, render(t, "gate"), "ServiceAccount", "").name()
	if !strings.Contains(conditions["is-not-the-gate"], "':"+account+"'") {
		t.Errorf("the gate is %s, and exempt is %s", account, conditions["is-not-the-gate"])
	}
	binding := into[admissionv1.ValidatingAdmissionPolicyBinding](t, one(t, render(t, "admission"), "ValidatingAdmissionPolicyBinding", "heapgate-records"))
	if binding.Spec.MatchResources != nil || !slices.Equal(binding.Spec.ValidationActions, []admissionv1.ValidationAction{admissionv1.Deny}) {
		t.Errorf("want it to deny in every namespace, got %+v", binding.Spec)
	}
}

func TestApplicationsPolicyIsForEnforcedOnes(t *testing.T) {
	policy := admissionPolicy(t, "admission/argocd", "heapgate-no-hook-skip")
	match := policy.Spec.MatchConstraints
	if match.ObjectSelector.MatchLabels["heapgate.dev/gate"] != "enforced" || !slices.Equal(match.ResourceRules[0].Resources, []string{"applications"}) {
		t.Errorf("%+v", match)
	}
	for _, o := range render(t, "admission") {
		if strings.Contains(o.name(), "hook") {
			t.Errorf("%s needs the Application's definition, which only the cluster of Argo CD has", o.name())
		}
	}
}

// Uninstalling: Argo CD deletes with foreground propagation, and the garbage collector then writes the workload once more. Without the
// ConfigMap that is refused in the mode deny, so that the ConfigMap must go last: in an earlier wave than the workload's.
func TestRecordsOutliveTheWorkload(t *testing.T) {
	records := one(t, render(t, "gate"), "ConfigMap", record.ConfigMapName)
	if wave := records.annotation("argocd.argoproj.io/sync-wave"); !strings.HasPrefix(wave, "-") {
		t.Errorf("%s: want a negative argocd.argoproj.io/sync-wave (got %q)", filepath.Join("gate", records.name()), wave)
	}
}
