// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package cel holds the policies of the folder above to the API server's own CEL: they compile, stay within its budget, and answer as
// Rego answers on every golden case.
package cel

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/admission"
	plugin "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	apiservercel "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// oldest is the first version of Kubernetes that serves these policies as v1: all expressions must compile there.
var oldest = version.MajorMinor(1, 30)

func policies(t *testing.T) map[string]admissionv1.ValidatingAdmissionPolicy {
	t.Helper()
	files, err := filepath.Glob("../*-*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]admissionv1.ValidatingAdmissionPolicy{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var policy admissionv1.ValidatingAdmissionPolicy
		if err := yaml.UnmarshalStrict([]byte(strings.Split(string(text), "\n---\n")[0]), &policy); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		found[strings.ToUpper(strings.TrimSuffix(filepath.Base(file), ".yaml"))] = policy
	}
	if len(found) < 3 {
		t.Fatalf("only %d policies", len(found))
	}
	return found
}

// validator compiles a policy as the API server does (compilePolicy of its plugin), and fails on what does not compile.
func validator(t *testing.T, policy admissionv1.ValidatingAdmissionPolicy) validating.Validator {
	t.Helper()
	compiler, err := plugin.NewCompositedCompiler(environment.MustBaseEnvSet(oldest))
	if err != nil {
		t.Fatal(err)
	}
	options := plugin.OptionalVariableDeclarations{HasAuthorizer: true}
	for _, v := range policy.Spec.Variables {
		result := compiler.CompileAndStoreVariable(&validating.Variable{Name: v.Name, Expression: v.Expression}, options, environment.NewExpressions)
		if result.Error != nil {
			t.Fatalf("%s: variable %s: %v", policy.Name, v.Name, result.Error)
		}
	}
	compile := func(options plugin.OptionalVariableDeclarations, expressions ...plugin.ExpressionAccessor) plugin.ConditionEvaluator {
		made := compiler.CompileCondition(expressions, options, environment.NewExpressions)
		for _, err := range made.CompilationErrors() {
			t.Fatalf("%s: %v", policy.Name, err)
		}
		return made
	}
	var conditions, validations, messages []plugin.ExpressionAccessor
	for _, c := range policy.Spec.MatchConditions {
		conditions = append(conditions, &matchconditions.MatchCondition{Name: c.Name, Expression: c.Expression})
	}
	for _, v := range policy.Spec.Validations {
		validations = append(validations, &validating.ValidationCondition{Expression: v.Expression, Message: v.Message, Reason: v.Reason})
		messages = append(messages, &validating.MessageExpressionCondition{MessageExpression: v.MessageExpression})
	}
	matcher := matchconditions.NewMatcher(compile(options, conditions...), policy.Spec.FailurePolicy, "policy", "validate", policy.Name)
	return validating.NewValidator(compile(options, validations...), matcher, compile(options), compile(plugin.OptionalVariableDeclarations{}, messages...),
		policy.Spec.FailurePolicy, nil)
}

