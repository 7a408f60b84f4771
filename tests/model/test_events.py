from __future__ import annotations

import datetime as dt
import json
from typing import get_type_hints

import pytest

from flask_cart import Condition
from flask_cart.model import events
from flask_cart.model.lines import make_line
from flask_cart.model.values import freeze_dict
from tests.support import strategies

MUG = strategies.with_conditions(
    make_line("mug", 2, "EUR", price="12.50", options={"size": "M"}),
    [Condition("GIFT", "fee", "item", "2")],
)
TAX = Condition("VAT", "tax", "subtotal", "19%", attributes={"a": [1]})
STAMP = {
    "id": "0123",
    "occurred_at": dt.datetime(2025, 1, 2, tzinfo=dt.UTC),
    "owner": "user:7",
    "instance": "default",
    "version": 5,
}
OWN = {
    "line": MUG,
    "previous": MUG,
    "quantity_delta": 0,
    "condition": TAX,
    "key": "note",
    "value": freeze_dict({"a": [1, {"b": None}]}, "It"),
    "lines": (MUG,),
    "left_out": (MUG,),
    "conditions": (TAX,),
    "metadata": freeze_dict({"a": [1]}, "It"),
    "code": "SUMMER",
    "coupons": ("SUMMER",),
    "method": "express",
    "shipping": "express",
    "source": "guest:1",
    "currency": "USD",
    "previous_currency": "EUR",
    "kind": "guest",
    "last_changed": dt.datetime(2025, 1, 1, tzinfo=dt.UTC),
    "to": "wishlist",
    "is_over": True,
    "order_token": "abc",
    "reason": "item_added",
    "events": (events.ItemAdded(line=MUG, **STAMP), events.CartCreated(**STAMP)),
}

KINDS = [
    each
    for each in vars(events).values()
    if isinstance(each, type)
    and issubclass(each, events.Event)
    and "name" in vars(each)
]


def make(kind: type[events.Event]) -> events.Event:
    own = [name for name in kind.__struct_fields__ if name not in STAMP]

    return kind(**STAMP, **{name: OWN[name] for name in own})


def test_every_event_has_a_name() -> None:
    """No two kinds of events are announced by the same signal."""
    names = [kind.name for kind in KINDS]

    assert len(set(names)) == len(names) == 26
    assert get_type_hints(events.Event)["name"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
class TestEvent:
    def test_to_dict(self, kind: type[events.Event]) -> None:
        """An event is plain data, which JSON takes, with its name and stamp."""
        plain = make(kind).to_dict()

        assert json.loads(json.dumps(plain)).keys() == plain.keys()
        assert plain["event"] == kind.name
        assert plain["version"] == 5
        assert plain["occurred_at"] == "2025-01-02T00:00:00Z"
        assert plain.keys() == {"event", "tenant", *kind.__struct_fields__}

    def test_cannot_be_changed(self, kind: type[events.Event]) -> None:
        """An event is a fact."""
        with pytest.raises(AttributeError):
            make(kind).version = 6


@pytest.mark.parametrize("kind", [events.BeforeChange, events.CartUpdated])
def test_events_inside_events_have_their_names(kind: type[events.Event]) -> None:
    """The data of a summary says what each of its events is."""
    plain = make(kind).to_dict()

    assert [each.get("event") for each in plain["events"]] == [
        "item_added",
        "cart_created",
    ]


def test_amounts_are_strings() -> None:
    """Money in the data of an event is exact."""
    plain = make(events.ItemAdded).to_dict()

    assert plain["line"]["price"] == "12.50"
    assert plain["line"]["conditions"][0]["value"] == "2"
