# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package lib.exposure_test

import data.lib.exposure
import data.lib.object_test as made

# shop has an http port and pprof on a port of its own; nobody has said so by an annotation.
shop := object.union(made.with_container({"ports": [{"name": "http", "containerPort": 8080}, {"name": "pprof", "containerPort": 6060}]}), {
	"spec": {"template": {"metadata": {"annotations": {"heapgate.dev/port": ""}}}},
})

annotated(annotations) := object.union(shop, {"spec": {"template": {"metadata": {"annotations": annotations}}}})

service := {
	"apiVersion": "v1",
	"kind": "Service",
	"metadata": {"name": "shop", "namespace": "shop"},
	"spec": {"selector": {"app": "shop"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}, {"name": "debug", "port": 81, "targetPort": "pprof"}]},
}

balancer(fields) := object.union_n([service, {"spec": {"type": "LoadBalancer"}}, fields])

ways(related) := exposure.ways(object.union(shop, {"related": related}))

found := {{"by": "Service", "name": "shop", "port": 81}}

test_ports if {
	exposure.ports(shop) == {6060}
	exposure.ports(annotated({"heapgate.dev/port": "8080"})) == {8080}
	exposure.ports(annotated({"heapgate.dev/port": "evil:1"})) == {6060}
	exposure.names(shop) == {"pprof"}
	exposure.ports({"kind": "Pod"}) == set()
}

test_nothing_leads_there if {
	ways([]) == set()
	exposure.ways(object.remove(shop, ["related"])) == set()
}

test_services if {
	ways([balancer({})]) == found
	ways([balancer({"spec": {"type": "NodePort"}})]) == found
	ways([balancer({"spec": {"ports": [{"port": 6060}]}})]) == {{"by": "Service", "name": "shop", "port": 6060}}
	ways([balancer({"metadata": {"namespace": ""}})]) == found
	every fields in [
		{"spec": {"type": "ClusterIP"}},
		{"spec": {"ports": [{"port": 6060, "targetPort": 8080}]}},
		{"spec": {"selector": {"app": "cart"}}},
		{"spec": {"selector": {"app": "shop", "tier": "web"}}},
		{"metadata": {"namespace": "cart"}},
		{"apiVersion": "serving.knative.dev/v1"},
		{"kind": "Endpoints"},
	] {
		ways([balancer(fields)]) == set()
	}
	every selector in [{}, null, "app=shop"] {
		spec := object.union(object.remove(balancer({}).spec, ["selector"]), {"selector": selector})
		ways([object.union(object.remove(service, ["spec"]), {"spec": spec})]) == set()
	}
}

test_an_object_without_a_namespace_may_be_anywhere if {
	exposure.neighbours({"metadata": {}}, {"metadata": {"namespace": "a"}})
	exposure.neighbours({"metadata": {"namespace": "a"}}, {"metadata": {}})
	exposure.neighbours({"metadata": {"namespace": "a"}}, {"metadata": {"namespace": "a"}})
	not exposure.neighbours({"metadata": {"namespace": "a"}}, {"metadata": {"namespace": "b"}})
}

ingress(spec) := {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}

at(path, kind, port) := ingress({"rules": [{"http": {"paths": [{"path": path, "pathType": kind, "backend": {"service": {"name": "shop", "port": port}}}]}}]})

by_ingress := {{"by": "Ingress", "name": "web", "port": 81}}

test_ingresses if {
	every port in [{"number": 81}, {"name": "debug"}] {
		ways([service, at("/", "Prefix", port)]) == by_ingress
		ways([service, ingress({"defaultBackend": {"service": {"name": "shop", "port": port}}})]) == by_ingress
	}
	every port in [{"number": 80}, {"name": "http"}, {}] {
		ways([service, at("/", "Prefix", port)]) == set()
	}
	unnamed := ingress({"rules": [{"http": {"paths": [{"backend": {"service": {"name": "shop", "port": {"number": 81}}}}]}}]})
	ways([service, unnamed]) == by_ingress
	ways([at("/", "Prefix", {"number": 81})]) == set()
	ways([service, object.union(at("/", "Prefix", {"number": 81}), {"metadata": {"namespace": "cart"}})]) == set()
	ways([service, object.union(at("/", "Prefix", {"number": 81}), {"kind": "Egress"})]) == set()
	ways([service, ingress({"defaultBackend": {"service": {"name": "cart", "port": {"number": 81}}}})]) == set()
}

