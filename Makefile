# Every target runs from a fresh clone: it makes what it needs, and nothing that is already there.
# PYTHON=... chooses the interpreter (3.11 or 3.12).
.DEFAULT_GOAL := help
.PHONY: help setup demo check test tests-on-airflow3 tests-on-airflow2 test-full test-cassandra-versions test-dependency-versions airflow2 lint rust bench docs wheels clean lock resolutions

# A name on the PATH may be a shim that does not run, or a Python without venv.
RUNS := -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1
PYTHON ?= $(shell for python in python3.12 python3.11 python3 python; do \
	if $$python $(RUNS); then echo $$python; break; fi; done)
# Of the Pythons that are there, the lowest and the highest that the package supports. What pyenv has need not be on the
# PATH, where its shim is.
find_python = $(shell for python in $(1); do \
	if "$$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then echo "$$python"; break; fi; done)
pyenv_python = $(wildcard $(HOME)/.pyenv/versions/$(1).*/bin/python$(1))
PYTHON_LOWEST ?= $(call find_python,python3.10 $(call pyenv_python,3.10))
PYTHON_HIGHEST ?= $(call find_python,python3.14 $(call pyenv_python,3.14) python3.13 $(call pyenv_python,3.13))
# The tests start Airflow in hundreds of processes: where nothing is written, each compiles it anew for five seconds.
unexport PYTHONDONTWRITEBYTECODE
AIRFLOW3 := .venv/bin/python
AIRFLOW2 := .venv-airflow2/bin/python
# Not -q: the header says what was tested.
PYTEST := -m pytest
# A process more than cores, 3 to 5; WORKERS=... says how many, 0 for this one alone.
WORKERS ?= auto
PARALLEL := -n $(WORKERS) --dist loadfile
FULL := --both-codecs --hypothesis-profile=full
QUICK := -m "not fault_full and not slow"
# Hooks, form, window, a run of each operator, and that the examples can be imported.
ON_AIRFLOW2 := tests/unit/hooks tests/unit/operators tests/unit/test_run_window.py tests/unit/test_period.py \
	tests/unit/test_provider_info.py tests/unit/test_example_dags.py tests/dags/test_each_operator.py

# An export and an import of a real table.
ROUND_TRIP := tests/integration/test_copy_to.py tests/integration/test_copy_from.py

help:
	@echo "make check      lint, types, contracts, the native codec's tests, unit tests: minutes"
	@echo "make test       check, and the tests on real servers and through Airflow 3.3 and 2.11: what CI runs"
	@echo "make test-full  everything: both codecs everywhere, long and random tests, Airflow 2.11, the lowest and highest"
	@echo "                versions of Python, pyarrow and all else, Cassandra 4.0 and 4.1"
	@echo "make setup | demo | lint | bench | docs | wheels | lock | resolutions | clean"

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
	else cargo clippy --locked --quiet --release --all-targets -- -D warnings; fi

check: lint rust
	$(AIRFLOW3) $(PYTEST) $(PARALLEL) $(QUICK) tests/unit

# While one core waits for the network or for one file to compile, the other has something to do.
test:
	@$(MAKE) --no-print-directory --output-sync=target -j2 setup rust
	@$(MAKE) --no-print-directory --output-sync=target -j2 lint airflow2
	@$(MAKE) --no-print-directory -j2 tests-on-airflow3 tests-on-airflow2

tests-on-airflow3:
	$(AIRFLOW3) $(PYTEST) $(PARALLEL) $(QUICK) tests

# One process, which has an Airflow and a Cassandra of its own; beside the other tests it is heard at its end.
tests-on-airflow2:
	@mkdir -p .local; $(AIRFLOW2) $(PYTEST) $(QUICK) $(ON_AIRFLOW2) > .local/tests-on-airflow2.log 2>&1; \
	status=$$?; cat .local/tests-on-airflow2.log; exit $$status

test-full: lint rust airflow2
	$(AIRFLOW3) $(PYTEST) $(PARALLEL) $(FULL) tests
	$(AIRFLOW2) $(PYTEST) $(PARALLEL) $(FULL) tests/unit tests/dags
	@$(MAKE) --no-print-directory test-dependency-versions
	@$(MAKE) --no-print-directory test-cassandra-versions

# The lowest version of everything that the package names on the lowest Python, the newest on the highest, and pyarrow
# between: unit tests and a round trip. Airflow 2.11.0 warns of itself.
test-dependency-versions: setup
	@if test -z "$(PYTHON_LOWEST)"; then echo "no Python 3.10: the lowest versions are not tested"; else \
	"$(PYTHON_LOWEST)" dev/environments.py lowest && .venv-lowest/bin/python $(PYTEST) $(PARALLEL) $(QUICK) \
	-W ignore::DeprecationWarning tests/unit $(ROUND_TRIP) tests/dags/test_each_operator.py; fi
	@if test -z "$(PYTHON_HIGHEST)"; then echo "no Python 3.13 or 3.14: the highest version is not tested"; else \
	"$(PYTHON_HIGHEST)" dev/environments.py highest && .venv-highest/bin/python $(PYTEST) $(PARALLEL) $(QUICK) \
	tests/unit $(ROUND_TRIP); fi
	"$(PYTHON)" dev/environments.py pyarrow20 pyarrow22
	.venv-pyarrow20/bin/python $(PYTEST) $(PARALLEL) $(QUICK) tests/unit $(ROUND_TRIP)
	.venv-pyarrow22/bin/python $(PYTEST) $(PARALLEL) $(QUICK) tests/unit $(ROUND_TRIP)

airflow2: setup
	@"$(PYTHON)" dev/environments.py airflow2

# The integration tests on the servers that no other target starts: 4.x on a Java 11 that is fetched when it is missing,
# and 5.0 as it ships. What a server cannot do is skipped, with the reason.
test-cassandra-versions: setup
	CQLAI_TEST_CASSANDRA_VERSION=4.1 $(AIRFLOW3) $(PYTEST) $(PARALLEL) $(QUICK) tests/integration
	CQLAI_TEST_CASSANDRA_VERSION=4.0 $(AIRFLOW3) $(PYTEST) $(PARALLEL) $(QUICK) tests/integration
	CQLAI_TEST_STORAGE_COMPATIBILITY=CASSANDRA_4 $(AIRFLOW3) $(PYTEST) $(PARALLEL) $(QUICK) tests/integration

# This machine's release wheel, with the native codec, and the source archive, into dist/.
wheels:
	@"$(PYTHON)" dev/environments.py wheels
	.venv-wheels/bin/python -m dev.wheels

# BENCH_ROWS=100000 is the quick form; BENCH_ARGUMENTS=--scale tells how cost and memory grow.
bench: setup
	$(AIRFLOW3) -m benchmarks $(if $(BENCH_ROWS),--rows $(BENCH_ROWS)) $(BENCH_ARGUMENTS)

# The site of docs/, into .local/docs; a broken link, or a page that the navigation lacks, is an error.
docs:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 with venv is needed: make PYTHON=/path/to/python3.12 docs"; exit 1; }
	@"$(PYTHON)" dev/environments.py docs
	.venv-docs/bin/python -m mkdocs build

# New versions of everything; nothing else changes a lock.
lock: setup
	$(AIRFLOW3) dev/locks.py
	$(AIRFLOW3) dev/resolutions.py

# What the package resolves to beside Airflows, Pythons and what data teams install, into docs/installation.md.
resolutions: setup
	$(AIRFLOW3) dev/resolutions.py

clean:
	@test ! -x $(AIRFLOW3) || $(AIRFLOW3) -m dev.local_cassandra stop
	rm -rf .venv .venv-* .local build dist rust/target *.egg-info airflow_provider_cqlai/*.so
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
