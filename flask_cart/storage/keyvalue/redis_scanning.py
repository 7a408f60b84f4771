"""Scanning Redis: the hashes of all owners, some at a time."""

from __future__ import annotations

import itertools
import re
import typing as t

from .redis_scripts import FIND_CARTS

#: The name of an owner's hash, and of a cart in there the name and the record.
Found = tuple[bytes, bytes, bytes]

#: Of how many owners the carts are read at a time.
_PAGE: t.Final = 200


def find_records(client: t.Any, prefix: str, since: int | None) -> t.Iterator[Found]:
    """The carts in all hashes whose names begin so.

    :param since: Most that were saved since then, in microseconds, are left out.
    """
    # Of a cluster, a script can be asked about the carts of one owner only.
    is_cluster = not hasattr(client, "connection_pool")

    return (
        _read_in_pages(client, prefix)
        if is_cluster
        else _ask_in_pages(client, prefix, since)
    )


def _read_in_pages(client: t.Any, prefix: str) -> t.Iterator[Found]:
    for names in _pages(client, prefix):
        with client.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.hgetall(name)

            for name, carts in zip(names, pipeline.execute(), strict=True):
                yield from ((name, *each) for each in carts.items())


def _ask_in_pages(client: t.Any, prefix: str, since: int | None) -> t.Iterator[Found]:
    """The server looks for the next ones while somebody works on the last ones."""
    with client.client() as own:
        connection = own.connection

        def asked() -> t.Iterator[list[bytes]]:
            for names in _pages(own, prefix):
                count = len(names)
                connection.send_command("EVAL", FIND_CARTS, count, *names, since or "")
                yield names

        pages = asked()
        page = next(pages, None)

        try:
            while page:
                sizes, texts = own.parse_response(connection, "EVAL")
                last, page = page, next(pages, None)
                yield from _taken_apart(last, sizes, texts)
        finally:
            # There may be an answer on the way that nobody reads any more.
            connection.disconnect()


def _taken_apart(names: list[bytes], sizes: bytes, texts: bytes) -> t.Iterator[Found]:
    numbers = map(int, sizes.split())
    start = 0

    for owner, length, size in zip(numbers, numbers, numbers, strict=True):
        middle = start + length
        end = middle + size
        yield names[owner - 1], texts[start:middle], texts[middle:end]
        start = end


def _pages(client: t.Any, prefix: str) -> t.Iterator[list[bytes]]:
    names = _names(client, prefix)

    while page := list(itertools.islice(names, _PAGE)):
        yield page


def _names(client: t.Any, prefix: str) -> t.Iterator[bytes]:
    pattern = re.sub(r"([][*?\\^])", r"\\\1", prefix) + "*}"

    # A server that is growing its table may tell of a key twice.
    seen = set()

    for name in client.scan_iter(match=pattern, count=1000, _type="hash"):
        if name not in seen:
            seen.add(name)
            yield name
