# Two commands for a start: make demo, make test. Each sets itself up; nothing outside this folder is needed
# but Python 3.11 to 3.13, make, git and the package index.
.DEFAULT_GOAL := help
.PHONY: help setup demo test smoke standard scheduler airflow-versions distil test-browser corpus lint style types layers words lock lock-check bench fuzz pairs wheel-test

PYTHON ?=
export PYTHON
# Start-up time counts, and Airflow without bytecode takes five times as long to import.
unexport PYTHONDONTWRITEBYTECODE
# An installed package of the caller must not stand in for a locked one.
unexport PYTHONPATH

BIN := .venv/bin
NOETL_CORPUS ?= $(if $(wildcard ../shared/playbooks),../shared/playbooks)
LOCK_OPTIONS := --quiet --universal --all-extras --generate-hashes --no-emit-index-url --no-header --python-version 3.11
ARGS ?=
PAIRS ?= 100000
SEED ?= 0
# Test files run side by side; each file stays in one process, so that it starts its Airflow once.
PARALLEL ?= -n auto --dist loadfile

help: ## Show the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1@\2/' | column -t -s @

setup: ## Make or renew .venv from requirements.lock; PYTHON=python3.12 chooses the Python.
	@python=$$(scripts/find_python.sh) && exec "$$python" -I scripts/setup.py

demo: setup ## Compile two playbooks, run them on the runtime and on real Airflow, compare the outcomes.
	@$(BIN)/python scripts/demo.py

test: setup ## Run the tests; ARGS='-k name' is passed to pytest.
	@$(BIN)/pytest tests --ignore=tests/bench --ignore=tests/corpus --ignore=tests/fuzz -m "not wheel and not browser" $(PARALLEL) $(ARGS)

test-browser: setup ## Check pictures in a real browser: a Chromium of the system, see scripts/browser.sh.
	@browser=$$(scripts/browser.sh) && NOETL_BROWSER="$$browser" NOETL_CORPUS="$(abspath $(NOETL_CORPUS))" $(BIN)/pytest tests/browser -m browser $(ARGS)

smoke: setup ## The smoke level of noetl conform on runtime and Airflow; the reports are under build/.
	@$(BIN)/noetl conform --target runtime --level smoke --report build/conform-runtime
	@$(BIN)/noetl conform --target airflow --level smoke --report build/conform-airflow

standard: setup ## The standard level of noetl conform on runtime and Airflow; the reports are under build/.
	@$(BIN)/noetl conform --target runtime --level standard --report build/conform-runtime
	@$(BIN)/noetl conform --target airflow --level standard --report build/conform-airflow

scheduler: setup ## Over 50 playbooks on all parts of Airflow: scheduler, processor, API server, PostgreSQL.
	@NOETL_SCHEDULER=all $(BIN)/pytest tests/integration/test_airflow_scheduler.py $(ARGS)

airflow-versions: setup ## Compiled playbooks on Airflow 3.1, 3.2 and 3.3, which are installed in build/; ARGS=3.2 for one.
	@$(BIN)/python scripts/airflow_smoke.py $(ARGS)

distil: setup ## Make conformance/distilled.txt, the cases of the smoke level, from the faults of engine and lowering.
	@$(BIN)/python scripts/distil.py $(ARGS)
	@$(BIN)/python scripts/bogus.py $(filter --check,$(ARGS))

corpus: setup ## Check the playbooks of NOETL_CORPUS (default ../shared/playbooks) against what is kept of them.
ifeq ($(NOETL_CORPUS),)
	@echo "no corpus: ../shared/playbooks does not exist and NOETL_CORPUS is not set"
else
	@NOETL_CORPUS="$(abspath $(NOETL_CORPUS))" $(BIN)/pytest tests/corpus $(ARGS)
endif

lint: style types layers words ## Style, formatting, types, layers, words.

# The stages are checked through the links in src/noetl, so that ruff knows them as noetl.compiler and so on.
STAGES := $(addprefix src/noetl/,compiler/ runtime/ targets/ schema/ conformance/)
CODE := $(STAGES) $(wildcard src/noetl/*.py) src/noetl/cli tests scripts

style: setup ## Style and formatting.
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)

types: setup ## Types of noetl, the tests and the scripts.
	$(BIN)/mypy -p noetl
	$(BIN)/mypy tests scripts

layers: setup ## Which part may import which.
	$(BIN)/lint-imports

words: setup ## The words and signs that the writing rules refuse.
	$(BIN)/python scripts/words.py

lock: setup ## Bring requirements.lock up to date with pyproject.toml; ARGS=--upgrade takes newer versions.
	$(BIN)/uv pip compile $(LOCK_OPTIONS) $(ARGS) --output-file requirements.lock pyproject.toml

lock-check: setup ## Fail when requirements.lock is not what pyproject.toml asks for.
	@copy=$$(mktemp) && trap 'rm -f "$$copy"' EXIT && cp requirements.lock "$$copy" && \
	$(BIN)/uv pip compile $(LOCK_OPTIONS) --output-file "$$copy" pyproject.toml >/dev/null && \
	if ! diff -u requirements.lock "$$copy"; then echo "requirements.lock is stale: run make lock" >&2; exit 1; fi
	@echo "requirements.lock is what pyproject.toml asks for"

bench: setup ## Measure start-up, lint, lowering and the generated DAG against their bounds.
	@$(BIN)/pytest tests/bench -s $(ARGS)

fuzz: setup ## Lint 20,000 random texts: each must end in diagnostics, none in a traceback.
	@$(BIN)/pytest tests/fuzz $(ARGS)

pairs: setup ## Compare the engine with the spec on 100,000 drawn pairs; SEED=7 draws others.
	@NOETL_PAIRS=$(PAIRS) NOETL_PAIRS_SEED=$(SEED) $(BIN)/pytest --timeout=0 tests/property/test_engine_and_spec.py $(ARGS)

wheel-test: setup ## Build sdist and wheel, install the wheel in a clean environment, compare file lists.
	@$(BIN)/pytest tests/packaging -m wheel $(ARGS)
