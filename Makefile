# Everything a developer runs. Needs python3 (3.11 or newer, with venv), git and make. A target that
# needs packages makes the virtual environment .venv and installs into it what that target asks for.

SHELL := bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

PYTHON ?= python3
PYTEST_ARGS ?=
LAB_ARGS ?=
VERSIONS ?= 3.11 3.12 3.13

VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help venv demo test test-all-pythons test-libraries libraries-page lab lint clean
.PHONY: bench bench-full bench-kishu bench-smoke

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s%s\n", $$1, $$2 }' Makefile

demo: $(VENV)/installed-examples ## See Pod at work: a notebook, its history, a restart, a checkout
	@$(BIN)/python examples/demo.py

PYTEST = $(BIN)/python -m pytest -n 2 --max-worker-restart 1

# A file's tests stay in one worker, so that a kernel they share is started once.
test: $(VENV)/installed-test ## Run the whole test suite; PYTEST_ARGS="-k log" narrows it
	$(PYTEST) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

test-all-pythons: ## Run the suite under each Python of VERSIONS that is found, pyenv's included
	@found=; \
	for version in $(VERSIONS); do \
	    for python in python$$version "$$(pyenv root 2>/dev/null)"/versions/$$version.*/bin/python3; do \
	        if "$$python" -c '' 2>/dev/null; then \
	            $(MAKE) test PYTHON="$$python" VENV=.venv-$$version || exit 1; \
	            found="$$found $$version"; \
	            continue 2; \
	        fi; \
	    done; \
	    echo "Python $$version: not found, skipped"; \
	done; \
	echo "Passed under Python:$${found:- none was found}"; \
	test -n "$$found"

# torch by its exact version first: what a mere range finds may be gigabytes for a GPU.
LIBRARIES := PYTHONPATH=tests MPLBACKEND=agg OMP_NUM_THREADS=1
test-libraries: BIN := .venv-libraries/bin
test-libraries: ## Run the library matrix: what becomes of the objects of 30 libraries
	@$(MAKE) VENV=.venv-libraries .venv-libraries/torch .venv-libraries/installed-libraries
	$(LIBRARIES) $(PYTEST) --dist loadgroup tests/libraries $(PYTEST_ARGS)

libraries-page: ## Write pod_ext/LIBRARIES.md from the cases of the library matrix
	@$(MAKE) VENV=.venv-libraries .venv-libraries/torch .venv-libraries/installed-libraries
	$(LIBRARIES) .venv-libraries/bin/python -m libraries.table

# A profile of its own: kernels that the tests and the demo start are left as they are.
lab: export IPYTHONDIR := $(abspath $(VENV))/lab
lab: $(VENV)/installed-lab $(VENV)/installed-examples ## Open JupyterLab in examples/, Pod loaded in every kernel
	@$(BIN)/pod enable --user
	cd examples && $(abspath $(BIN))/jupyter lab $(LAB_ARGS)

lint: $(VENV)/installed-lint $(VENV)/installed-test ## Check style, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench-smoke: $(VENV)/installed-bench ## Measure how long a save makes a person wait
	$(BIN)/python -m pod.bench.smoke

# Results lie side by side; to go on with some: BENCH_RESULTS=the file BENCH_ARGS=--resume
BENCH_RESULTS ?= bench-results/$(shell date +%Y%m%d-%H%M%S).jsonl
BENCH_ARGS ?=
KISHU_PYTHON ?= $(wildcard .venv-kishu/bin/python)
BENCH = $(BIN)/python -m pod.bench run --results $(BENCH_RESULTS) --plots bench-results/plots \
    --kishu-python '$(KISHU_PYTHON)' $(BENCH_ARGS)

bench: $(VENV)/installed-bench ## Compare Pod with other ways to save: the table of targets
	$(BENCH) headline

bench-full: $(VENV)/installed-bench ## Every experiment at full scale, which takes hours
	$(BENCH) all --scale full

bench-kishu: ## Install Kishu in an environment of its own, for the benchmark
	@$(MAKE) VENV=.venv-kishu .venv-kishu/installed-bench
	.venv-kishu/bin/python -m pip install --quiet kishu==0.3.4

clean: ## Remove what these targets made, results of the benchmark aside
	rm -rf .venv .venv-* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

venv: $(VENV)/installed-test $(VENV)/installed-lint

# One stamp for each extra of pyproject.toml.
$(VENV)/installed-%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	@touch $@

$(VENV)/torch: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet torch==2.13.0
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	    "Pod needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
	@echo '*' > $(VENV)/.gitignore
