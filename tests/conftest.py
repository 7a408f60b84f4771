from __future__ import annotations

import gc
import os
from collections.abc import Generator
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import HealthCheck
from hypothesis import settings

from flask_cart import Cart
from flask_cart import FlaskCart
from flask_cart.storage.memory import MemoryStorage
from tests.support import cache_servers
from tests.support import forks  # noqa: F401 - the suite of the storages forks, too
from tests.support import servers
from tests.support.apps import make_app
from tests.support.compiled import Compiled
from tests.support.compiled import CompiledRule
from tests.support.measuring import Measuring
from tests.support.shop import Recorder
from tests.support.shop import make_cart

# On a busy machine, everything takes longer.
_patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Whether these fail depends on what was changed, and not on chance.
_same = settings(_patient, derandomize=True)
settings.register_profile("default", _same, max_examples=30)
settings.register_profile("hasty", _same, max_examples=10)
settings.register_profile("thorough", _patient, max_examples=2000)
settings.register_profile("exhaustive", _patient, max_examples=100_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# There is none while tests are only collected.
gc.disable()

Flask.jinja_options = {"bytecode_cache": Compiled()}
Flask.url_rule_class = CompiledRule

#: The modules and folders of tests that take the longest, in the order in which they
#: begin: at the end only short ones are left, which the workers can share evenly.
LONGEST = [
    "distributed",
    "demo_shop/test_looks.py",
    "scenes",
    "http/test_schemathesis.py",
    "concurrency",
    "demo_shop/test_shoppers_way.py",
    "demo_shop/test_two_windows.py",
    "browser",
    "benchmarks",
    "demo_shop/test_checkout_once.py",
    "demo_shop/test_browser.py",
    "storage/test_contract.py",
    "storage/test_cache_contract.py",
    "storage/test_moving.py",
    "cli/test_many_carts.py",
    "faults",
    "demo_shop",
    "storage",
    "cli",
    "testing",
    "metrics/test_exact.py",
    "http",
    "pricing",
    "model",
]

#: The folders whose tests are to reach every branch; measuring takes as long again as
#: they do. A module of them that need not be measured says so: ``unmeasured``.
MEASURED = [
    "app",
    "carts",
    "cli",
    "http",
    "metrics",
    "model",
    "pricing",
    "storage",
    "ucp",
]

DATABASES = ["sqlite", "postgresql", "mariadb"]


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[servers.Server]:
    with servers.postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[servers.Server]:
    with servers.mariadb() as server:
        yield server


@pytest.fixture
def postgresql_url(postgresql_server: servers.Server) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    with servers.fresh_database(postgresql_server) as url:
        yield url


@pytest.fixture
def mariadb_url(mariadb_server: servers.Server) -> Iterator[str]:
    """The URL of an empty MariaDB database."""
    with servers.fresh_database(mariadb_server) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an empty SQLite file."""
    return f"sqlite:///{tmp_path / 'carts.sqlite3'}"


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, on every engine."""
    url: str = request.getfixturevalue(f"{request.param}_url")

    return url


@pytest.fixture(scope="session")
def running_valkey() -> Iterator[cache_servers.CacheServer]:
    with cache_servers.valkey() as server:
        yield server


@pytest.fixture(scope="session")
def running_redis() -> Iterator[cache_servers.CacheServer]:
    with cache_servers.redis() as server:
        yield server


@pytest.fixture(scope="session")
def running_redis_cluster() -> Iterator[cache_servers.Cluster]:
    with cache_servers.redis_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def running_redis_sentinel() -> Iterator[cache_servers.Sentinel]:
    with cache_servers.redis_sentinel() as sentinel:
        yield sentinel


@pytest.fixture(scope="session")
def running_memcached() -> Iterator[cache_servers.CacheServer]:
    with cache_servers.memcached() as server:
        yield server


@pytest.fixture(scope="module", autouse=True)
def disconnected() -> Iterator[None]:
    """What a module's apps have opened is closed after it."""
    yield
    cache_servers.disconnect_apps()


@pytest.fixture
def valkey_server(
    running_valkey: cache_servers.CacheServer,
) -> cache_servers.CacheServer:
    """An empty Valkey server."""
    running_valkey.clean()

    return running_valkey


@pytest.fixture
def redis_server(running_redis: cache_servers.CacheServer) -> cache_servers.CacheServer:
    """An empty Redis server."""
    running_redis.clean()

    return running_redis


@pytest.fixture
def redis_cluster(
    running_redis_cluster: cache_servers.Cluster,
) -> cache_servers.Cluster:
    """An empty Redis Cluster."""
    running_redis_cluster.clean()

    return running_redis_cluster


@pytest.fixture
def redis_sentinel(
    running_redis_sentinel: cache_servers.Sentinel,
) -> cache_servers.Sentinel:
    """An empty pair of servers with a sentinel; nobody may stop one of them."""
    running_redis_sentinel.clean()

    return running_redis_sentinel


@pytest.fixture
def memcached_server(
    running_memcached: cache_servers.CacheServer,
) -> cache_servers.CacheServer:
    """An empty Memcached server."""
    running_memcached.clean()

    return running_memcached


@pytest.fixture
def memory_app() -> Flask:
    """An app with carts in memory."""
    app = make_app(CART_STORAGE="memory")
    FlaskCart(app)

    return app


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def cart(storage: MemoryStorage, recorder: Recorder) -> Cart:
    """The cart of user 1, without anything stored."""
    return make_cart(storage, announcer=recorder)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where no server may be missing, no test may be skipped for any reason."""
    report = yield

    if report.skipped and os.environ.get("CART_TESTS_REQUIRE_SERVERS") == "1":
        report.outcome = "failed"

    return report


def pytest_configure(config: pytest.Config) -> None:
    cache_servers.remember_pools()
    coverage = config.pluginmanager.get_plugin("_cov")

    if coverage is not None:
        config.pluginmanager.register(Measuring(coverage))


def rank_of(path: Path) -> int:
    """When the tests of a module begin."""
    parents = [path, *path.parents]
    ranks = [
        rank
        for rank, name in enumerate(LONGEST)
        if Path(__file__).parent / name in parents
    ]

    return min(ranks, default=len(LONGEST))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Do not look for garbage among the tests themselves: there are thousands of them,
    and to go through them again and again takes a third of the time."""
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, and count nothing as tried that chance has found:
    of that there may be less the next time."""
    ranks = {path: rank_of(path) for path in {item.path for item in items}}
    items.sort(key=lambda item: ranks[item.path])
    measured = {Path(__file__).parent / name for name in MEASURED}

    for item in items:
        by_chance = item.get_closest_marker("hypothesis") is not None

        if by_chance or measured.isdisjoint(item.path.parents):
            item.add_marker(pytest.mark.unmeasured)
