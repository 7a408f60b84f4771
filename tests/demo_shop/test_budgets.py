"""Budgets: how much a page of the shop weighs, and how often it asks for more."""

from __future__ import annotations

import gzip
import re
import typing as t

import pytest

from tests.support.slackwater import Visitor


class Budget(t.NamedTuple):
    """What a page may cost at most, when nothing of it is in a cache.

    :param html: Its bytes, as a server in front of the shop compresses them.
    :param styles: Those of its styles.
    :param scripts: Those of its scripts.
    :param requests: How many requests it takes, with itself. Pictures that wait until
        somebody comes near them are not among them.
    """

    html: int
    styles: int
    scripts: int
    requests: int


#: By the address, and by how many lines are in the basket.
BUDGETS: t.Final = {
    ("/", 0): Budget(4_800, 10_000, 24_500, 15),
    ("/shelves/galley", 0): Budget(3_900, 10_000, 24_500, 10),
    ("/search?q=wool", 0): Budget(4_000, 10_000, 24_500, 11),
    ("/goods/harbour-mug", 0): Budget(4_500, 10_000, 24_500, 9),
    ("/basket/", 0): Budget(2_900, 10_000, 24_500, 8),
    ("/", 2): Budget(5_200, 10_000, 24_500, 15),
    ("/goods/harbour-mug", 2): Budget(4_600, 10_000, 24_500, 9),
    ("/basket/", 2): Budget(6_100, 10_000, 24_500, 10),
    ("/checkout", 2): Budget(4_500, 10_000, 24_500, 10),
    ("/login", 2): Budget(3_300, 10_000, 24_500, 8),
}

#: Put into the basket, in this order.
GOODS: t.Final = [("pilot-kettle", "KETTLE-TAR"), ("harbour-mug", "MUG-FOG")]


def named(page: tuple[str, int]) -> str:
    return f"{page[0]} with {page[1]}"


@pytest.mark.parametrize("page", BUDGETS, ids=named)
def test_a_page_is_light(visitor: Visitor, page: tuple[str, int]) -> None:
    """What nobody has asked for is not sent. There is little room above what is there:
    whoever needs more says so here."""
    path, lines = page

    for goods in GOODS[:lines]:
        visitor.add(*goods)

    cost, most = cost_of(visitor, path), BUDGETS[page]

    assert all(each <= limit for each, limit in zip(cost, most, strict=True)), cost


def cost_of(visitor: Visitor, path: str) -> Budget:
    """What a page costs that is opened for the first time."""
    text = visitor.get(path)
    styles = re.findall(r'<link rel="stylesheet" href="([^"]+)"', text)
    scripts = re.findall(r'<script src="([^"]+)"', text)
    pictures = {
        address
        for tag in re.findall(r"<(?:img|use|link rel=\"icon\")\b[^>]*>", text)
        if 'loading="lazy"' not in tag
        for address in re.findall(r'(?:src|href)="([^"#]+)', tag)
    }

    return Budget(
        weight(text.encode()),
        sum(weight(fetch(visitor, each)) for each in styles),
        sum(weight(fetch(visitor, each)) for each in scripts),
        1 + len(styles) + len(scripts) + len(pictures),
    )


def fetch(visitor: Visitor, path: str) -> bytes:
    with visitor.client.get(path) as answer:
        assert answer.status_code == 200
        return answer.data


def weight(content: bytes) -> int:
    return len(gzip.compress(content, compresslevel=6, mtime=0))
