// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package hooks

import (
	"slices"

	"gopkg.in/yaml.v3"
)

// need is an object of the same manifests without which a gate cannot start or cannot do its work.
type need struct {
	*object
	// Argo CD creates kinds that it does not know last of a wave, so a candidate of the gate's own wave comes after the gate.
	createdLast bool
}

type reference struct{ kind, name string }

// needs are the objects that a gate names, and the rights of its ServiceAccount.
func (m *Manifests) needs(g gate) (all []need) {
	wanted := referencesOf(g.spec())
	account := text(g.spec(), "serviceAccountName")
	for _, o := range m.objects {
		if o == g.object || o.namespace != "" && g.namespace != "" && o.namespace != g.namespace {
			continue
		}
		switch {
		case slices.Contains(wanted, reference{o.kind, o.name}):
			all = append(all, need{object: o})
		case account != "" && o.binds(account):
			all = append(all, need{object: o})
			all = append(all, m.roleOf(o)...)
		case o.kind == "PodTemplate" && text(o.node, "metadata", "labels", "heapgate.dev/candidate") == "true":
			all = append(all, need{object: o, createdLast: true})
		}
	}
	return all
}

func (o *object) binds(account string) bool {
	if o.kind != "RoleBinding" && o.kind != "ClusterRoleBinding" {
		return false
	}
	for _, subject := range list(o.node, "subjects") {
		if text(subject, "kind") == "ServiceAccount" && text(subject, "name") == account {
			return true
		}
	}
	return false
}

func (m *Manifests) roleOf(binding *object) (all []need) {
	kind, name := text(binding.node, "roleRef", "kind"), text(binding.node, "roleRef", "name")
	for _, o := range m.objects {
		if o.kind == kind && o.name == name && (o.namespace == binding.namespace || o.namespace == "" || binding.namespace == "") {
			all = append(all, need{object: o})
		}
	}
	return all
}

// referencesOf lists what a pod names and cannot start without: its account, ConfigMaps and Secrets that are not optional.
func referencesOf(spec *yaml.Node) (all []reference) {
	add := func(kind string, from *yaml.Node, field string) {
		if name := text(from, field); name != "" && !isTrue(at(from, "optional")) {
			all = append(all, reference{kind, name})
		}
	}
	add("ServiceAccount", spec, "serviceAccountName")
	for _, secret := range list(spec, "imagePullSecrets") {
		add("Secret", secret, "name")
	}
	for _, volume := range list(spec, "volumes") {
		for _, source := range slices.Concat(list(volume, "projected", "sources"), []*yaml.Node{volume}) {
			add("ConfigMap", at(source, "configMap"), "name")
			add("Secret", at(source, "secret"), "name")
		}
		add("Secret", at(volume, "secret"), "secretName")
	}
	for _, c := range slices.Concat(list(spec, "initContainers"), list(spec, "containers")) {
		for _, from := range list(c, "envFrom") {
			add("ConfigMap", at(from, "configMapRef"), "name")
			add("Secret", at(from, "secretRef"), "name")
		}
		for _, env := range list(c, "env") {
			add("ConfigMap", at(env, "valueFrom", "configMapKeyRef"), "name")
			add("Secret", at(env, "valueFrom", "secretKeyRef"), "name")
		}
	}
	return all
}
