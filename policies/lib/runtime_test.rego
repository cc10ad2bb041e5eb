# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package lib.runtime_test

import data.lib.object_test as made
import data.lib.runtime

test_gogc if {
	want := {
		"off": -1, "-1": -1, "-2147483648": -1, "100": 100, "0": 0, "-0": 0, "00": 0, "007": 7, "2147483647": 2147483647, "-007": -1,
	}
	{text: number | some text, _ in want; number := runtime.gogc(text)} == want
	[text | some text in ["", "-", "OFF", "100%", "+1", " 1", "1.5", "1e2", "2147483648", "-2147483649", "99999999999"]; runtime.gogc(text)] == []
}

test_gomaxprocs if {
	want := {"1": 1, "08": 8, "2147483647": 2147483647}
	{text: number | some text, _ in want; number := runtime.gomaxprocs(text)} == want
	[text | some text in ["", "0", "-1", "500m", "1.5", "2147483648"]; runtime.gomaxprocs(text)] == []
}

test_integer_of_both_signs if {
	runtime.integer("-2147483648") == -2147483648
	runtime.integer("-12") == -12
}

test_unlimited if {
	runtime.unlimited("")
	runtime.unlimited("off")
	not runtime.unlimited("1")
}

test_godebug if {
	runtime.godebug("") == {}
	runtime.godebug("a=1,b=,c,d=x=y,a=2") == {"a": "2", "b": "", "d": "x=y"}
	runtime.godebug("aa=1,a=2,aa=3") == {"aa": "3", "a": "2"}
}

test_versions if {
	want := {
		"go1.26.8": 26, "1.19": 19, "1.25.1": 25, "go1.27rc1": 27, "go1.27beta2": 27, "go1.25.1 X:nocoverageredesign": 25, "go1.25 X:a": 25,
	}
	{text: minor | some text, _ in want; minor := runtime.minor(text)} == want
	[text | some text in ["", "2.1", "go2", "1", "1.x", "devel", "v1.25", "1.1234"]; runtime.minor(text)] == []
}

test_version_of_a_container if {
	image := "ghcr.io/example/proxy:v1"
	proxy := data.deployment.spec.template.spec.containers[0]
	built := object.union(made.annotated(data.deployment, {"heapgate.dev/go-version": "1.24"}), {"buildinfo": {
		image: {"go_version": "go1.26.8"},
		made.guarded.image: {"go_version": "go1.22.1"},
	}})
	runtime.version(built, made.guarded) == 24
	runtime.version(built, proxy) == 26
	runtime.version(object.union(data.deployment, {"buildinfo": built.buildinfo}), made.guarded) == 22
	not runtime.version(data.deployment, made.guarded)
}
