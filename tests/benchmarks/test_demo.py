"""The pages of the demo shop are measured, and the page shows all of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import demo
from benchmarks.report import read_table


def test_a_small_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each takes longer than a bare one, and a page has bytes, styles and scripts."""
    few = [
        page
        for page in demo.PAGES
        if page.name in ("a basket of 1 line", "an add, 1 line")
    ]
    monkeypatch.setattr(demo, "PAGES", few)
    demo.main(["--rounds=5", f"--folder={tmp_path}"])
    headings, basket, add = read_table(tmp_path / "demo.csv")

    assert headings == demo.HEADINGS
    assert [basket[0], add[0]] == [page.name for page in few]
    assert int(basket[1]) > int(basket[2])
    assert add[4:] == ["", "", ""]
    size, compressed, linked = (int(cell.replace(",", "")) for cell in basket[4:])
    assert size > compressed > 0 < linked


def test_the_basket_is_full() -> None:
    """The larger one has as many lines as it is said to have."""
    (page,) = [page for page in demo.PAGES if page.lines > 1]

    with demo.opened_shop() as app:
        text = demo.visitor_with(app, page.lines).get(page.path).text

    assert text.count('id="line-') == demo.LINES


def test_each_add_is_one() -> None:
    """One more piece is in the basket, and none when it was taken back."""
    with demo.opened_shop() as app:
        visitor = demo.visitor_with(app, 1)
        counts = [pieces_of(visitor)]
        visitor.add()
        counts.append(pieces_of(visitor))
        visitor.take_back()
        counts.append(pieces_of(visitor))

    assert counts == ["1", "2", "1"]


def pieces_of(visitor: demo.Visitor) -> str:
    (field,) = re.findall('<input type="number"[^>]*>', visitor.get("/basket/").text)

    return re.findall(' value="([^"]*)"', field)[0]
