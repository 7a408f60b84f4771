"""Histories in files, which tell what was done until a process was killed."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
from msgspec.structs import replace

from flask_cart.testing.history.records import Call
from flask_cart.testing.history.records import History
from flask_cart.testing.history.records import Made
from flask_cart.testing.history.records import Record
from flask_cart.testing.history.records import Save

_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


class WrittenHistory(History):
    """Writes every record to a file at once, also of what has only begun."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = path.open("ab", buffering=0)
        self._call: list[Call] = []

        #: What was recorded last.
        self.last: Record | None = None

    def add(self, *records: Record) -> None:
        self._write(*records)
        self.last = records[-1] if records else self.last

    def begin(self, record: Record) -> None:
        if isinstance(record, Call):
            # What it is about is decided when it is about to do something.
            self._call = [record]
        else:
            self._write(*self._call, record)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, *records: Record) -> None:
        self._file.write(b"".join(msgspec.json.encode(r) + b"\n" for r in records))


def read_histories(folder: Path, orders: Path) -> list[Record]:
    """What the histories in a folder say; nobody knows of what has begun and not ended.

    :param orders: Where the clients made their orders.
    """
    ended: dict[tuple[object, ...], Record] = {}
    begun: dict[tuple[object, ...], Record] = {}

    for path in sorted(folder.iterdir()):
        # What comes after the last newline was cut off.
        for line in path.read_bytes().split(b"\n")[:-1]:
            record = _decoder.decode(line)
            records = ended if record.ended else begun
            records[type(record), record.call, record.began] = record

    now = time.monotonic_ns()
    left = [replace(begun[key], ended=now) for key in begun.keys() - ended.keys()]
    made = {each.token for each in ended.values() if isinstance(each, Made)}

    # Of several who tried to make the same order, the first was the one.
    first = {
        each.token: each
        for each in sorted(left, key=lambda each: -each.began)
        if isinstance(each, Made)
        and each.token not in made
        and (orders / each.token).exists()
    }

    return [
        *ended.values(),
        *[each for each in left if isinstance(each, Call | Save)],
        *first.values(),
    ]
