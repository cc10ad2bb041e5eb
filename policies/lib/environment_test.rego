# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package lib.environment_test

import data.lib.environment
import data.lib.object_test as made

value(fields) := environment.value(data.deployment, object.union({"name": "shop"}, fields), "X")

from(source) := value({"env": [{"name": "X", "valueFrom": source}]})

test_text if {
	value({}) == {"text": ""}
	value({"envFrom": []}) == {"text": ""}
	value({"env": [{"name": "X"}]}) == {"text": ""}
	value({"env": [{"name": "X", "value": "1"}], "envFrom": [{}]}) == {"text": "1"}
}

test_unknown if {
	value({"envFrom": [{}]}) == {"text": "", "hidden": "envFrom may set it"}
	value({"env": [{"name": "X", "value": "a$(B)"}]}) == {"unknown": "it refers to another variable"}
	value({"env": [{"name": "X", "value": 1}]}) == {"unknown": "its value is no text"}
	from({"secretKeyRef": {}}) == {"unknown": "its value is not in the manifest"}
}

field(resources, fields) := environment.value(
	data.deployment,
	{"name": "shop", "resources": resources, "env": [{"name": "X", "valueFrom": {"resourceFieldRef": fields}}]},
	"X",
)

test_fields if {
	field({}, {"resource": "limits.memory"}) == {"unknown": "its value is not in the manifest"}
	every case in [
		[{"limits": {"memory": "512Mi"}}, {"resource": "limits.memory"}, "536870912"],
		[{"limits": {"memory": "512Mi"}}, {"resource": "limits.memory", "divisor": "1Mi"}, "512"],
		[{"limits": {"memory": "1"}}, {"resource": "limits.memory", "divisor": "1Mi"}, "1"],
		[{"limits": {"cpu": "2500m"}}, {"resource": "limits.cpu", "divisor": "0"}, "3"],
		[{"limits": {"cpu": "2500m"}}, {"resource": "limits.cpu", "divisor": "1"}, "3"],
		[{"limits": {"cpu": "2500m"}}, {"resource": "limits.cpu", "divisor": "1m"}, "2500"],
		[{"limits": {"cpu": "100m"}}, {"resource": "limits.cpu", "divisor": "1m"}, "100"],
		[{"limits": {"cpu": "2"}, "requests": {"cpu": "1"}}, {"resource": "requests.cpu"}, "1"],
		[{"limits": {"cpu": "2"}}, {"resource": "requests.cpu"}, "2"],
		[{}, {"resource": "requests.cpu"}, "0"],
		[{}, {"resource": "limits.memory", "containerName": "shop"}, null],
		[{}, {"resource": "limits.memory", "containerName": "proxy"}, null],
		[{"limits": {"memory": "0"}}, {"resource": "limits.memory"}, null],
		[{"limits": {"memory": "much"}}, {"resource": "limits.memory"}, null],
		[{"requests": {"memory": "much"}}, {"resource": "requests.memory"}, null],
		[{"limits": {"memory": "1"}}, {"resource": "limits.memory", "divisor": "-1"}, null],
		[{"limits": {"memory": "1"}}, {"resource": "memory"}, null],
	] {
		object.get(field(case[0], case[1]), "text", null) == case[2]
	}
}

test_field_of_another_container if {
	proxy := {"name": "proxy", "env": [{"name": "X", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "containerName": "shop"}}}]}
	environment.value(data.deployment, proxy, "X") == {"text": "536870912"}
}

test_automemlimit if {
	environment.automemlimit({}, {"env": [{"name": "AUTOMEMLIMIT", "value": "0.9"}]})
	environment.automemlimit({}, {"env": [{"name": "AUTOMEMLIMIT"}]})
	not environment.automemlimit({}, {"env": [{"name": "AUTOMEMLIMIT", "value": "off"}]})
	not environment.automemlimit({}, {"env": []})
	environment.automemlimit(made.annotated(data.deployment, {"heapgate.dev/automemlimit": "true"}), made.guarded)
}
