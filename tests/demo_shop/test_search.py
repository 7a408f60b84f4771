"""The search of the demo shop: what is found, and what a browser may send."""

import re
from collections.abc import Iterator

import pytest
from sqlalchemy import event

from demo_shop.extensions import db
from demo_shop.services.search import LONGEST_QUERY
from tests.support.slackwater import Shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One shop for all: searching changes nothing."""
    path = tmp_path_factory.mktemp("shop") / "shop.sqlite3"
    shop = Shop(f"sqlite:///{path}")
    yield shop
    shop.close()


def found(page: str) -> list[str]:
    """The products that were found, without those that are shown instead."""
    results = page.split('id="others"')[0]

    return re.findall(r'class="card-name"><a href="/goods/([\w-]+)"', results)


def count(page: str) -> str:
    """What the status line says."""
    matched = re.search(r'role="status">([^<]*)<', page)
    assert matched is not None

    return matched[1]


@pytest.mark.parametrize(
    ("query", "slug"),
    [
        ("mug", "harbour-mug"),
        ("MUGS", "harbour-mug"),
        ("  harbour   mug ", "harbour-mug"),
        ("whistle", "pilot-kettle"),
        ("kettle sea green", "pilot-kettle"),
        ("boots", "slipway-boots"),
        ("stowage lantern", "hurricane-lantern"),
    ],
)
def test_it_finds(visitor, query, slug):
    """Words in any case, in any order, in the singular: in names, texts, shelves and
    colours."""
    assert found(visitor.get(f"/search?q={query}"))[0] == slug


def test_all_words_count(visitor):
    """A product has to have all of the words."""
    assert found(visitor.get("/search?q=kettle jumper")) == []


def test_names_come_before_descriptions(visitor):
    """What is named so comes before what only mentions it."""
    slugs = found(visitor.get("/search?q=ink"))

    assert slugs[0] == "harbour-ink"
    assert len(slugs) > 1


def test_without_words_it_is_everything(visitor):
    """The empty search shows all goods, for the filters to narrow down."""
    assert len(found(visitor.get("/search"))) == 28
    assert "We have 28 things." in count(visitor.page)


@pytest.mark.parametrize("query", ["%", "_", "m_g", "%25mug%25", "\\", "\\%"])
def test_wildcards_are_only_characters(visitor, query):
    """What has a meaning in LIKE is looked for as it is."""
    with visitor.client.get("/search", query_string={"q": query}) as response:
        assert found(response.text) == []


def test_the_count_is_said(visitor):
    """The status line says how many there are, and the title does, too."""
    assert count(visitor.get("/search?q=mug")) == "We have 1 thing for “mug”."
    assert "<title>1 thing for “mug” " in visitor.page
    assert count(visitor.get("/search?q=zebra")) == (
        "Nothing on our shelves matches that."
    )
    assert "<title>Nothing for “zebra” " in visitor.page


def test_nothing_found_is_friendly(visitor):
    """The page shows what to do next, and a few things to look at."""
    page = visitor.get("/search?q=zebra&stock=1")

    assert "The tide took that one" in page
    assert 'href="/search?q=zebra">Search without the filters' in page
    assert found(page) == []
    assert "What others came in for" in page
    assert "Harbour mug" in page


def test_filters_by_shelf(visitor):
    """One shelf only."""
    assert len(found(visitor.get("/search?shelf=galley"))) == 7
    assert found(visitor.get("/search?shelf=galley&q=jumper")) == []


def test_filters_by_todays_price(visitor):
    """The price that counts is the one to pay, of any variant."""
    # Boots of 75 euros, with a fifth off.
    assert "slipway-boots" in found(visitor.get("/search?low=60&high=60"))
    assert "slipway-boots" not in found(visitor.get("/search?low=61&high=75"))
    # Cleat hooks of 18.50 euros, with a tenth off.
    assert "cleat-hook" in found(visitor.get("/search?low=16,65&high=€16.65"))
    assert "cleat-hook" not in found(visitor.get("/search?high=16.64"))


def test_prices_are_rounded_as_on_the_shelf(open_shop):
    """Half a cent is rounded up, as it is where the price is shown."""
    shop = open_shop()
    visitor = shop.visitor()
    shop.set_price("CLEAT", 1855)
    page = visitor.get("/search?low=16.70&high=16.70")

    assert found(page) == ["cleat-hook"]
    assert "€16.70" in page


def test_a_range_the_wrong_way_round(visitor):
    """It is the same range."""
    assert found(visitor.get("/search?low=30&high=20")) == found(
        visitor.get("/search?low=20&high=30")
    )


def test_filters_by_stock(shop, visitor):
    """What is sold out in the range that is looked for is left out."""
    shop.set_stock("OYSTER", 0)

    assert "oyster-knife" in found(visitor.get("/search?q=oyster"))
    assert "oyster-knife" not in found(visitor.get("/search?stock=1"))
    assert "slipway-boots" in found(visitor.get("/search?stock=1"))


def test_filters_by_sale(visitor):
    """Only what has a reduction."""
    assert sorted(found(visitor.get("/search?sale=1"))) == [
        "cleat-hook",
        "slipway-boots",
    ]


def test_sorts(visitor):
    """By the price to pay, up and down, and by name."""
    cheap = found(visitor.get("/search?sale=1&sort=cheap"))
    dear = found(visitor.get("/search?sale=1&sort=dear"))
    names = found(visitor.get("/search?shelf=galley&sort=name"))

    assert cheap == ["cleat-hook", "slipway-boots"]
    assert dear == cheap[::-1]
    assert names[0] == "ash-board"
    assert "selected>Name, A to Z" in visitor.page


def test_the_form_keeps_what_was_chosen(visitor):
    """All of it is in the form again, and the words in the box of the header."""
    page = visitor.get("/search?q=s&shelf=galley&low=5&high=80.50&stock=1&sort=cheap")

    for text in [
        'id="q" name="q" type="search" value="s"',
        'type="hidden" name="q" value="s"',
        'value="galley" selected',
        'aria-label="From" placeholder="from" value="5"',
        'aria-label="To" placeholder="to" value="80.50"',
        'name="stock" value="1" checked',
        'value="cheap" selected',
    ]:
        assert text in page


@pytest.mark.parametrize(
    "args",
    [
        {"q": "<script>alert(1)</script>"},
        {"q": "a" * 5000},
        {"q": "a " * 2000},
        {"q": "\x01mug\x1b"},
        {"q": "' OR 1=1 --"},
        {"q": "{{ 7 * 7 }}"},
        {"low": "nan", "high": "inf"},
        {"low": "1e5", "high": "1e999999"},
        {"low": "-5"},
        {"low": "0.001"},
        {"low": "٣", "high": "sNaN"},
        {"shelf": "../../etc", "sort": "price; DROP TABLE product"},
        {"stock": "yes", "sale": "0"},
    ],
)
def test_hostile_values_break_nothing(visitor, args):
    """Whatever is sent, the page is there and escaped, and no longer than it may be."""
    with visitor.client.get("/search", query_string=args) as response:
        assert response.status_code == 200
        assert "<script>alert" not in response.text
        assert "49" not in count(response.text)
        assert f'value="{"a" * (LONGEST_QUERY + 1)}' not in response.text


def test_it_reads_no_more_for_more_results(shop, visitor):
    """The number of queries doesn't depend on how much is found."""
    statements: list[str] = []

    with shop.app.app_context():
        engine = db.engine

    @event.listens_for(engine, "before_cursor_execute")
    def note(connection, cursor, statement, *args):
        statements.append(statement)

    visitor.get("/search?q=mug")
    few = len(statements)
    visitor.get("/search")

    assert len(statements) - few == few


def test_every_page_has_the_box(visitor):
    """It is in the header, also on pages about an error."""
    for path, status in [("/", 200), ("/basket/", 200), ("/nowhere", 404)]:
        assert 'role="search" action="/search"' in visitor.get(path, status)
