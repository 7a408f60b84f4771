"""Files of carts: JSON lines, one cart each."""

from __future__ import annotations

import os
import sys
import typing as t
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from ..carts.notes import notes_in
from ..carts.scanning import Found
from ..model.document import Document
from ..model.document import OrderNote
from ..model.document import decode
from ..model.document import encode
from ..model.errors import CartConfigError
from ..model.errors import CartCorruptError
from ..model.keys import CartKey
from ..model.keys import cart_key
from ..model.keys import split_owner
from .shop import services


class CartLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cart in a file."""

    owner: str
    instance: str
    cart: msgspec.Raw


class CorruptLine(msgspec.Struct, frozen=True):
    """What is stored in the place of a cart.

    :param text: The same, unless it is not even text; then ``base64`` is.
    """

    owner: str
    instance: str
    error: str
    text: str | None = None
    base64: bytes | None = None


#: What is raised for a line that holds no cart.
_UNREADABLE: t.Final = (ValueError, RecursionError, CartConfigError, CartCorruptError)


@contextmanager
def new_file(path: str) -> t.Iterator[t.BinaryIO]:
    """A file that did not exist before, for nobody else to read; ``-`` is the output.

    What is in it when the block ends stays there, even if the power fails.
    """
    if path == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return

    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise click.FileError(path, error.strerror) from error

    with open(descriptor, "wb") as file:
        yield file
        file.flush()
        os.fsync(descriptor)


def write_cart(file: t.BinaryIO, key: CartKey, content: Document | OrderNote) -> None:
    """Add a cart, or the note of an order, to a file."""
    # Not as it is stored: somebody may have broken it into lines by hand.
    _write(file, CartLine(key.owner, key.instance, msgspec.Raw(_encode(content))))


def write_corrupt(file: t.BinaryIO, found: Found[t.Any]) -> None:
    """Add what is stored in the place of a cart to a file."""
    stored, error = found.stored, str(found.content)

    try:
        line = CorruptLine(*found.key, error, text=stored.text)
    except UnicodeDecodeError:
        line = CorruptLine(*found.key, error, base64=t.cast(bytes, stored.data))

    _write(file, line)


def read_carts(path: Path) -> t.Iterator[tuple[int, CartKey, str | ValueError]]:
    """The number, key and text of every line; or what is wrong with it."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, *_read(line)


def _read(line: bytes) -> tuple[CartKey, str | ValueError]:
    key = CartKey("", "")

    try:
        read = msgspec.json.decode(line, type=CartLine)
        key, data = CartKey(read.owner, read.instance), bytes(read.cart)
        notes = notes_in(services().repository)

        if notes.is_one(key):
            return key, _encode(notes.read(data)).decode()

        tenant, owner = split_owner(read.owner)
        key = cart_key(owner, read.instance, tenant)

        return key, encode(decode(data))
    except _UNREADABLE as error:
        return key, ValueError(str(error))


def _encode(content: Document | OrderNote) -> bytes:
    return msgspec.json.encode(content)


def _write(file: t.BinaryIO, line: msgspec.Struct) -> None:
    file.write(msgspec.json.encode(line) + b"\n")
