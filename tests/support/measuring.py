"""Coverage where it is asked for, and nowhere else: it makes all code slower."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import sys
import typing as t
from collections.abc import Generator

import pytest

import flask_cart

_Cached = type(functools.cache(len))


class Measuring:
    """Measures the tests that are not marked as ``unmeasured``, with their fixtures.

    :param plugin: pytest-cov. Its own ``no_cover`` stops nothing in a process of
        xdist, as two of its controllers measure there.
    """

    def __init__(self, plugin: t.Any) -> None:
        self._plugin = plugin

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Measure what is done by importing, in one process, and stop: in others, the
        second controller begins after this."""
        if not hasattr(session.config, "workerinput"):
            for module in pkgutil.walk_packages(flask_cart.__path__, "flask_cart."):
                importlib.import_module(module.name)

        # Not all that measure say so.
        self._plugin.cov_controller.pause()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Measure no import of tests."""
        self._measure(False)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item
    ) -> Generator[None, object, object]:
        self._measure(item.get_closest_marker("unmeasured") is None)

        return (yield)

    def _measure(self, wanted: bool) -> None:
        controller = self._plugin.cov_controller

        if wanted and not controller.started:
            _forget_results()
            controller.resume()
        elif controller.started and not wanted:
            controller.pause()


def _forget_results() -> None:
    """Let functions that are cached be called again: where nothing was measured, too,
    they have been."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "flask_cart":
            for each in vars(module).values():
                if isinstance(each, _Cached):
                    each.cache_clear()
