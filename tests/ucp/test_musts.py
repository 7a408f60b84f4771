"""What the standard demands of carts and permalinks: by which test, or why by none.

The list of demands is that of ``spck-conformance``, which comes out with the standard:
what is new there has no place here, until somebody has looked at it.
"""

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

import pytest
import spck_conformance

from tests.support.assistants import NEWEST
from tests.support.assistants import OLDER

TESTS: t.Final = Path(__file__).parents[1]

REQUIREMENTS: t.Final = (
    Path(spck_conformance.__file__).parent / "_bundle/conformance/requirements"
)

JUDGED: t.Final = "ucp/test_conformance.py::test_the_checks_of_the_standard"
LIFE: t.Final = "ucp/test_sessions.py::test_a_cart_from_beginning_to_end"
UNREADABLE: t.Final = "http/test_permalinks.py::test_what_cannot_be_read"
FILLS: t.Final = "http/test_permalinks.py::test_an_address_fills_the_cart"
GOING_ON: t.Final = "http/test_permalinks.py::test_where_to_go_on"
PASSED_ON: t.Final = "http/test_permalinks.py::test_what_is_passed_on"

#: The tests of each demand.
MET: t.Final = {
    "CART-017": [JUDGED, "ucp/test_sessions.py::test_what_others_add_stays"],
    "CART-018": [JUDGED, LIFE],
    "CART-022": [JUDGED, "ucp/test_requests.py::test_a_body_that_cannot_be_read"],
    "CART-023": [JUDGED],
    "CART-024": ["ucp/test_requests.py::test_who_does_not_say_who_it_is"],
    "CART-026": [
        JUDGED,
        "ucp/test_sessions.py::test_the_same_request_has_the_same_answer",
        "ucp/test_sessions.py::test_another_body_is_refused",
        "ucp/test_sessions.py::test_an_answer_is_given_for_a_day",
    ],
    "CART-029": [JUDGED, LIFE],
    "CART-031": [JUDGED, LIFE],
    "CART-032": [JUDGED, LIFE],
    "CART-033": [JUDGED, LIFE],
    "PERM-001": ["ucp/test_requests.py::test_permalinks_are_told_of"],
    "PERM-002": ["http/test_permalinks.py::test_who_only_looks_changes_nothing"],
    "PERM-003": ["ucp/test_requests.py::test_permalinks_are_told_of"],
    "PERM-004": [FILLS],
    "PERM-005": [UNREADABLE, "http/test_permalinks.py::test_the_address_of_items"],
    "PERM-006": [
        UNREADABLE,
        "http/test_permalinks.py::test_only_one_way_to_write_an_item",
    ],
    "PERM-007": [FILLS],
    "PERM-008": [UNREADABLE],
    "PERM-009": [PASSED_ON],
    "PERM-010": [GOING_ON, "http/test_permalinks.py::test_any_address_at_all"],
    "PERM-011": [GOING_ON, "http/test_permalinks.py::test_any_address_at_all"],
    "PERM-012": [GOING_ON],
    "PERM-014": [UNREADABLE, "http/test_permalinks.py::test_two_places_to_go_on"],
    "PERM-015": [FILLS],
    "PERM-016": [
        "http/test_permalinks.py::test_an_address_is_redirected_as_the_standard_says"
    ],
    "PERM-017": ["http/test_permalinks.py::test_any_address_at_all"],
    "PERM-018": ["http/test_permalinks.py::test_any_address_at_all"],
    "PERM-019": [PASSED_ON],
    "PERM-020": ["http/test_permalinks.py::test_the_address_of_items"],
    "PERM-021": ["http/test_permalinks.py::test_any_address_at_all", UNREADABLE],
    "PERM-023": ["http/test_permalinks.py::test_the_address_of_items"],
    "PERM-024": [PASSED_ON],
}

_NO_CHECKOUT: t.Final = "Checkout sessions are not offered, and no profile names them."

#: Those that do not apply, and why.
NOT_OURS: t.Final = {
    "CART-001": _NO_CHECKOUT,
    "CART-002": _NO_CHECKOUT,
    "CART-020": "It is for platforms; what a platform says of a buyer is ignored.",
    "CART-030": _NO_CHECKOUT,
    "CART-034": "Pages are not offered for embedding, and no profile names that.",
    "CART-035": "No cart has actions, so none is outstanding.",
    "PERM-013": "It is for platforms; the shop's half of it is PERM-014.",
}


def demands(version: str, area: str) -> set[str]:
    """What is demanded in a version of the standard, by its number."""
    rows = json.loads((REQUIREMENTS / version / f"{area}.json").read_text())["rows"]

    return {each["id"] for each in rows if each["keyword"].startswith("MUST")}


@pytest.mark.parametrize(
    ("version", "area"), [(NEWEST, "cart"), (OLDER, "cart"), (NEWEST, "permalink")]
)
def test_every_demand_has_a_test_or_a_reason(version: str, area: str) -> None:
    """And only one of them."""
    found = demands(version, area)

    assert found
    assert found <= MET.keys() | NOT_OURS.keys()
    assert not MET.keys() & NOT_OURS.keys()


def test_nothing_is_met_that_nobody_demands() -> None:
    """Or it stood here for something that the standard has given up."""
    every = demands(NEWEST, "cart") | demands(NEWEST, "permalink")

    assert every | demands(OLDER, "cart") == MET.keys() | NOT_OURS.keys()


def test_the_tests_are_there() -> None:
    """Under the names that stand here."""
    for name in {each for names in MET.values() for each in names}:
        path, _, test = name.partition("::")

        assert re.search(rf"def {test}\(", (TESTS / path).read_text()), name
