"""The suite notices what is wrong with a storage, and tests what applies to it."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from multiprocessing import resource_tracker

import pytest

from flask_cart.storage.base import Guarantee
from flask_cart.testing import StorageSuite
from tests.support import broken
from tests.support.suites import SUITES

pytest_plugins = ["pytester"]

BROKEN = """
    from tests.support import broken
    from tests.support import suites

    class TestBroken(suites.{suite}):
        guarantee = broken.{storage}.guarantee
        make = broken.{storage}
"""


@pytest.fixture(autouse=True, scope="module")
def one_resource_tracker() -> None:
    """The runs inside this one forget what they were the first to import, and there
    must be only one of these."""
    resource_tracker.ensure_running()


def names_of_tests(suite: type[StorageSuite]) -> set[str]:
    """The names of a suite's tests."""
    return {
        name
        for name, _ in inspect.getmembers(suite, callable)
        if name.startswith("test_")
    }


@pytest.fixture
def run_broken(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> Callable[[broken.Storage, str], pytest.RunResult]:
    """Runs a test of the suite with a broken storage."""
    # They take longer than the tests.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(storage: broken.Storage, test: str) -> pytest.RunResult:
        suite = next(
            suite for kind, suite in SUITES.items() if issubclass(storage, kind)
        )
        source = BROKEN.format(suite=suite.__name__, storage=storage.__name__)
        path = pytester.makepyfile(source)

        return pytester.runpytest_inprocess("-rfE", f"{path}::TestBroken::{test}")

    return run


@pytest.mark.parametrize(
    ("storage", "test"),
    broken.CAUGHT_BY.items(),
    ids=[storage.__name__ for storage in broken.CAUGHT_BY],
)
def test_broken_storage_is_caught(
    run_broken: Callable[[broken.Storage, str], pytest.RunResult],
    storage: broken.Storage,
    test: str,
) -> None:
    """A broken storage fails in the very test that is about what is wrong with it.

    Only this one is run: in others, those that wait for a rival would do so in vain.
    """
    result = run_broken(storage, test)

    assert result.parseoutcomes().keys() <= {"passed", "failed"}
    result.stdout.re_match_lines([rf"FAILED .*::{re.escape(test)}"])


def test_failure_shows_values(
    run_broken: Callable[[broken.Storage, str], pytest.RunResult],
) -> None:
    """A test that fails shows what it compared, as those of an app do."""
    result = run_broken(broken.ListsNothing, "test_instances_of_one_owner")

    result.stdout.fnmatch_lines(["E *assert [[][]] == [[]'a', 'b'[]]"])


def test_there_are_many_tests() -> None:
    """Parameters not counted, the suite has more than 60 tests."""
    assert len(names_of_tests(StorageSuite)) > 60


class WithLock(StorageSuite):
    guarantee = Guarantee.LOCKED


class AtomicAfterAll(WithLock):
    guarantee = Guarantee.ATOMIC


class WithoutAny(StorageSuite):
    guarantee = Guarantee.LAST_WRITE_WINS
    across_processes = False


class WithAll(StorageSuite):
    scans_carts = True

    @pytest.fixture
    def ttl_of(self) -> None:
        pass

    @pytest.fixture
    def cut_off(self) -> None:
        pass

    @pytest.fixture
    def spoil(self) -> None:
        pass


def test_selection() -> None:
    """A suite has the tests that say something about its storage, and no others."""
    atomic = names_of_tests(AtomicAfterAll)

    assert names_of_tests(WithLock) - atomic == {"test_always_locks"}
    assert atomic - names_of_tests(WithLock) == {"test_save_without_the_lock"}
    assert names_of_tests(WithoutAny) - atomic == {
        "test_one_of_many_writes_is_left",
        "test_the_later_write_wins",
    }
    assert atomic - names_of_tests(WithoutAny) == {
        "test_delete_or_save",
        "test_history",
        "test_increments_add_up",
        "test_killed_process_leaves_a_whole_cart",
        "test_killed_process_leaves_whole_pairs",
        "test_lock_leaves_other_owners_alone",
        "test_lock_makes_a_rival_wait",
        "test_lock_of_a_killed_process_ends",
        "test_one_of_many_first_saves_wins",
        "test_one_of_many_overlapping_saves_wins",
        "test_one_of_many_saves_wins",
        "test_save_without_the_lock",
        "test_transfers_add_up",
    }
    assert names_of_tests(WithAll) - atomic == {
        "test_annotated",
        "test_every_save_renews_the_ttl",
        "test_first_save_sets_the_ttl",
        "test_lost_save_keeps_the_ttl",
        "test_new_cart_after_a_delete_expires",
        "test_scan_after_a_delete",
        "test_scan_finds_all_carts",
        "test_scan_of_what_is_old",
        "test_scan_while_carts_change",
        "test_unreachable_is_an_error",
        "test_unreachable_scan_is_an_error",
        "test_unreadable_is_not_absent",
        "test_unreadable_is_not_overwritten",
    }


def test_every_test_is_in_some_suite() -> None:
    """Nothing is left out everywhere."""
    suites = [WithLock, AtomicAfterAll, WithoutAny, WithAll]

    assert set().union(*map(names_of_tests, suites)) == names_of_tests(StorageSuite)


def test_missing_fixture_is_named(pytester: pytest.Pytester) -> None:
    """Who forgets to say how the storage is opened is told what is missing."""
    path = pytester.makepyfile(
        """
        from flask_cart.testing import StorageSuite

        class TestMine(StorageSuite):
            pass
        """
    )
    result = pytester.runpytest_inprocess(f"{path}::TestMine::test_delete")

    result.stdout.fnmatch_lines(["*fixture 'open_storage' not found"])


def test_without_pytest() -> None:
    """Without pytest, the error says what to install."""
    code = """
import sys
sys.modules["pytest"] = None
try:
    import flask_cart.testing
except ImportError as error:
    print(error)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert "pip install 'Flask-Cart[testing]'" in result.stdout
