// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package hooks

import (
	"strings"

	"gopkg.in/yaml.v3"
)

func (o *object) isApplication() bool {
	return strings.HasPrefix(o.apiVersion, "argoproj.io/") && (o.kind == "Application" || o.kind == "ApplicationSet")
}

// application looks at what an Application, or the template of an ApplicationSet, does to its gates.
func (c *checker) application(m *Manifests, o *object) {
	above := []string{}
	if o.kind == "ApplicationSet" {
		above = []string{"spec", "template"}
	}
	application := at(o.node, above...)
	row := func(path ...string) int { return line(o.node, append(above[:len(above):len(above)], path...)...) }

	if o.kind == "Application" {
		c.operation(o)
	}
	automated := at(application, "spec", "syncPolicy", "automated")
	if enabled := at(automated, "enabled"); enabled != nil && !isTrue(enabled) {
		automated = nil
	}
	c.retry(o, application, automated, row)
	if isTrue(at(automated, "selfHeal")) && !m.enforced(application) {
		c.report("HOOK-027", o, row("spec", "syncPolicy", "automated", "selfHeal"),
			"spec.syncPolicy.automated.selfHeal: true: what it puts back is not gated, also a revision that failed in PostSync",
			"the label heapgate.dev/enforce: deny on the namespace (spec.syncPolicy.managedNamespaceMetadata.labels can set it), with the admission policies installed")
	}
}

func (c *checker) operation(o *object) {
	sync := at(o.node, "operation", "sync")
	if at(sync, "syncStrategy", "apply") != nil {
		c.report("HOOK-025", o, line(o.node, "operation", "sync", "syncStrategy", "apply"), "operation.sync.syncStrategy.apply: applies without any hook", "operation.sync.syncStrategy.hook, or no operation in the manifest")
	}
	if len(list(sync, "resources")) > 0 {
		c.report("HOOK-025", o, line(o.node, "operation", "sync", "resources"), "operation.sync.resources: a selective sync applies without any hook", "no resources: sync the whole Application")
	}
	if len(list(sync, "manifests")) > 0 {
		c.report("HOOK-025", o, line(o.node, "operation", "sync", "manifests"), "operation.sync.manifests: applies what stands there, with the hooks that stand there", "no manifests: sync what is in the repository")
	}
}

func (c *checker) retry(o *object, application, automated *yaml.Node, row func(...string) int) {
	limit := at(application, "spec", "syncPolicy", "retry", "limit")
	rolling := text(o.node, "spec", "strategy", "type") == "RollingSync"
	n, ok := whole(limit)
	switch {
	case rolling && ok && n == 0:
		c.report("HOOK-026", o, row("spec", "syncPolicy", "retry", "limit"), "retry.limit: 0 with RollingSync, which starts a failed sync again every few seconds", "a limit of at least 1 with a backoff")
	case automated != nil && at(application, "spec", "syncPolicy", "retry") == nil:
		c.report("HOOK-026", o, row("spec", "syncPolicy", "automated"), "automated sync without spec.syncPolicy.retry: Argo CD retries 5 times, then never tries that commit again",
			"spec.syncPolicy.retry with a limit of your choice: 0 to stop at the first no, -1 with a backoff for gates that may say not now")
	}
}

// enforced tells whether the manifests give the Application's namespace the label by which the admission policies deny.
func (m *Manifests) enforced(application *yaml.Node) bool {
	const label, deny = "heapgate.dev/enforce", "deny"
	if text(application, "spec", "syncPolicy", "managedNamespaceMetadata", "labels", label) == deny {
		return true
	}
	namespace := text(application, "spec", "destination", "namespace")
	for _, o := range m.objects {
		if o.kind == "Namespace" && o.name == namespace && text(o.node, "metadata", "labels", label) == deny {
			return true
		}
	}
	return false
}
