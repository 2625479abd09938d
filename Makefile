# `make` lists the targets. The work is in scripts/.
.DEFAULT_GOAL := help
.PHONY: help train-cluster ladder test test-spark spark build check chaos fuzz sanitize lint check-emulated bench bench-large bench-peers watch hooks clean

CONFIG ?= configs/demo.yaml
export CONFIG SAMPLERS PAIRS SEEDS ROUNDS PART

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

train-cluster: ## install what is missing, build, make the graph, train, embed, evaluate  [CONFIG=configs/demo.yaml SAMPLERS=2]
	@sh scripts/train-cluster.sh

ladder: ## train and evaluate every rung with several seeds  [CONFIG=configs/demo.yaml PAIRS=FILE SEEDS=5]
	@sh scripts/ladder.sh

test: ## every test; PINSAGE_DATA=FOLDER adds those on real data
	@sh scripts/test.sh

spark: ## PySpark, pinned, into .venv-spark: graphs built and pins embedded on Spark
	@sh scripts/spark/install.sh

test-spark: spark build ## the tests of scripts/spark, which `make test` leaves out
	@for test in scripts/spark/test_*.py; do .venv-spark/bin/python $$test || exit 1; done

build: ## the executables, in release mode
	@sh scripts/bootstrap.sh && swift build -c release

check-snippets: ## the code of docs/USING_EMBEDDINGS.md, in .venv-snippets
	@sh scripts/check-snippets.sh

check: ## what CI runs: format, lint, import check, tests
	@sh scripts/check.sh

chaos: ## real processes killed, stopped and restarted on a schedule, checksums compared  [SEED=1]
	@swift build -c release && python3 scripts/chaos.py --seeds $(or $(SEED),1) && python3 scripts/chaos.py --network && python3 scripts/chaos.py --relay

fuzz: ## a million hostile inputs for every reader, under AddressSanitizer  [SEED=1 ROUNDS=1000000 READERS=graph SECONDS_EACH=60]
	@sh scripts/fuzz.sh

sanitize: ## the tests under ThreadSanitizer and AddressSanitizer
	@sh scripts/sanitize.sh

lint: ## format and lint only
	@sh scripts/lint.sh

check-emulated: ## the kernels' tests on emulated processors without AVX and AVX-512 (needs qemu-user)
	@swift build -c release --build-tests && sh scripts/check-emulated.sh

bench: ## time every kernel, the training step and walks beside the machine's limits
	@sh scripts/bench.sh

bench-large: ## walks on 400 million edges: 8 GB of disk in TMPDIR, 9 GB of memory
	@swift build -c release --product pinsage-bench >&2 && .build/release/pinsage-bench walks --graphs large

bench-peers: ## the same beside PyTorch and NumPy, the pipeline beside DGL; installs them in .venv-peers*  [ROUNDS=5 PART=embed]
	@sh scripts/bench-peers.sh

watch: ## follow the newest run's queue depth; RUN=runs/NAME for another
	@sh scripts/watch-queue $(RUN)

hooks: ## install a pre-commit hook that runs format and lint
	@printf '#!/bin/sh\nexec sh scripts/lint.sh\n' > .git/hooks/pre-commit && chmod +x .git/hooks/pre-commit

clean: ## remove what was built; runs and data stay
	@rm -rf .build .build-*
