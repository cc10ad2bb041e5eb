# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Exposure
# description: |
#   By which ways somebody outside of the cluster reaches the pprof port of a pod: ports of the node, and Services, Ingresses, Gateway
#   routes and Knative among the related objects. Who allows only some hosts or addresses is not looked at; paths are.
package lib.exposure

import data.lib.workload

# ports are the numbers at which pprof is: the annotation's, else those of the ports named pprof.
ports(manifest) := {to_number(annotated)} if {
	annotated := workload.annotation(manifest, "heapgate.dev/port")
	regex.match(`^[1-9][0-9]{0,4}$`, annotated)
} else := {port.containerPort | some port in declared(manifest); port.name == "pprof"}

# declared are the ports of all containers.
declared(manifest) := [port | some one in workload.containers(manifest); some port in one.ports]

# names are what the ports of pprof are called.
names(manifest) := {port.name | some port in declared(manifest); port.containerPort in ports(manifest)}

# ways are all of them, as facts.
ways(manifest) := union({of_the_node(manifest), of_services(manifest), of_ingresses(manifest), of_routes(manifest), of_knative(manifest)})

of_the_node(manifest) := {{"by": "hostPort", "name": "", "port": port.hostPort} |
	some port in declared(manifest)
	port.containerPort in ports(manifest)
	port.hostPort > 0
}

of_services(manifest) := {way("Service", service, port) |
	some service in services(manifest)
	service.spec.type in {"LoadBalancer", "NodePort"}
	some port in leading(manifest, service)
}

of_ingresses(manifest) := {way("Ingress", ingress, port) |
	some service in services(manifest)
	some port in leading(manifest, service)
	some ingress in manifest.related
	ingress.kind == "Ingress"
	neighbours(manifest, ingress)
	some backend in backends(manifest, ingress)
	backend.service.name == service.metadata.name
	same(backend.service.port, port)
}

backends(manifest, ingress) := array.concat(
	[ingress.spec.defaultBackend | ingress.spec.defaultBackend],
	[path.backend |
		some rule in ingress.spec.rules
		some path in rule.http.paths
		crosses(manifest, object.get(path, "path", "/"), object.get(path, "pathType", ""))
	],
)

same(backend, port) if backend.number == port.port

same(backend, port) if backend.name == port.name

# of_routes are those of the Gateway API: HTTPRoute, GRPCRoute, TCPRoute, TLSRoute.
of_routes(manifest) := {way(route.kind, route, port) |
	some service in services(manifest)
	some port in leading(manifest, service)
	some route in manifest.related
	startswith(route.apiVersion, "gateway.networking.k8s.io/")
	some rule in route.spec.rules
	matches(manifest, rule)
	some backend in rule.backendRefs
	backend.name == service.metadata.name
	backend.port == port.port
}

# A rule without matches, and a match without a path, takes every path.
matches(manifest, rule) if {
	some match in object.get(rule, "matches", [{}])
	path := object.get(match, "path", {})
	crosses(manifest, object.get(path, "value", "/"), object.get(path, "type", "PathPrefix"))
}

# Knative puts every Service of its own behind its ingress, at its one port, unless a label keeps it inside.
of_knative(manifest) := {{"by": "Knative", "name": manifest.metadata.name, "port": port} |
	manifest.kind == "Service"
	not manifest.metadata.labels["networking.knative.dev/visibility"] == "cluster-local"
	some port in served(manifest)
	port in ports(manifest)
}

served(manifest) := {8080} if {
	declared(manifest) == []
} else := {port.containerPort | some port in declared(manifest)}

way(by, other, port) := {"by": by, "name": other.metadata.name, "port": port.port}

# services are those that select the pod.
services(manifest) := [service |
	some service in manifest.related
	service.kind == "Service"
	service.apiVersion == "v1"
	neighbours(manifest, service)
	is_object(service.spec.selector)
	service.spec.selector != {}
	every key, label in service.spec.selector {
		workload.metadata(manifest).labels[key] == label
	}
]

# leading are the ports of a Service that lead to pprof.
leading(manifest, service) := [port |
	some port in service.spec.ports
	object.get(port, "targetPort", port.port) in (ports(manifest) | names(manifest))
]

# neighbours are in one namespace. An object without one may be put into any.
neighbours(manifest, other) if manifest.metadata.namespace == other.metadata.namespace

neighbours(manifest, other) if "" in {object.get(manifest.metadata, "namespace", ""), object.get(other.metadata, "namespace", "")}

# crosses tells whether a path lets requests for pprof's pages pass. What a path of another type means only its controller knows.
crosses(manifest, path, kind) if {
	kind in {"Prefix", "PathPrefix"}
	startswith(concat("", [base(manifest), "/"]), concat("", [trim_suffix(path, "/"), "/"]))
}

crosses(manifest, path, _) if startswith(path, base(manifest))

crosses(_, _, kind) if not kind in {"Prefix", "PathPrefix", "Exact"}

base(manifest) := trim_suffix(annotated, "/") if {
	annotated := workload.annotation(manifest, "heapgate.dev/path")
	annotated != ""
} else := "/debug/pprof"
