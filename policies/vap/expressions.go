// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package vap

// named is a variable of a ValidatingAdmissionPolicy.
type named struct{ name, expression string }

// variables are those of lib/workload.rego in CEL, in the order of their use. A policy gets those that it needs. The kind decides where
// the pod is, so that types are left open with dyn; else the API server would warn of each kind that has no such field.
var variables = []named{
	{"object", "dyn(object)"},
	{"template", `request.kind.kind == 'Pod' ? variables.object : request.kind.kind == 'CronJob' ? variables.object.spec.jobTemplate.spec.template : request.kind.kind == 'PodTemplate' ? variables.object.template : variables.object.spec.template`},
	{"pod", "variables.template.?spec.orValue({})"},
	{"named", "variables.object.metadata.?annotations[?'heapgate.dev/container'].orValue('')"},
	// The guarded container is the one that the annotation names, else the first.
	{"candidates", "variables.pod.?containers.orValue([]).filter(c, variables.named == '' || c.name == variables.named)"},
	{"first", "variables.candidates.size() == 0 ? '' : variables.candidates[0].name"},
	{"guarded", "variables.object.metadata.?labels[?'heapgate.dev/guarded'].orValue('') == 'true' || variables.object.metadata.?labels[?'heapgate.dev/candidate'].orValue('') == 'true'"},
	{"version", "variables.template.?metadata.?annotations[?'heapgate.dev/go-version'].orValue(variables.object.metadata.?annotations[?'heapgate.dev/go-version'].orValue(''))"},
	{"scraped", "variables.template.?metadata.?annotations[?'heapgate.dev/scrape'].orValue(variables.object.metadata.?annotations[?'heapgate.dev/scrape'].orValue(''))"},
	{"automemlimit", "variables.template.?metadata.?annotations[?'heapgate.dev/automemlimit'].orValue(variables.object.metadata.?annotations[?'heapgate.dev/automemlimit'].orValue(''))"},
	{"all", "variables.pod.?containers.orValue([]) + variables.pod.?initContainers.orValue([])"},
	// Go is known by a variable of its runtime, by an annotation or by the port pprof; never by a guess.
	{"judged", `variables.guarded ? variables.candidates.filter(c, c.name == variables.first) : variables.all.filter(c,
c.?env.orValue([]).exists(e, e.name in ['AUTOMEMLIMIT', 'GODEBUG', 'GOGC', 'GOMAXPROCS', 'GOMEMLIMIT', 'GOTRACEBACK'])
|| c.name == variables.first && (variables.named != '' || variables.version != '')
|| variables.scraped == 'true' && c.?ports.orValue([]).exists(p, p.?name.orValue('') == 'pprof'))`},
	{"podLimit", "string(variables.pod.?resources.?limits.?memory.orValue(''))"},
	// Of several variables of one name the last counts, as it does for the kubelet.
	{"environments", `variables.judged.map(c, {'container': dyn(c),
'gomemlimit': dyn(c.?env.orValue([]).filter(e, e.name == 'GOMEMLIMIT')),
'gogc': dyn(c.?env.orValue([]).filter(e, e.name == 'GOGC')),
'automemlimit': dyn(c.?env.orValue([]).filter(e, e.name == 'AUTOMEMLIMIT'))})`},
	{"settings", `variables.environments.map(s, {'container': s.container, 'name': dyn(s.container.name),
'gomemlimit': s.gomemlimit.size() == 0 ? dyn({}) : s.gomemlimit[s.gomemlimit.size() - 1],
'gogc': s.gogc.size() == 0 ? dyn({}) : s.gogc[s.gogc.size() - 1],
'hidden': dyn(s.gomemlimit.size() == 0 && s.container.?envFrom.orValue([]).size() > 0),
'automemlimit': dyn(s.automemlimit.size() > 0 && s.automemlimit[s.automemlimit.size() - 1].?value.orValue('') != 'off')})`},
	// What the manifest tells of a value: its text, its digits and the factor of its unit, and whether the kubelet can fill in a resource.
	{"values", `variables.settings.map(s, {'container': s.container, 'name': s.name, 'hidden': s.hidden, 'automemlimit': s.automemlimit,
'gomemlimit': s.gomemlimit,
'given': dyn(has(s.gomemlimit.valueFrom)),
'filled': dyn(` + filled("gomemlimit") + `),
'text': dyn(string(s.gomemlimit.?value.orValue(''))),
'digits': dyn(string(s.gomemlimit.?value.orValue('')).replace('iB', '').replace('B', '').replace('K', '').replace('M', '').replace('G', '').replace('T', '')),
'gogcKnown': dyn(has(s.gogc.valueFrom) ? ` + filled("gogc") + ` : !string(s.gogc.?value.orValue('')).contains('$(')),
'gogc': dyn(string(s.gogc.?value.orValue(''))),
'limit': dyn(string(s.container.?resources.?limits.?memory.orValue(variables.podLimit)))})`},
	// The grammar of the Go runtime. A negative zero is a zero to it. What has more digits than an int64 is no number.
	{"amounts", `variables.values.map(v, {'container': v.container, 'name': v.name, 'value': dyn(v), 'limit': v.limit,
'bytes': dyn(v.text.matches('^(-0+B?|-0*[KMGT]iB)$') ? 0.0 : !v.text.matches('^0*[0-9]{1,19}([KMGT]iB|B)?$') ? -1.0
: double(v.digits) * (v.text.endsWith('KiB') ? 1024.0 : v.text.endsWith('MiB') ? 1048576.0 : v.text.endsWith('GiB') ? 1073741824.0 : v.text.endsWith('TiB') ? 1099511627776.0 : 1.0))})`},
}

