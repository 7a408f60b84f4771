"""Storages that keep their promises pass the suite, whatever their guarantee is."""

from __future__ import annotations

from tests.support.suites import ExpiringMemorySuite
from tests.support.suites import FilesSuite
from tests.support.suites import LockedMemorySuite
from tests.support.suites import RemoteMemorySuite
from tests.support.suites import UnlockedMemorySuite


class TestLockedMemory(LockedMemorySuite):
    pass


class TestUnlockedMemory(UnlockedMemorySuite):
    pass


class TestExpiringMemory(ExpiringMemorySuite):
    pass


class TestRemoteMemory(RemoteMemorySuite):
    pass


class TestFiles(FilesSuite):
    pass
