// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// shipped reads one manifest below deploy/ as what this test needs of it.
func shipped[T any](t *testing.T, path string, arguments ...string) (out T) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/" + path)
	if err == nil {
		err = yaml.Unmarshal([]byte(strings.NewReplacer(arguments...).Replace(string(text))), &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

type analysisTemplate struct {
	Spec struct {
		Metrics []struct {
			Interval                                                        string
			Count, FailureLimit, InconclusiveLimit, ConsecutiveSuccessLimit *int
			SuccessCondition, FailureCondition                              string
			Provider                                                        struct {
				Web struct {
					Method, URL    string
					TimeoutSeconds int
					Headers        []struct{ Key, Value string }
					JSONBody       map[string]string
				}
				Job struct {
					Spec struct {
						ActiveDeadlineSeconds int
						Template              struct {
							Spec struct{ Containers []struct{ Args []string } }
						}
					}
				}
			}
		}
	}
}

const rolloutImage = "registry.example/shop@sha256:1111111111111111111111111111111111111111111111111111111111111111"

// TestShippedTemplatesAsk puts what deploy/rollouts and deploy/flagger send to the server that answers it.
func TestShippedTemplatesAsk(t *testing.T) {
	web := shipped[analysisTemplate](t, "rollouts/templates/web.yaml", "{{args.workload}}", "shop/shop", "{{args.image}}", rolloutImage, "{{args.token}}", "canary-token-0123").Spec.Metrics[0]
	l := &looked{answers: []report{passes}}
	body, _ := json.Marshal(web.Provider.Web.JSONBody)
	address, err := url.Parse(web.Provider.Web.URL)
	if err != nil {
		t.Fatal(err)
	}
	token := t.TempDir() + "/token"
	if err := os.WriteFile(token, []byte("canary-token-0123"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := serveWith(l, func(f *serveFlags, _ *gateSettings) { f.tokenFile = token })
	code, text := call(h, web.Provider.Web.Method, address.Path, string(body), web.Provider.Web.Headers[0].Key, web.Provider.Web.Headers[0].Value)
	if code != 200 || !strings.Contains(text, `"verdict":"pass"`) || l.settings[0].workload.ImageDigest != rolloutImage[len("registry.example/shop@"):] {
		t.Errorf("rollouts: %d %s", code, text)
	}
	canary := shipped[struct {
		Spec struct {
			Analysis struct {
				Interval  string
				Threshold int
				Webhooks  []struct {
					Type, URL, Timeout string
					Metadata           map[string]string
				}
			}
		}
	}](t, "flagger/canary.yaml", "TOKEN", "canary-token-0123").Spec.Analysis
	for _, hook := range canary.Webhooks {
		address, err := url.Parse(hook.URL)
		if err != nil {
			t.Fatal(err)
		}
		payload, _ := json.Marshal(map[string]any{"name": "shop", "namespace": "shop", "phase": "Progressing", "checksum": "85d557f47b", "metadata": hook.Metadata})
		password, _ := address.User.Password()
		if code, text := call(h, "POST", address.Path, string(payload), "Authorization", basicHeader(address.User.Username(), password)); code != 200 {
			t.Errorf("flagger %s: %d %s", hook.Type, code, text)
		}
	}
	if wait := patience(t); time.Duration(canary.Threshold)*parsed(t, canary.Interval) <= wait {
		t.Errorf("Flagger gives up after %d checks, before the server's %s are over", canary.Threshold, wait)
	}
}

// TestShippedTemplatesWaitLongEnough: Rollouts asks until the answer is final, and what was never decided is neither a pass nor a fail.
func TestShippedTemplatesWaitLongEnough(t *testing.T) {
	web := shipped[analysisTemplate](t, "rollouts/templates/web.yaml").Spec.Metrics[0]
	if time.Duration(*web.Count)*parsed(t, web.Interval) <= patience(t) || *web.InconclusiveLimit != *web.Count-1 || *web.FailureLimit != 0 || *web.ConsecutiveSuccessLimit != 1 {
		t.Errorf("count %d, inconclusiveLimit %d, failureLimit %d, consecutiveSuccessLimit %d", *web.Count, *web.InconclusiveLimit, *web.FailureLimit, *web.ConsecutiveSuccessLimit)
	}
	if web.SuccessCondition != `result.verdict == "pass"` || web.FailureCondition != `result.verdict == "fail"` || web.Provider.Web.TimeoutSeconds <= 8 {
		t.Errorf("%q, %q, %d s", web.SuccessCondition, web.FailureCondition, web.Provider.Web.TimeoutSeconds)
	}
	job := shipped[analysisTemplate](t, "rollouts/templates/job.yaml", "{{args.workload}}", "shop/shop", "{{args.image}}", rolloutImage).Spec.Metrics[0]
	args := job.Provider.Job.Spec.Template.Spec.Containers[0].Args
	cmd, rest, err := newRootCommand(streams{}).Find(args)
	if err != nil || cmd.Name() != "gate" || cmd.ParseFlags(rest) != nil {
		t.Fatalf("the job runs %q: %v", args, err)
	}
	wait, err := cmd.Flags().GetDuration("wait")
	if err != nil || time.Duration(job.Provider.Job.Spec.ActiveDeadlineSeconds)*time.Second < wait+time.Minute {
		t.Errorf("the job ends after %d s, the gate waits %s (%v)", job.Provider.Job.Spec.ActiveDeadlineSeconds, wait, err)
	}
}

// patience is the --wait of the shipped server.
func patience(t *testing.T) time.Duration {
	t.Helper()
	server := shipped[struct {
		Spec struct {
			Template struct {
				Spec struct {
					Containers []struct {
						Args []string
						Env  []struct{ Name, Value string }
					}
				}
			}
		}
	}](t, "rollouts/server/deployment.yaml").Spec.Template.Spec.Containers[0]
	cmd, _, err := newRootCommand(streams{}).Find(server.Args)
	if err != nil || cmd.Name() != "serve" {
		t.Fatalf("the server runs %q: %v", server.Args, err)
	}
	for _, variable := range server.Env {
		if flag, ours := strings.CutPrefix(variable.Name, "HEAPGATE_"); ours {
			if err := cmd.Flags().Set(strings.ToLower(strings.ReplaceAll(flag, "_", "-")), variable.Value); err != nil {
				t.Error(err)
			}
		}
	}
	wait, err := cmd.Flags().GetDuration("wait")
	if err != nil {
		t.Fatal(err)
	}
	return wait
}

func parsed(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func basicHeader(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}