// filled holds for a resourceFieldRef of which the manifest tells what the kubelet will fill in: a limit, or a request, which is zero
// where there is none.
func filled(setting string) string {
	ref := "s." + setting + ".?valueFrom.?resourceFieldRef"
	resource := ref + ".?resource.orValue('')"
	limit := "string(x.?resources.?limits[?" + resource + ".replace('limits.', '')].orValue(''))"
	key := resource + ".replace('requests.', '')"
	request := "string(x.?resources.?requests[?" + key + "].orValue(x.?resources.?limits[?" + key + "].orValue('0')))"
	divisor := "string(" + ref + ".?divisor.orValue('0'))"
	return ref + ".hasValue() && " +
		"(" + ref + ".?containerName.orValue('') == '' || " + ref + ".?containerName.orValue('') == s.container.name ? [s.container] : variables.all.filter(x, x.name == " + ref + ".?containerName.orValue('')))" +
		".exists(x, " + resource + ".startsWith('limits.') ? " + positive(limit) + " : " + resource + ".startsWith('requests.') && isQuantity(" + request + "))" +
		" && (" + divisor + " in ['', '0'] || " + positive(divisor) + ")"
}

func positive(text string) string {
	return "isQuantity(" + text + ") && quantity(" + text + ").isGreaterThan(quantity('0'))"
}

// The pieces that conditions share. a is a container with its values and amounts, a.value what the manifest tells of it.
const (
	unlimited = "(!a.value.given && a.value.text in ['', 'off'])"
	// 2^63-1 is what the runtime takes at most.
	readable = "a.bytes >= 0.0 && a.bytes <= 9223372036854775807.0"
	ref      = "a.value.gomemlimit.?valueFrom.?resourceFieldRef"
	// The kubelet fills in the container's own limit, which is then no larger than itself.
	ownLimit = "(" + ref + ".?resource.orValue('') == 'limits.memory' && (" + ref + ".?containerName.orValue('') == '' || " + ref +
		".?containerName.orValue('') == a.name) && string(" + ref + ".?divisor.orValue('0')) in ['', '0', '1'])"
	isLimit = "a.limit != '' && isQuantity(a.limit)"
	// A negative percentage switches the collector off too.
	off   = "(a.value.gogc == 'off' || a.value.gogc.matches('^-0*[1-9][0-9]{0,9}$') && int(a.value.gogc) >= -2147483648)"
	known = "(a.value.given ? a.value.filled : !a.value.text.contains('$('))"
	// The library of that name sets the limit when the program starts.
	automemlimit = "(a.value.automemlimit || a.name == variables.first && !(variables.automemlimit in ['', 'off', 'false']))"
)

// conditions are by id what must hold for each container a that is judged. Only rules whose answer CEL gives for every object are here.
var conditions = map[string]string{
	"GOMEM-001": "a.value.given ? a.value.filled : a.value.text in ['', 'off'] || " + readable,
	"GOMEM-003": unlimited + " || " + isLimit + " && (a.value.given ? " + ownLimit + " : " + readable + " && a.bytes <= quantity(a.limit).asApproximateFloat())",
	"GOMEM-005": "a.value.gogcKnown && (!" + off + " || " + known + " && !a.value.hidden && (!" + unlimited + " || " + automemlimit + "))",
	"GOMEM-008": isLimit + " && quantity(a.limit).isGreaterThan(quantity('0'))",
	"IMAGE-001": "a.container.?image.orValue('') != '' && (!variables.guarded || a.container.image.matches('^[A-Za-z0-9][-A-Za-z0-9._/:]*@sha256:[0-9a-f]{64}$'))",
}
