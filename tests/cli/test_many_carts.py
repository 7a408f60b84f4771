"""Every command among 10,000 carts, on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support import shops
from tests.support.crowds import COUNT
from tests.support.crowds import CROWD
from tests.support.crowds import Given
from tests.support.crowds import run
from tests.support.crowds import run_json

# What its tests reach, others reach as well: measuring them takes as long again.
pytestmark = pytest.mark.unmeasured

READABLE = [each for each in CROWD if not each.is_corrupt]
CORRUPT = [each for each in CROWD if each.is_corrupt]
OUTDATED = [each for each in CROWD if each.is_outdated]


def is_abandoned(given: Given, days: int = 7) -> bool:
    is_in_checkout = given.is_in_checkout and given.days < 30

    return given.days >= days and not given.is_corrupt and not is_in_checkout


def stored(shop: shops.Shop) -> set[str]:
    with shop.app.app_context():
        return {each.key.owner for each in shop.storage.scan()}


def test_list_pages(crowded: shops.Shop) -> None:
    """Page after page shows every cart once that is old enough, and then none."""
    old = {each.owner: each for each in CROWD if each.days >= 40}
    options = ("--older-than", "40d", "--show-tokens", "--per-page", "100")
    rows = []

    for page in range(1, 4):
        found = run_json(crowded.app, "list", *options, "--page", str(page))
        rows += found["carts"]
        assert found["page"] == page
        assert found["has_more"] is (page < 3)

    assert len(rows) == len(old) == 243
    by_owner = {row["owner"]: row for row in rows}

    for owner, given in old.items():
        amount = f"{given.quantity * Decimal('11.25'):.2f}"
        assert by_owner[owner] == {
            "owner": owner,
            "instance": "default",
            "saved_at": given.saved_at.isoformat().replace("+00:00", "Z"),
            "lines": 1 if given.quantity else 0,
            "quantity": given.quantity,
            "total": amount,
            "currency": "EUR",
        }


def test_list_last_page(crowded: shops.Shop) -> None:
    """The last page of all is found, and that there is nothing after it."""
    last = run_json(crowded.app, "list", "--per-page", "100", "--page", "100")
    after = run_json(crowded.app, "list", "--per-page", "100", "--page", "101")

    assert (len(last["carts"]), last["has_more"]) == (100, False)
    assert (after["carts"], after["has_more"]) == ([], False)


def test_list_one_owner(crowded: shops.Shop) -> None:
    """The carts of one owner are found among those of all others."""
    output = run(crowded.app, "list", "--owner", "user:7001").output

    assert [line.split()[:5] for line in output.splitlines()] == [
        ["Owner", "Instance", "Lines", "Quantity", "Total"],
        ["user:7001", "default", "1", "2", "€22.50"],
    ]


def test_show_and_explain(crowded: shops.Shop) -> None:
    """One cart is shown, and explained, without reading the others."""
    with shops.counted() as statements:
        assert "Mug" in run(crowded.app, "show", "user:7001").output
        assert "SUMMER" in run(crowded.app, "explain", "user:7001").output

    assert statements == ["SELECT", "SELECT"]


def test_stats(crowded: shops.Shop) -> None:
    """Every cart is counted once."""
    found = run_json(crowded.app, "stats")
    kinds = Counter((each.kind, age_class(each)) for each in READABLE)
    quantity = sum(each.quantity for each in READABLE)

    assert found.pop("kinds") == {
        kind: {
            age: kinds[kind, age]
            for age in ("up to 1 day", "up to 7 days", "up to 30 days", "older")
        }
        for kind in ("empty", "guest", "user")
    }
    assert found == {
        "carts": COUNT,
        "lines": sum(each.quantity > 0 for each in READABLE),
        "quantity": quantity,
        "in_checkout": 10,
        "corrupt": 10,
        "sizes": {
            "up to 1 KiB": len(READABLE),
            "up to 10 KiB": 0,
            "up to 100 KiB": 0,
            "larger": 0,
        },
        "values": {"EUR": str(quantity * Decimal("12.50"))},
    }
    assert run(crowded.app, "stats").output.startswith("10000 carts, ")


def age_class(given: Given) -> str:
    # They are an hour older than that.
    if given.days < 1:
        return "up to 1 day"

    if given.days < 7:
        return "up to 7 days"

    return "up to 30 days" if given.days < 30 else "older"


def test_doctor(changing: shops.Shop, tmp_path: Path) -> None:
    """Ten carts that cannot be read and ten of an older format are found; those are
    exported and deleted, these saved anew, and the others stay as they are."""
    path = tmp_path / "corrupt.jsonl"
    result = run(changing.app, "doctor", "--json", "--show-tokens")
    findings = json.loads(result.stdout)["findings"]
    problems = {(each["owner"], each["problem"]) for each in findings}

    assert result.exit_code == 1
    assert len(findings) == 20
    assert problems == {(each.owner, "corrupt") for each in CORRUPT} | {
        (each.owner, "outdated") for each in OUTDATED
    }
    assert stored(changing) == {each.owner for each in CROWD}

    repair = ("doctor", "--repair", "--yes", "--export", str(path))
    assert run_json(changing.app, *repair)["repaired"] == 20
    exported = [json.loads(line) for line in path.read_text().splitlines()]
    assert {(each["owner"], each["text"]) for each in exported} == {
        (each.owner, "{") for each in CORRUPT
    }
    assert stored(changing) == {each.owner for each in READABLE}
    assert run(changing.app, "doctor").output == (
        "Examined 9990 carts, found 0 problems.\n"
    )


def test_export_and_import(changing: shops.Shop, tmp_path: Path) -> None:
    """What was exported and is gone comes back as it was, and nothing else changes."""
    path = tmp_path / "carts.jsonl"
    result = run(changing.app, "export", str(path))
    assert result.exit_code == 1
    assert result.output == (
        "Exported 9990 carts.\n"
        "Error: 10 carts cannot be read: see 'flask cart doctor'.\n"
    )

    lines = path.read_text().splitlines()
    owners = [json.loads(line)["owner"] for line in lines]
    assert sorted(owners) == sorted(each.owner for each in READABLE)

    lost = READABLE[::100]
    table = changing.storage.table

    with changing.outside() as connection:
        owners = [each.owner for each in lost]
        connection.execute(table.delete().where(table.c.owner.in_(owners)))

    # All that are lost, and some that are there.
    some = {each.owner for each in READABLE[::20]}
    wanted = [line for line in lines if json.loads(line)["owner"] in some]
    path.write_text("\n".join(wanted))

    assert run_json(changing.app, "import", str(path)) == {
        "imported": len(lost),
        "failed": 0,
        "left": len(some) - len(lost),
    }
    assert stored(changing) == {each.owner for each in CROWD}
    assert changing.stored(lost[1].owner) == {"mug": lost[1].quantity}


def test_copy(crowded: shops.Shop) -> None:
    """All of them are copied."""
    copy = ("copy", "--from", "database", "--to", "memory")

    assert run_json(crowded.app, *copy) == {"copied": COUNT, "left": 0, "failed": 0}


def test_init_db(crowded: shops.Shop) -> None:
    """The table that is there stays, with all that is in it."""
    assert run_json(crowded.app, "init-db") == {"table": "carts", "created": False}
    assert len(stored(crowded)) == COUNT


def test_prune_dry_run(crowded: shops.Shop) -> None:
    """All that would be deleted is listed, the oldest first, and nothing is deleted."""
    found = run_json(crowded.app, "prune", "--dry-run", "--show-tokens")
    times = [each["saved_at"] for each in found["carts"]]

    assert {each["owner"] for each in found["carts"]} == {
        each.owner for each in CROWD if is_abandoned(each)
    }
    assert times == sorted(times)
    assert all(each["kind"] in ("empty", "guest", "user") for each in found["carts"])
    assert len(stored(crowded)) == COUNT


def test_prune_ages(changing: shops.Shop) -> None:
    """Exactly the carts are deleted that are older than the age for their kind."""
    result = run(
        changing.app,
        *("prune", "--older-than", "40d", "--empty-older-than", "39d"),
        *("--users-older-than", "never"),
        input="y\n",
    )
    ages = {"empty": 39, "guest": 40, "user": 1000}
    gone = {each.owner for each in CROWD if is_abandoned(each, ages[each.kind])}

    assert f"Deleted {len(gone)} carts.\n" in result.stdout
    assert f"Delete {len(gone)} carts (" in result.stderr
    assert stored(changing) == {each.owner for each in CROWD} - gone