// admitted is the object as the API server would hold it: decoded strictly. Nil: it would be refused before any policy.
func admitted(t *testing.T, object map[string]any) *unstructured.Unstructured {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	decoded, _, err := serializer.NewCodecFactory(scheme.Scheme).UniversalDeserializer().Decode(text, nil, nil)
	if err != nil {
		t.Logf("refused before any policy: %v", err)
		return nil
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(decoded)
	if err != nil {
		t.Fatal(err)
	}
	made := &unstructured.Unstructured{Object: content}
	kind, _ := object["kind"].(string)
	apiVersion, _ := object["apiVersion"].(string)
	made.SetKind(kind)
	made.SetAPIVersion(apiVersion)
	return made
}

func ask(t *testing.T, v validating.Validator, o *unstructured.Unstructured) validating.ValidateResult {
	t.Helper()
	kind := o.GroupVersionKind()
	resource, _ := meta.UnsafeGuessKindToResource(kind)
	attributes := admission.NewAttributesRecord(o, nil, kind, o.GetNamespace(), o.GetName(), resource, "", admission.Create, &metav1.CreateOptions{}, false, nil)
	versioned := &admission.VersionedAttributes{Attributes: attributes, VersionedObject: admission.NewLazyObject(o), VersionedKind: kind}
	return v.Validate(t.Context(), resource, versioned, nil, nil, apiservercel.RuntimeCELCostBudget, nil)
}

// kinds that the policies match.
var kinds = []string{"Pod", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"}

func matched(kind schema.GroupVersionKind) bool {
	for _, k := range kinds {
		if kind.Kind == k {
			return true
		}
	}
	return false
}

func TestPoliciesAnswerAsRegoDoes(t *testing.T) {
	text, err := os.ReadFile("testdata/cases.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name   string
		Object map[string]any
		Passes map[string]bool
	}
	if err := yaml.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for id, policy := range policies(t) {
		t.Run(id, func(t *testing.T) {
			asked, refused, made := 0, 0, validator(t, policy)
			for _, c := range cases {
				passes, known := c.Passes[id]
				if !known {
					t.Fatalf("%s: what Rego says of %s is not in cases.yaml", c.Name, id)
				}
				o := admitted(t, c.Object)
				if o == nil || !matched(o.GroupVersionKind()) {
					continue
				}
				asked++
				result := ask(t, made, o)
				for _, d := range result.Decisions {
					if d.Evaluation == validating.EvalError {
						t.Errorf("%s: %s", c.Name, d.Message)
					}
					if admits := d.Action == validating.ActionAdmit; admits != passes {
						t.Errorf("%s: Rego lets it pass: %t; CEL: %t %s", c.Name, passes, admits, d.Message)
					}
					if d.Action == validating.ActionDeny {
						if refused++; !strings.HasPrefix(d.Message, id+": ") || !strings.Contains(d.Message, " (") {
							t.Errorf("%s: want a message with the rule's id and the container, got %q", c.Name, d.Message)
						}
					}
				}
				if len(result.Decisions) != 1 {
					t.Errorf("%s: want one decision, got %d", c.Name, len(result.Decisions))
				}
			}
			if asked < 3 || refused == 0 {
				t.Errorf("asked %d times, refused %d: do the cases show anything?", asked, refused)
			}
		})
	}
}

// A pod with many containers and variables, as large as they get, stays within the API server's budget.
func TestPoliciesAreCheap(t *testing.T) {
	var containers []any
	for i := range 20 {
		env := []any{}
		for j := range 60 {
			env = append(env, map[string]any{"name": "VARIABLE_" + string(rune('A'+j%26)), "value": strings.Repeat("x", 100)})
		}
		env = append(env, map[string]any{"name": "GOMEMLIMIT", "value": "460MiB"}, map[string]any{"name": "GOGC", "value": "100"})
		containers = append(containers, map[string]any{
			"name": "c" + string(rune('a'+i)), "image": "r/shop@sha256:" + strings.Repeat("0a", 32), "env": env,
			"resources": map[string]any{"limits": map[string]any{"memory": "512Mi", "cpu": "1"}},
		})
	}
	object := map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "large"}, "spec": map[string]any{"containers": containers}}
	o := admitted(t, object)
	for id, policy := range policies(t) {
		for _, d := range ask(t, validator(t, policy), o).Decisions {
			if d.Action != validating.ActionAdmit {
				t.Errorf("%s: %s", id, d.Message)
			}
		}
	}
}

func TestOwnedPodsAreNotJudged(t *testing.T) {
	object := map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{"name": "owned", "ownerReferences": []any{map[string]any{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "x", "uid": "x", "controller": true}}},
		"spec":     map[string]any{"containers": []any{map[string]any{"name": "shop", "env": []any{map[string]any{"name": "GOMEMLIMIT", "value": "9TiB"}}}}},
	}
	for id, policy := range policies(t) {
		if decisions := ask(t, validator(t, policy), admitted(t, object)).Decisions; len(decisions) != 0 {
			t.Errorf("%s: %v", id, decisions)
		}
	}
}
