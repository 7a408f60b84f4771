"""What sizes come to with 100,000,000 carts: the arithmetic of docs/sizing.rst."""

from __future__ import annotations

import math
import typing as t
from collections.abc import Iterator

if t.TYPE_CHECKING:
    from benchmarks.sizes import Changed
    from benchmarks.sizes import Size

CARTS: t.Final = 10**8

#: How long a cart lives, how often it is changed in that time, and how much more there
#: is to do in the busiest hour than on average.
DAYS: t.Final = 30
CHANGES: t.Final = 10
PEAK: t.Final = 5

SLOTS: t.Final = 16_384
PARTITIONS: t.Final = 64

#: Of a node of a Redis Cluster, in bytes; half of it is for carts, and the rest for
#: what is written during a snapshot, for buffers, and for slots of other nodes.
NODE: t.Final = 64e9

#: The last saves of a cart that Redis remembers, and what each takes.
IDS: t.Final = min(CHANGES, 16)
ID_BYTES: t.Final = 17

#: How much of a table is dead when PostgreSQL begins to vacuum it, by default.
AUTOVACUUM: t.Final = 0.2

DAY: t.Final = 86_400


def rows(postgresql: Size, valkey: Size, changed: list[Changed]) -> Iterator[list[str]]:
    """What follows, how it is worked out, and what it comes to.

    :param postgresql: What carts take there.
    :param valkey: What carts take there.
    :param changed: What changes do there: first, to the table as it is made.
    """
    changes = CARTS * CHANGES / DAYS
    mean = changes / DAY
    new = CARTS / DAYS
    yield [
        "carts begun a day, and pruned",
        f"10^8 / {DAYS}",
        f"{new / 1e6:.1f} million",
    ]
    yield [
        "changes a second, mean",
        f"10^8 x {CHANGES} / ({DAYS} x {DAY:,} s)",
        f"{mean:.0f}",
    ]
    yield [
        "changes a second, at the peak",
        f"{mean:.0f} x {PEAK}",
        f"{mean * PEAK:,.0f}",
    ]
    yield from _postgresql(postgresql, changed, changes)
    yield from _valkey(valkey)


def _postgresql(
    size: Size, changed: list[Changed], changes: float
) -> Iterator[list[str]]:
    made = changed[0]
    whole = made.table + made.indexes
    disk = whole * CARTS
    yield ["PostgreSQL, disk", f"{whole:,.0f} bytes x 10^8", _gigabytes(disk)]
    yield [
        f"PostgreSQL, each of {PARTITIONS} partitions",
        f"{_gigabytes(disk)} / {PARTITIONS}",
        f"{disk / PARTITIONS / 1e9:.1f} GB,"
        f" {CARTS / PARTITIONS / 1e6:.1f} million carts",
    ]

    for each in changed:
        yield [
            f"PostgreSQL, log a day, {each.layout}",
            f"{each.log:,.0f} bytes x {changes / 1e6:.0f} million",
            _gigabytes(each.log * changes),
        ]

    peak = made.log * changes / DAY * PEAK
    yield [
        "PostgreSQL, log at the peak, as it is made",
        f"{made.log:,.0f} bytes x {changes / DAY * PEAK:,.0f} a second",
        f"{peak / 1e6:.1f} MB a second",
    ]
    rows = CARTS / PARTITIONS * AUTOVACUUM
    yield [
        f"PostgreSQL, dead rows before a vacuum, one table; each of {PARTITIONS}",
        f"{AUTOVACUUM:.0%} of 10^8; of 10^8 / {PARTITIONS}",
        f"{CARTS * AUTOVACUUM / 1e6:.0f} million; {rows / 1e3:.0f} thousand",
    ]
    hours = CARTS / size.read / 3600
    yield [
        "PostgreSQL, all carts read once by one ``prune``",
        f"10^8 / {size.read:,.0f} a second",
        f"{hours:.1f} h",
    ]


def _valkey(size: Size) -> Iterator[list[str]]:
    # Each has been saved once.
    ids = (IDS - 1) * ID_BYTES
    taken = size.table + (size.indexes or 0)
    whole = taken + ids
    memory = whole * CARTS
    nodes = math.ceil(memory / (NODE / 2))
    yield [
        "Redis, memory",
        f"({taken:,.0f} + {ids} bytes of ids) x 10^8",
        _gigabytes(memory),
    ]
    yield [
        f"Redis Cluster, masters of {NODE / 1e9:.0f} GB, half full",
        f"{_gigabytes(memory)} / {NODE / 2e9:.0f} GB",
        f"{nodes}, and as many replicas",
    ]
    yield [
        "Redis Cluster, owners in a slot",
        f"10^8 / {SLOTS:,}",
        f"{CARTS / SLOTS:,.0f}",
    ]
    yield [
        "Redis Cluster, a slot",
        f"{_gigabytes(memory)} / {SLOTS:,}",
        f"{memory / SLOTS / 1e6:.1f} MB",
    ]


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:,.0f} GB"
