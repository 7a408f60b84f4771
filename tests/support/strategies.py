"""What carts can contain, for Hypothesis."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from hypothesis import strategies as st
from msgspec.structs import replace

from flask_cart import Condition
from flask_cart import Line
from flask_cart import all_of
from flask_cart import any_of
from flask_cart import not_
from flask_cart import rule
from flask_cart.model.document import SCHEMA
from flask_cart.model.document import Document
from flask_cart.model.document import MergedCart
from flask_cart.model.lines import make_line
from flask_cart.pricing import presets
from flask_cart.pricing.rounding import ROUNDING_MODES
from flask_cart.pricing.rounding import Rounding

#: Where amounts are rounded.
ROUNDING_PLACES = ["unit", "line", "total"]

#: Currencies with 0, 2 and 3 decimals.
CURRENCIES = ["JPY", "EUR", "KWD"]

#: Text of any characters but lone surrogates, which no encoding can store.
anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)

#: Text that a shopper can read in one line.
labels = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20
).filter(str.strip)

#: Names of tenants, many of them of few characters, so that they resemble others.
tenants = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,62}", fullmatch=True) | st.from_regex(
    r"[ab0][ab0_.-]{0,3}", fullmatch=True
)

#: Owners without a tenant, with ids that look like one, or like a part of a key.
owners = st.builds(
    "{}:{}".format,
    st.from_regex(r"[a-z][a-z0-9_-]{0,9}|[ab][ab_-]{0,2}", fullmatch=True),
    st.from_regex(r"[ab0/:.{}%_é\u0301A-]{1,8}", fullmatch=True)
    | labels.map(str.strip),
)

whole_numbers = st.integers(-(2**63), 2**63 - 1)

scalars = (
    st.none()
    | st.booleans()
    | whole_numbers
    | st.floats(allow_nan=False, allow_infinity=False)
    | anything
)

json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(labels, inner, max_size=3)
    ),
    max_leaves=8,
)

json_objects = st.dictionaries(labels, json_values, max_size=4)


def decimals(most: int, places: int) -> st.SearchStrategy[Decimal]:
    """Decimals from 0 to ``most``, with up to so many places."""
    return st.integers(0, places).flatmap(
        lambda p: st.integers(0, most * 10**p).map(lambda n: Decimal(n).scaleb(-p))
    )


#: From free to expensive, most of them with fractions of the smallest unit.
prices = decimals(10**4, 6) | decimals(3, 12) | st.integers(0, 10**6).map(Decimal)

quantities = st.integers(1, 12) | st.integers(1, 10_000)


small_changes = st.integers(0, 99).map(lambda n: Decimal(n).scaleb(-4))


@st.composite
def condition_values(draw: st.DrawFn, operators: str = " +-*/") -> str:
    """Values of conditions; a space stands for no operator."""
    operator = draw(st.sampled_from(operators)).strip()
    # Where units are split, the smallest changes do the most harm.
    number = draw(decimals(200, 4) | small_changes)

    if operator and operator in "/~":
        number += 1

    percent = "" if operator == "~" else draw(st.sampled_from(["", "%"]))

    return f"{operator}{number:f}{percent}"


@st.composite
def conditions(
    draw: st.DrawFn,
    targets: tuple[str, ...] = ("subtotal", "total"),
    operators: str = " +-*/",
) -> Condition:
    return Condition(
        name=draw(labels),
        type=draw(st.sampled_from(["discount", "tax", "shipping", "fee", "other"])),
        target=draw(st.sampled_from(targets)),
        value=draw(condition_values(operators)),
        order=draw(st.integers(-3, 3)),
    )


def condition_lists(
    targets: tuple[str, ...] = ("subtotal", "total"), operators: str = " +-*/"
) -> st.SearchStrategy[list[Condition]]:
    return st.lists(
        conditions(targets, operators), max_size=4, unique_by=lambda each: each.name
    )


@st.composite
def lines(draw: st.DrawFn, operators: str = " +-*/") -> Line:
    line = make_line(
        draw(st.sampled_from(["mug", "pot", "cup", "jar", "pan", "lid"])),
        draw(quantities),
        None,
        price=draw(prices),
        options=draw(st.sampled_from([{}, {"size": "M"}, {"size": "L", "ink": 7}])),
    )

    return with_conditions(line, draw(condition_lists(("item",), operators)))


def with_conditions(line: Line, on_line: list[Condition]) -> Line:
    return Line(
        **{name: getattr(line, name) for name in line.__struct_fields__}
        | {"conditions": tuple(on_line)}
    )


@st.composite
def carts(
    draw: st.DrawFn, currency: str | None = None, operators: str = " +-*/"
) -> Document:
    """Documents that can be priced."""
    return Document(
        schema=SCHEMA,
        currency=currency or draw(st.sampled_from(CURRENCIES)),
        lines=tuple(
            draw(st.lists(lines(operators), max_size=5, unique_by=lambda x: x.id))
        ),
        conditions=tuple(draw(condition_lists(operators=operators))),
    )


def rounding_of(document: Document) -> st.SearchStrategy[Rounding]:
    """Every way to round the amounts of a document."""
    return st.builds(
        Rounding,
        st.just(document.currency),
        st.sampled_from(sorted(ROUNDING_MODES)),
        st.sampled_from(ROUNDING_PLACES),
    )


@st.composite
def priced_carts(
    draw: st.DrawFn, operators: str = " +-*/"
) -> tuple[Document, Rounding]:
    document = draw(carts(operators=operators))

    return document, draw(rounding_of(document))


item_ids = st.lists(
    st.sampled_from(["mug", "pot", "cup", "jar"]), min_size=1, max_size=2, unique=True
)

#: Rules that can be asked about a line.
line_rules = st.one_of(
    item_ids.map(lambda ids: rule("item", ids=ids)),
    item_ids.map(lambda ids: not_(rule("item", ids=ids))),
    st.sampled_from(
        [
            rule("option", name="size", values=["M"]),
            rule("quantity_at_least", quantity=3),
            rule("price_at_least", amount="1"),
        ]
    ),
)

#: Rules that can be asked about a cart, some of which cannot be answered.
cart_rules = st.recursive(
    line_rules
    | st.integers(0, 200).map(lambda n: rule("total_at_least", amount=n))
    | st.integers(0, 200).map(lambda n: rule("amount_below", amount=n))
    | st.sampled_from(
        [
            rule("logged_in"),
            rule("weekday", days=["wed"]),
            rule("time_of_day", start="18:00", end="06:00"),
            rule("first_order"),
            rule("of yesterday"),
            rule("total_at_least"),
        ]
    ),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda rules: all_of(*rules))
        | st.lists(inner, min_size=1, max_size=3).map(lambda rules: any_of(*rules))
        | inner.map(not_)
    ),
    max_leaves=4,
)

KINDS = ["discount", "fee", "shipping", "tax"]

rates = decimals(40, 2).map(lambda rate: f"{rate:f}%")


@st.composite
def dynamic_conditions(
    draw: st.DrawFn, target: str, with_rules: bool = True, operators: str = " +-*/"
) -> Condition:
    """Conditions with everything that the target allows."""
    is_on_cart = target != "item"
    is_included = is_on_cart and draw(st.integers(0, 4)) == 0
    kind = "tax" if is_included else draw(st.sampled_from(KINDS))
    can_be_limited = target == "subtotal" or (target == "total" and kind == "tax")

    return Condition(
        name=draw(labels),
        type=kind,
        target=target,
        value=draw(rates if is_included else condition_values(operators)),
        order=draw(st.integers(-2, 2)),
        rule=draw(st.none() | cart_rules) if with_rules else None,
        lines=draw(st.none() | line_rules) if can_be_limited else None,
        base=draw(st.none() | st.just(rule("cheapest", buy=2))) if is_on_cart else None,
        cap=draw(st.none() | decimals(30, 3)),
        included=is_included,
        exempt=draw(st.none() | cart_rules) if kind == "tax" and with_rules else None,
    )


@st.composite
def dynamic_carts(
    draw: st.DrawFn, with_rules: bool = True, operators: str = " +-*/"
) -> Document:
    """Documents whose conditions have rules, limits, bases and caps."""
    on_lines = st.lists(
        dynamic_conditions("item", with_rules, operators),
        max_size=2,
        unique_by=lambda each: each.name,
    )
    on_cart = st.sampled_from(["subtotal", "subtotal", "total", "shipping"]).flatmap(
        lambda target: dynamic_conditions(target, with_rules, operators)
    )

    return Document(
        schema=SCHEMA,
        currency=draw(st.sampled_from(CURRENCIES)),
        lines=tuple(
            with_conditions(line, draw(on_lines))
            for line in draw(st.lists(lines(), max_size=5, unique_by=lambda x: x.id))
        ),
        conditions=tuple(
            draw(st.lists(on_cart, max_size=5, unique_by=lambda x: x.name))
        ),
    )


@st.composite
def offered_carts(draw: st.DrawFn) -> Document:
    """Documents with exclusive offers, offers per piece, taxes, and gift cards."""
    document = draw(taxed_carts())
    offers = st.builds(
        Condition,
        name=labels,
        type=st.sampled_from(["discount", "fee"]),
        target=st.sampled_from(["subtotal", "total"]),
        value=condition_values("-+*~="),
        order=st.integers(-1, 1),
        lines=st.none() | line_rules,
        cap=st.none() | decimals(30, 3),
        per=st.sampled_from([None, "piece", "line"]),
        group=st.sampled_from([None, "one", "other"]),
    ) | st.builds(
        Condition,
        name=labels,
        type=st.just("coupon"),
        target=st.sampled_from(["subtotal", "total", "shipping"]),
        value=rates.map("-{}".format),
        base=st.sampled_from([None, "goods", "net", "original", "shipping"]).map(
            lambda name: name and rule(name)
        ),
        group=st.sampled_from([None, "one", "other"]),
    )
    cards = st.builds(
        presets.gift_card, labels, decimals(50, 3), order=st.integers(-1, 1)
    )
    added = draw(st.lists(offers | cards, max_size=5, unique_by=lambda each: each.name))
    taken = {each.name for each in document.conditions}
    new = tuple(each for each in added if each.name not in taken)

    return replace(document, conditions=document.conditions + new)


@st.composite
def taxed_carts(draw: st.DrawFn) -> Document:
    """Documents with a discount, taxes for two classes of lines, and shipping."""
    included = draw(st.booleans())
    taxes = presets.tax_classes(
        "VAT",
        {"M": draw(rates)},
        default=draw(st.none() | rates),
        attribute="size",
        included=included,
    )
    goods = [
        replace(line, attributes=line.options)
        for line in draw(st.lists(lines(), max_size=6, unique_by=lambda x: x.id))
    ]

    return Document(
        schema=SCHEMA,
        currency=draw(st.sampled_from(CURRENCIES)),
        lines=tuple(goods),
        conditions=(
            Condition("LESS", "discount", "subtotal", draw(condition_values("-"))),
            *taxes,
            presets.shipping("Post", draw(decimals(20, 2)), free_from=50),
        ),
    )


@st.composite
def levies(draw: st.DrawFn) -> Condition:
    """Taxes of any order and target, added and included, for some lines or for all."""
    target = draw(st.sampled_from(["subtotal", "total", "shipping"]))
    is_included = draw(st.booleans())
    an_amount = decimals(9, 3).map("{:f}".format)

    return Condition(
        name=draw(labels),
        type="tax",
        target=target,
        value=draw(rates if is_included else rates | an_amount),
        order=draw(st.sampled_from([0, 0, 1, 2, -1])),
        lines=None if target == "shipping" else draw(st.none() | line_rules),
        included=is_included,
        exempt=draw(
            st.none() | st.none() | item_ids.map(lambda ids: rule("item", ids=ids))
        ),
    )


@st.composite
def levied_carts(draw: st.DrawFn) -> Document:
    """Documents with several taxes, and with all that may come before and after."""
    goods = st.lists(lines(" +-*"), max_size=6, unique_by=lambda each: each.id)
    before = [
        Condition("LESS", "discount", "subtotal", draw(condition_values("-"))),
        Condition("ALL", "discount", "total", draw(condition_values("-")), 1),
        presets.shipping("Post", draw(decimals(20, 2))),
        Condition("Wrap", "fee", "total", draw(decimals(5, 2).map("{:f}".format))),
        Condition("FREE", "discount", "shipping", draw(condition_values("-"))),
        presets.cash_rounding(draw(st.sampled_from(["0.05", "0.1", "5"]))),
    ]
    taxes = st.lists(levies(), max_size=5, unique_by=lambda each: each.name)
    some = st.lists(st.sampled_from(before), unique_by=lambda each: each.name)
    names = {each.name for each in before}

    return Document(
        schema=SCHEMA,
        currency=draw(st.sampled_from(CURRENCIES)),
        lines=tuple(draw(goods)),
        conditions=tuple(
            draw(
                st.permutations(
                    [*draw(some), *(e for e in draw(taxes) if e.name not in names)]
                )
            )
        ),
    )


@st.composite
def rich_lines(draw: st.DrawFn) -> Line:
    """Lines with any text, options and attributes."""
    line = make_line(
        draw(labels),
        draw(st.integers(1, 2**31 - 1)),
        None,
        name=draw(labels),
        price=draw(prices | decimals(10**15 - 1, 0)),
        options=draw(
            st.dictionaries(
                labels, labels | st.just("") | st.sets(labels, max_size=3), max_size=2
            )
        ),
        attributes=draw(json_objects),
    )

    return with_conditions(line, draw(condition_lists(("item", "subtotal"))))


times = st.none() | st.datetimes(
    dt.datetime(1970, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC)
).map(lambda time: time.replace(fold=0))


merged_quantities = st.dictionaries(labels, st.integers(0, 10_000), max_size=3)
merged_carts = st.builds(
    MergedCart,
    labels,
    merged_quantities,
    merged_quantities,
    digest=labels,
)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Documents with anything that they may contain."""
    return Document(
        schema=SCHEMA,
        currency=draw(st.sampled_from(CURRENCIES)),
        lines=tuple(draw(st.lists(rich_lines(), max_size=3, unique_by=lambda x: x.id))),
        conditions=tuple(
            draw(condition_lists() | dynamic_carts().map(lambda each: each.conditions))
        ),
        metadata=draw(json_objects),
        coupons=tuple(draw(st.lists(labels, max_size=2, unique=True))),
        shipping=draw(st.none() | labels),
        created_at=draw(times),
        updated_at=draw(times),
        merged=tuple(draw(st.lists(merged_carts, max_size=3))),
    )