test_paths if {
	every path, kind in {"/": "Prefix", "/debug": "Prefix", "/debug/": "PathPrefix", "/debug/pprof/heap": "Exact", "/debug/pprof/cmdline": "Prefix"} {
		ways([service, at(path, kind, {"number": 81})]) == by_ingress
	}
	ways([service, at("/cart", "ImplementationSpecific", {"number": 81})]) == by_ingress
	every path, kind in {"/cart": "Prefix", "/deb": "Prefix", "/": "Exact", "/debug": "Exact"} {
		ways([service, at(path, kind, {"number": 81})]) == set()
	}
	elsewhere := annotated({"heapgate.dev/path": "/internal/pprof/"})
	every path, want in {"/debug": set(), "/internal": by_ingress, "/internal/pprof": by_ingress} {
		exposure.ways(object.union(elsewhere, {"related": [service, at(path, "Prefix", {"number": 81})]})) == want
	}
}

route(rule) := {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"rules": [rule]}}

to_shop := {"backendRefs": [{"name": "shop", "port": 81}]}

by_route := {{"by": "HTTPRoute", "name": "web", "port": 81}}

test_routes if {
	ways([service, route(to_shop)]) == by_route
	ways([service, route(object.union(to_shop, {"matches": [{"method": "GET"}]}))]) == by_route
	ways([service, route(object.union(to_shop, {"matches": [{"path": {"value": "/debug"}}]}))]) == by_route
	ways([service, route(object.union(to_shop, {"matches": [{"path": {"type": "RegularExpression", "value": "/x"}}]}))]) == by_route
	ways([service, route(object.union(to_shop, {"matches": [{"path": {"type": "PathPrefix", "value": "/cart"}}]}))]) == set()
	ways([service, route({"backendRefs": [{"name": "shop", "port": 80}]})]) == set()
	ways([service, route({"backendRefs": [{"name": "cart", "port": 81}]})]) == set()
	ways([route(to_shop)]) == set()
	ways([service, object.union(route(to_shop), {"apiVersion": "networking.istio.io/v1"})]) == set()
}

test_ports_of_the_node if {
	exposure.ways(made.with_container({"ports": [
		{"name": "pprof", "containerPort": 6060, "hostPort": 16060}, {"name": "http", "containerPort": 80, "hostPort": 80},
		{"name": "again", "containerPort": 6060, "hostPort": 0},
	]})) == {{"by": "hostPort", "name": "", "port": 16060}}
}

knative(fields) := object.union_n([
	{"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "shop"}},
	{"spec": {"template": {"metadata": {"annotations": {"heapgate.dev/port": "8080"}}, "spec": {"containers": [{"name": "shop"}]}}}},
	fields,
])

test_knative if {
	exposed := {{"by": "Knative", "name": "shop", "port": 8080}}
	exposure.ways(knative({})) == exposed
	exposure.ways(knative({"metadata": {"labels": {"networking.knative.dev/visibility": "x"}}})) == exposed
	exposure.ways(knative({"spec": {"template": {"spec": {"containers": [{"name": "shop", "ports": [{"containerPort": 8080}]}]}}}})) == exposed
	exposure.ways(knative({"spec": {"template": {"spec": {"containers": [{"name": "shop", "ports": [{"containerPort": 80}]}]}}}})) == set()
	exposure.ways(knative({"metadata": {"labels": {"networking.knative.dev/visibility": "cluster-local"}}})) == set()
	exposure.ways(knative({"spec": {"template": {"metadata": {"annotations": {"heapgate.dev/port": "6060"}}}}})) == set()
	exposure.ways(knative({"kind": "Deployment"})) == set()
}
