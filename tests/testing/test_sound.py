"""Storages that keep their promises pass the suite, whatever their guarantee is."""

from __future__ import annotations

from testing.suites import ExpiringMemorySuite
from testing.suites import FilesSuite
from testing.suites import ListingMemorySuite
from testing.suites import LockedMemorySuite
from testing.suites import RemoteMemorySuite
from testing.suites import UnlockedMemorySuite


class TestLockedMemory(LockedMemorySuite):
    pass


class TestUnlockedMemory(UnlockedMemorySuite):
    pass


class TestExpiringMemory(ExpiringMemorySuite):
    pass


class TestListingMemory(ListingMemorySuite):
    pass


class TestRemoteMemory(RemoteMemorySuite):
    pass


class TestFiles(FilesSuite):
    pass
