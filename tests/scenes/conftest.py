from __future__ import annotations

import os
import typing as t
from collections.abc import Iterator

import pytest

from tests.support import scenes_of_mug_shop
from tests.support import scenes_of_slackwater
from tests.support.browsers import browser as browser
from tests.support.browsers import served
from tests.support.mug_shop import MugShop
from tests.support.scenes import House
from tests.support.scenes import Programme
from tests.support.scenes import Scene
from tests.support.slackwater import Shop

PROGRAMMES: t.Final[dict[str, Programme[t.Any]]] = {
    "demo": scenes_of_slackwater.SCENES,
    "blueprint": scenes_of_mug_shop.SCENES,
}

#: Whether each scene is looked at in all languages, and not in one in turn.
ALL: t.Final = os.environ.get("CART_TESTS_ALL_SCENES") == "1"


class Theatre(t.NamedTuple):
    """A shop, its scenes, and where browsers find it.

    :param plays: Each scene with the languages that it is looked at in.
    """

    name: str
    shop: House
    address: str
    plays: list[tuple[Scene[t.Any], str]]


@pytest.fixture(scope="module", params=PROGRAMMES)
def theatre(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Theatre]:
    """The demo, or the smallest shop with the pages of the blueprint."""
    name = request.param
    shop = (
        scenes_of_slackwater.open_shop(tmp_path_factory.mktemp("shop"))
        if name == "demo"
        else MugShop()
    )

    with served(shop.app) as address:
        yield Theatre(name, shop, address, plays_of(name))

    if isinstance(shop, Shop):
        shop.close()


def plays_of(name: str) -> list[tuple[Scene[t.Any], str]]:
    """Which scenes are looked at, in which languages."""
    programme = PROGRAMMES[name]

    if not ALL:
        return [(scene, scene.turn) for scene in programme.values()]

    return [(scene, each) for scene in programme.values() for each in scene.languages]
