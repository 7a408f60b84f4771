"""Paging: many rows, of which a few are in memory at a time."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

_Columns = t.Sequence[sa.Column[t.Any]]
_Row = sa.Row[t.Any]

#: Rows in a page.
_SIZE: t.Final = 500


def in_pages(
    read: t.Callable[[sa.Select[t.Any]], t.Sequence[_Row]],
    query: sa.Select[t.Any],
    order: _Columns,
) -> t.Iterator[t.Any]:
    """The rows of a query.

    Nothing is kept open between the pages, so that whoever reads them can write.

    :param read: Reads a page.
    :param order: Columns that are among those of the query and together identify a
        row; there should be an index that begins with the first of them.
    """
    query = query.order_by(*order).limit(_SIZE)
    page = read(query)

    yield from page

    while len(page) == _SIZE:
        page = read(query.where(_after(page[-1], order)))

        yield from page


def _after(row: _Row, order: _Columns) -> sa.ColumnElement[bool]:
    first, *others = order
    value = getattr(row, first.name)
    is_after: sa.ColumnElement[bool] = first > value

    if not others:
        return is_after

    # MariaDB finds no row by an index that is compared as a whole.
    return sa.and_(first >= value, sa.or_(is_after, _after(row, others)))
