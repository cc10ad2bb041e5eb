# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# An index: anything longer than a line is Go with a test.
TOOL := go tool -modfile=tools/go.mod
OPA  := go tool -modfile=../tools/go.mod opa
BIN  := bin
FUZZTIME := 30s
# A package that imports one of these; distro's house test holds every go statement to it.
MAY_RACE := {{$$p := .ImportPath}}{{range .Imports}}{{if or (eq . "context") (eq . "sync") (eq . "sync/atomic")}}{{println $$p}}{{end}}{{end}}
# ocb, mdatagen and the like are built without the version control stamp, so that a shallow or exported tree builds too.
export GOFLAGS := -buildvcs=false
# Static binaries: they run in an image that holds nothing else, and one build serves tests, demo and images. The race detector needs cgo.
export CGO_ENABLED := 0

.DEFAULT_GOAL := help
.PHONY: help build cloud demo fleet test race lint generate policies vap bench fuzz distro distro-cloud distro-gateway truth simulate trials e2e ci clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build heapgate and heapgate-collector into bin/
	go build -ldflags "-s -w" -o $(BIN)/ ./cmd/heapgate
	go build -ldflags "-s -w" -o $(BIN)/heapgate-collector ./distro

cloud: ## Build heapgate-cloud: heapgate with the sign-in of AWS, Google and Azure
	go vet -tags cloud ./cmd/heapgate
	go build -tags cloud -ldflags "-s -w" -o $(BIN)/heapgate-cloud ./cmd/heapgate

demo: ## Run the whole path: two versions of a service, collector, gate; under 5 minutes after the build
	go run ./examples/demo

fleet: build ## Let one collector on one core hear 1,000 processes of which some hang and some misbehave; about 2 minutes
	go run ./examples/fleet

truth: build ## Run programs of which it is known what they do, and compare the signals with it; about 20 minutes (TRUTH=-short: 4)
	go run ./examples/truth $(TRUTH)

simulate: ## Measure the error rates of the comparison beside those of Kayenta and Argo Rollouts, and write docs/statistics.md; about 4 minutes
	go test ./internal/verdict/simulation -run TestErrorRates -v -count=1 -timeout 30m -args -full -update

trials: build ## Let the gate judge the example shop some 400 times, and count its verdicts; half an hour
	go run ./examples/trials

test: ## Run all tests: unit, fixtures, policies, house rules
	@$(TOOL) promtool --version > /dev/null # built here the first time, so that no test's time limit pays for it
	go test -timeout 15m ./...

# The race detector needs cgo; what the tests build does not, and is there already.
race: ## Run the tests of everything that may run at once under the race detector
	@$(TOOL) promtool --version > /dev/null
	CGO_ENABLED=1 go test -timeout 15m -race -exec 'env CGO_ENABLED=0' $$(go list -f '$(MAY_RACE)' ./cmd/... ./connector/... ./examples/... ./exporter/... ./internal/... ./processor/... ./receiver/... | sort -u)

lint: ## Run golangci-lint, which holds the dependency rule too
	$(TOOL) golangci-lint run ./...

generate: ## Write every generated file again: ocb's main, mdatagen's code, policy pages
	$(TOOL) builder --config builder-config.yaml --skip-get-modules --skip-compilation
	go generate ./receiver ./processor ./exporter ./connector
	go test ./policies -run 'TestDocsAreGenerated|TestCapabilitiesFileIsTheAllowlist' -update
	go test ./policies/gatekeeper ./policies/vap -run TestFilesAreMadeOfTheRules -update

policies: ## Check and test the policy pack with the opa command itself
	cd policies && $(OPA) check --strict --schema schemas --capabilities capabilities.json .
	cd policies && $(OPA) fmt --list --fail .
	cd policies && $(OPA) test gate lib manifest data testdata/passing.yaml
	cd policies && $(OPA) test --coverage --threshold 100 gate lib manifest data testdata/passing.yaml > /dev/null

vap: ## Hold the admission policies to the rules, with the API server's own CEL (minutes to build at first; not part of ci)
	cd policies/vap/cel && go test -trimpath -vet=off -count 1 .

bench: ## Compare the fast paths with their peers: ratios, peer by peer (raw output in bin/bench.txt)
	mkdir -p $(BIN)
	go test -run '^$$' -bench . -benchmem -count 6 ./internal/gctrace ./internal/heap ./internal/inflate ./internal/profile ./internal/goroutine ./internal/signal ./internal/baseline ./internal/exectrace ./receiver/internal/otlpprofile ./processor ./policies > $(BIN)/bench.txt
	$(TOOL) benchstat -col /impl $(BIN)/bench.txt

fuzz: ## Fuzz every target for FUZZTIME (30s)
	@grep -rEo 'func Fuzz[A-Za-z0-9]+' --include='*_test.go' . | while IFS=: read -r file target; do \
	  go test "$$(dirname "$$file")" -run '^$$' -fuzz "^$${target#func }$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x || exit 1; done

distro: ## Write distro/ with ocb and build the collector
	$(TOOL) builder --config builder-config.yaml --skip-get-modules --skip-compilation
	go build -ldflags "-s -w" -o $(BIN)/heapgate-collector ./distro

distro-cloud: ## Write and build the collector that also discovers on EC2, GCE and Azure
	$(TOOL) builder --config builder-config-cloud.yaml --skip-get-modules --skip-compilation
	go build -ldflags "-s -w" -o $(BIN)/heapgate-collector-cloud ./$(BIN)/_distro-cloud

distro-gateway: ## Write and build the collector that balances processes over several others, in a module of its own
	$(TOOL) builder --config builder-config-gateway.yaml --skip-compilation
	cd $(BIN)/_distro-gateway && go build -ldflags "-s -w" -o ../heapgate-gateway .

e2e: ## Run the suite on two real clusters with a real Argo CD; needs root and the Debian packages that it names
	cd e2e && go test -vet=off -count 1 ./box && go test -vet=off -count 1 -v -timeout 60m .

ci: ## What .ci/run does, step by step
	.ci/run

clean: ## Remove bin/
	rm -rf $(BIN)
