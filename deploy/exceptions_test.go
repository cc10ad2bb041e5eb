// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/heapgate/heapgate/internal/exception"
)

// The kind in the cluster and package exception have the same bounds and fields.
func TestTheKindIsTheOneThatTheGateReads(t *testing.T) {
	crd := one(t, render(t, "exceptions"), "CustomResourceDefinition", "gateexceptions.heapgate.dev")
	version := crd.at("spec", "versions", "0").(map[string]any)
	if got := crd.text("spec", "group") + "/" + version["name"].(string) + " " + crd.text("spec", "names", "kind"); got != exception.APIVersion+" "+exception.Kind {
		t.Errorf("the kind is %s", got)
	}
	if crd.at("spec", "versions", "0", "subresources", "status") == nil {
		t.Error("without the subresource status whoever writes an exception writes its uses")
	}
	spec := object(crd.at("spec", "versions", "0", "schema", "openAPIV3Schema", "properties", "spec").(map[string]any))
	if got := fmt.Sprint(spec.at("properties", "maxUses", "maximum"), spec.at("properties", "maxUses", "default")); got != fmt.Sprint(exception.MaxUses, 1) {
		t.Errorf("maxUses is at most, and by default, %s", got)
	}
	var rules []string
	for _, one := range spec.at("x-kubernetes-validations").([]any) {
		rules = append(rules, one.(map[string]any)["rule"].(string))
	}
	all := strings.Join(rules, "\n")
	if !strings.Contains(all, fmt.Sprintf("duration('%.0fh')", exception.MaxLife.Hours())) || !strings.Contains(all, "self.approver != self.author") {
		t.Errorf("the rules are\n%s", all)
	}
	// Whatever is no transition rule for a field lets that field be changed after the approval.
	for name := range spec.at("properties").(map[string]any) {
		if name == "namespace" {
			name = "__namespace__"
		}
		if !strings.Contains(all, "oldSelf."+name) {
			t.Errorf("%s can be changed", name)
		}
	}
}

// Two people, one namespace, and gates that only count.
func TestExceptionsAreMadeByTwo(t *testing.T) {
	all := render(t, "exceptions")
	one(t, all, "Namespace", exception.Namespace)
	bound := map[string]bool{}
	for _, o := range pick(all, "ValidatingAdmissionPolicyBinding", "") {
		bound[into[admissionv1.ValidatingAdmissionPolicyBinding](t, o).Spec.PolicyName] = true
	}
	for _, name := range []string{"heapgate-exceptions", "heapgate-exceptions-uses"} {
		policy := into[admissionv1.ValidatingAdmissionPolicy](t, one(t, all, "ValidatingAdmissionPolicy", name))
		if !bound[name] || *policy.Spec.FailurePolicy != admissionv1.Fail || len(policy.Spec.MatchConditions) != 0 || !slices.Equal(policy.Spec.MatchConstraints.ResourceRules[0].APIVersions, []string{"*"}) {
			t.Errorf("%s: want a binding, failurePolicy Fail, every version and nobody left out", name)
		}
		for _, v := range policy.Spec.Validations {
			if !strings.Contains(v.Message, "heapgate") || v.Reason == nil {
				t.Errorf("%s: %s lacks a message or a reason", name, v.Expression)
			}
		}
	}
	want := map[string][]string{
		"heapgate-exceptions-gate":   {"get,list gateexceptions", "update gateexceptions/status"},
		"heapgate-exceptions-watch":  {"list,watch gateexceptions"},
		"heapgate-exceptions-people": {"get,list,watch,create,update,patch gateexceptions"},
	}
	for name, rights := range want {
		role := into[rbacv1.Role](t, one(t, all, "Role", name))
		var got []string
		for _, rule := range role.Rules {
			got = append(got, strings.Join(rule.Verbs, ",")+" "+strings.Join(rule.Resources, ","))
		}
		if !slices.Equal(got, rights) || role.Namespace != exception.Namespace {
			t.Errorf("%s may %q in %s, want %q", name, got, role.Namespace, rights)
		}
	}
	binding := into[rbacv1.RoleBinding](t, one(t, render(t, "exceptions/gate"), "RoleBinding", "heapgate-exceptions-gate"))
	if binding.Namespace != exception.Namespace || binding.RoleRef.Name != "heapgate-exceptions-gate" || binding.Subjects[0].Name != "heapgate-gate" || binding.Subjects[0].Namespace != "NAMESPACE" {
		t.Errorf("the gate's binding is %+v", binding)
	}
}
