# Bongsu. `make` lists what there is.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Tools and real servers for tests are installed here. Chromium and the network
# tools come by apt, as root.
export BONGSU_CACHE ?= $(CURDIR)/.cache
LINT_VERSION := v2.13.2
FUZZTIME ?= 60s

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)


.PHONY: run
run: ## Start the hub with everything embedded, and a console at http://127.0.0.1:8080
	BONGSU_DEV=true go run ./cmd/bongsu serve

.PHONY: build
build: ## Build bin/bongsu
	go build -trimpath -o bin/bongsu ./cmd/bongsu

.PHONY: test
test: ## All unit and integration tests on the embedded parts, under the race detector
	go test -race -timeout 5m ./...

.PHONY: race
race: test ## The same as test

.PHONY: lint
lint: $(BONGSU_CACHE)/bin/golangci-lint ## Formatting, vet and golangci-lint
	test -z "$$(gofmt -l $$(git ls-files '*.go'))"
	$(BONGSU_CACHE)/bin/golangci-lint run --timeout 10m ./...
	$(BONGSU_CACHE)/bin/golangci-lint run --timeout 10m --build-tags e2e,servers ./internal/e2e/... ./internal/faults/... ./internal/testenv/... ./persistence/... ./gateway/redis/...

$(BONGSU_CACHE)/bin/golangci-lint:
	GOBIN=$(BONGSU_CACHE)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

.PHONY: fuzz
fuzz: ## Every fuzz target for FUZZTIME (60s)
	@grep -rEho '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' . >/dev/null
	@grep -rEo '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' . | sort | while IFS=: read -r file func; do \
		name=$${func#func }; echo "== $$name ($$(dirname $$file)) for $(FUZZTIME)"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$(dirname $$file)" || exit 1; \
	done

.PHONY: bench
bench: ## Benchmarks of the parts on the path from Kafka to the socket
	go test -run '^$$' -bench . -benchmem ./internal/hub/... ./actors/... ./cluster/... ./gateway/... ./persistence/...

.PHONY: servers
servers: classic ## Install Apache Kafka, both ClickHouse engines, Redis and other people's producers for tests
	internal/testenv/install-chdb.sh
	internal/testenv/install-redis.sh
	internal/testenv/install-producers.sh

.PHONY: classic
classic:
	internal/testenv/install-kafka.sh
	internal/testenv/install-clickhouse18.sh

.PHONY: conformance
conformance: servers ## The parts' own suites on Apache Kafka, on both ClickHouse engines and on Redis
	go test -tags servers -timeout 20m -skip '$(MEASURED)' ./persistence/... ./gateway/ingest/... ./gateway/redis/...

MEASURED = TestServiceDuringRebalances|TestServiceAfterKafkaWasKilled

.PHONY: rebalances
rebalances: servers ## How long shards are not served when members join, leave, hang and Kafka is killed
	go test -tags servers -count 1 -v -run '$(MEASURED)' ./persistence/journal


.PHONY: e2e
e2e: build servers chromium bin/faults ## The acceptance suite on all three sets of parts, older clients and producers, and the console in Chromium
	$(E2E) -run 'TestAcceptance|TestRefuses|TestCompat' -parts all
	cd web/e2e && npm ci --no-audit --no-fund && npm test

.PHONY: crash
crash: build servers ## Kill the hub 20 times under load, on the embedded parts and on the real servers
	$(E2E) -run 'TestCrash|TestJudge' -parts embedded,classic,current -kills 20

.PHONY: outage
outage: build servers ## Take Kafka away for 30 s and ClickHouse for 60 s under load
	$(E2E) -run 'Outage' -parts classic,current -kafka-outage 30s -timeline-outage 60s

.PHONY: faults-short
faults-short: build servers ## A short crash test for every change
	$(E2E) -run 'TestCrash|TestJudge' -parts embedded -kills 3

.PHONY: cluster
cluster: classic bin/faults ## Three nodes on this machine, one log, until Ctrl-C
	bin/faults cluster

.PHONY: faults
faults: classic namespaces bin/faults ## Ten minutes of faults at random on a cluster; FAULTS='--seed 7 …' says more
	bin/faults run --duration 10m $(FAULTS)

.PHONY: faults-hour
faults-hour: classic namespaces bin/faults ## The same for an hour
	bin/faults run --duration 1h --name faults-hour $(FAULTS)

.PHONY: faults-ci
faults-ci: classic namespaces bin/faults ## A minute of faults with a fixed seed, and one with a fresh one
	bin/faults run --duration 1m --seed 1 --seed 0 --no-clock --name faults-ci $(FAULTS)

.PHONY: mutants
mutants: classic namespaces bin/faults ## Break the hub in known ways, and want the fault bench to find each out
	bin/faults mutants

.PHONY: takeover
takeover: classic namespaces bin/faults ## How long streams pause when a node is killed, leaves and joins
	bin/faults takeover

.PHONY: rolling
rolling: classic namespaces bin/faults ## Restart all nodes in turn under 3,000 connections and 500 events a second
	bin/faults rolling

.PHONY: broadcast
broadcast: classic namespaces bin/faults ## One event to three nodes of 10,000 connections each
	bin/faults broadcast

.PHONY: streams
streams: classic namespaces bin/faults ## Touch 100,000 streams in ten minutes and watch the nodes' memory
	bin/faults streams

.PHONY: simulate
simulate: ## 10,000 seeds of a cluster under faults in one process; SEEDS='-seed 7 -seeds 1' replays one
	go test -count 1 -timeout 20m -v -run 'Promise|Replays' ./internal/simulate $(or $(SEEDS),-seeds 10000)

.PHONY: simulate-mutants
simulate-mutants: ## Each of the known faults, put into the rules, is found by 3,000 of these seeds
	go test -count 1 -timeout 20m -v -run Mutant ./internal/simulate -mutant-seeds 3000

.PHONY: bin/faults
bin/faults:
	go build -o bin/faults ./internal/faults/cmd/faults

# Nodes are cut off where this is root's machine; elsewhere the report says that
# those faults were left out.
.PHONY: namespaces
namespaces:
	@{ command -v ip && command -v nft; } >/dev/null || test "$$(id -u)" != 0 || { apt-get update -q && apt-get install -q -y --no-install-recommends iproute2 nftables; }

E2E = go test -tags e2e -count 1 -timeout 60m ./internal/e2e -bongsu $(CURDIR)/bin/bongsu

.PHONY: chromium
chromium: ## Install Chromium for the browser tests, if it is not there
	@command -v chromium >/dev/null || { apt-get update -q && apt-get install -q -y --no-install-recommends chromium fonts-noto-cjk; }

.PHONY: figures
figures: build ## Latency at 1,000 connections and events a second, memory at 10,000 connections
	internal/load/figures.sh bin/bongsu

.PHONY: deploy-check
deploy-check: ## The files in deploy/ against the schemas of Compose and Kubernetes
	deploy/check.sh

.PHONY: ci
ci: ## Everything that must hold before a change lands
	.ci/run

.PHONY: web
web: ## Rebuild the console that is committed in web/dist
	cd web && npm ci && npm run build

.PHONY: web-check
web-check: ## Types, lint, unit tests of web/, and that web/dist is what its source builds
	cd web && npm ci && npm run check

.PHONY: clean
clean: ## Remove what was built; installed tools and servers stay
	rm -rf bin coverage.out
