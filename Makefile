# Every target runs from a fresh clone: it makes what it needs, and nothing that is already there.
# PYTHON=... chooses the interpreter (3.11 or 3.12).
.DEFAULT_GOAL := help
.PHONY: help setup demo check test test-full test-cassandra-versions airflow2 lint rust bench clean lock

# A name on the PATH may be a shim that does not run, or a Python without venv.
RUNS := -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1
PYTHON ?= $(shell for python in python3.12 python3.11 python3 python; do \
	if $$python $(RUNS); then echo $$python; break; fi; done)
PYTHON313 ?= $(shell python3.13 -c 'import venv, ensurepip' >/dev/null 2>&1 && echo python3.13)
# The tests start Airflow in hundreds of processes: where nothing is written, each compiles it anew for five seconds.
unexport PYTHONDONTWRITEBYTECODE
AIRFLOW3 := .venv/bin/python
AIRFLOW2 := .venv-airflow2/bin/python
# Not -q: the header says what was tested.
PYTEST := -m pytest
# A process more than cores, 3 to 5; WORKERS=... says how many, 0 for this one alone.
WORKERS ?= auto
PARALLEL := -n $(WORKERS) --dist loadfile
QUICK := -m "not fault_full and not slow"
# Hooks, form, window and a run of each operator.
ON_AIRFLOW2 := tests/unit/hooks tests/unit/operators tests/unit/test_run_window.py tests/unit/test_period.py \
	tests/unit/test_provider_info.py tests/dags/test_each_operator.py

help:
	@echo "make check      lint, types, contracts, the native codec's tests, unit tests: minutes"
	@echo "make test       check, and the tests on real servers and through Airflow 3.3 and 2.11: what CI runs"
	@echo "make test-full  everything: both codecs everywhere, long and random tests, Airflow 2.11, Cassandra 4.0 and 4.1"
	@echo "make setup | demo | lint | bench | lock | clean"

setup:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 with venv is needed: make PYTHON=/path/to/python3.12 setup"; exit 1; }
	@"$(PYTHON)" dev/environments.py airflow3
	@$(AIRFLOW3) -m dev.server_jars

demo: setup
	$(AIRFLOW3) -m dev.demo

lint: setup
	$(AIRFLOW3) -m ruff check .
	$(AIRFLOW3) -m ruff format --check .
	$(AIRFLOW3) -m mypy
	$(AIRFLOW3) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'

# The native codec's own tests need no Python; without cargo there is no native codec.
rust:
	@if ! command -v cargo >/dev/null; then echo "no cargo: the native codec is neither built nor tested"; exit 0; fi; \
	unset MAKEFLAGS; cd rust && cargo test --locked --quiet --no-default-features || exit 1; \
	if ! cargo fmt --version >/dev/null 2>&1; then echo "no rustfmt: not checked"; else cargo fmt --check || exit 1; fi; \
	if ! cargo clippy --version >/dev/null 2>&1; then echo "no clippy: not checked"; \
	else cargo clippy --locked --quiet --all-targets -- -D warnings; fi

check: lint rust
	$(AIRFLOW3) $(PYTEST) $(PARALLEL) $(QUICK) tests/unit

# While one core waits for the network or for one file to compile, the other has something to do.
test: setup
	@$(MAKE) --no-print-directory --output-sync=target -j2 lint rust airflow2
	$(AIRFLOW3) $(PYTEST) $(PARALLEL) $(QUICK) tests
	$(AIRFLOW2) $(PYTEST) $(PARALLEL) $(QUICK) $(ON_AIRFLOW2)

test-full: lint rust airflow2
	$(AIRFLOW3) $(PYTEST) $(PARALLEL) --both-codecs tests
	$(AIRFLOW2) $(PYTEST) $(PARALLEL) --both-codecs tests/unit tests/dags
	@test -z "$(PYTHON313)" || { "$(PYTHON313)" dev/environments.py python313 && \
	.venv-python313/bin/python $(PYTEST) $(PARALLEL) --both-codecs tests/unit; }
	@$(MAKE) --no-print-directory test-cassandra-versions

airflow2: setup
	@"$(PYTHON)" dev/environments.py airflow2

# The integration tests on the servers that no other target starts: 4.x on a Java 11 that is fetched when it is missing,
# and 5.0 as it ships. What a server cannot do is skipped, with the reason.
test-cassandra-versions: setup
	CQLAI_TEST_CASSANDRA_VERSION=4.1 $(AIRFLOW3) $(PYTEST) $(PARALLEL) $(QUICK) tests/integration
	CQLAI_TEST_CASSANDRA_VERSION=4.0 $(AIRFLOW3) $(PYTEST) $(PARALLEL) $(QUICK) tests/integration
	CQLAI_TEST_STORAGE_COMPATIBILITY=CASSANDRA_4 $(AIRFLOW3) $(PYTEST) $(PARALLEL) $(QUICK) tests/integration

# BENCH_ROWS=100000 is the quick form; BENCH_ARGUMENTS=--scale tells how cost and memory grow.
bench: setup
	$(AIRFLOW3) -m benchmarks $(if $(BENCH_ROWS),--rows $(BENCH_ROWS)) $(BENCH_ARGUMENTS)

# New versions of everything; nothing else changes a lock.
lock: setup
	$(AIRFLOW3) dev/locks.py

clean:
	@test ! -x $(AIRFLOW3) || $(AIRFLOW3) -m dev.local_cassandra stop
	rm -rf .venv .venv-airflow2 .venv-python313 .local build dist rust/target *.egg-info airflow_provider_cqlai/*.so
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
