"""Inputs: what a request asks for, read from a form or from JSON."""

from __future__ import annotations

import re
import types
import typing as t

import msgspec
from flask import Request
from msgspec import UNSET
from msgspec import UnsetType
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest
from werkzeug.exceptions import UnsupportedMediaType

from ..app.current import get_state
from ..app.problem_codes import ProblemCode
from ..app.wording import RefusedError
from ..model.values import check_text

_PARTS: t.Final = "multipart/form-data"

#: A form without fields may come without a type.
_FORMS: t.Final = {"", "application/x-www-form-urlencoded", _PARTS}

#: What messages call the types of JSON, for readers who do not know Python.
_TYPES: t.Final = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "null": "nothing",
    "object": "an object",
    "str": "text",
}

_KINDS: t.Final = re.compile(r"`([a-z]+(?: \| [a-z]+)*)`")

_FIELD: t.Final = re.compile(r" field `([^`]*)`$")

#: What ``option.size=L`` in a form is a part of.
_GROUPS: t.Final = {
    "metadata": "metadata",
    "option": "options",
    "options": "options",
    "quantity": "quantities",
    "seen": "seen",
}

#: Characters of a short text, such as the code of a coupon.
MAX_TEXT: t.Final = 255

#: How many items one request can add.
MAX_ADDITIONS: t.Final = 100

#: How many values one option can have.
MAX_CHOICES: t.Final = 100

_CONTROL: t.Final = "\\u0000-\\u001f\\u007f-\\u009f"

_Text = t.Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT)]
# What check_text takes: something that can be seen, and nothing that is no text.
_Visible = t.Annotated[
    _Text,
    msgspec.Meta(
        extra_json_schema={"pattern": f"^[^{_CONTROL}]*[^\\s{_CONTROL}][^{_CONTROL}]*$"}
    ),
]
_Choice = t.Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
_Choices = t.Annotated[tuple[_Choice, ...], msgspec.Meta(max_length=MAX_CHOICES)]
_Quantity = t.Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
_NewQuantity = t.Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request."""


class Addition(Input, frozen=True):
    """An item to add.

    :param item: The id of the product.
    :param quantity: How many.
    :param options: What was chosen: a value for each option that the product leaves to
        the shopper, or several where it takes several.
    """

    item: _Visible
    quantity: _Quantity = 1
    options: dict[_Text, _Choice | _Choices] = {}

    def __post_init__(self) -> None:
        # Databases may refuse to look for what no product can be called.
        check_text(self.item, "The item")


class Additions(Input, frozen=True):
    """Items to add in one request.

    :param items: As many as there can be in one request.
    """

    items: t.Annotated[
        tuple[Addition, ...], msgspec.Meta(min_length=1, max_length=MAX_ADDITIONS)
    ]


class NewQuantity(Input, frozen=True):
    """The quantity that a line is to have.

    :param quantity: How many there are to be; 0 removes the line.
    :param seen: How many there were when the shopper decided so. If there are others
        by now, it is a conflict, and nothing is done.
    """

    quantity: _NewQuantity
    seen: _Quantity | UnsetType = UNSET


class Step(Input, frozen=True):
    """How many more of a line, or fewer.

    :param by: How many more; negative for fewer. At none, the line is removed.
    """

    by: t.Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)] = 1


class Code(Input, frozen=True):
    """The code of a coupon.

    :param code: What the shopper has typed.
    """

    code: _Visible

    def __post_init__(self) -> None:
        check_text(self.code, "The code")


class Method(Input, frozen=True):
    """The shipping method to choose.

    :param method: Its name, as the cart has it among its shipping options.
    """

    method: _Visible

    def __post_init__(self) -> None:
        check_text(self.method, "The method")


class Entries(Input, frozen=True):
    """Entries of the metadata, of which null removes one.

    :param metadata: The shopper's own notes, by their keys.
    """

    metadata: dict[_Text, t.Annotated[str, msgspec.Meta(max_length=2_000)] | None]


class Typed(Input, frozen=True):
    """What was typed on the page of a cart, when the shopper goes on.

    :param metadata: The shopper's own notes, by their keys.
    :param code: The code of a coupon, or nothing.
    :param quantities: How many there are to be of lines, by their ids.
    :param seen: How many there were of them when the page was shown.
    """

    metadata: dict[_Text, t.Annotated[str, msgspec.Meta(max_length=2_000)]] = {}
    code: _Choice = ""
    quantities: dict[_Text, _NewQuantity] = {}
    seen: dict[_Text, _Quantity] = {}

    def __post_init__(self) -> None:
        if self.code.strip():
            check_text(self.code, "The code")


class Move(Input, frozen=True):
    """Where a line is to be moved, and how many of it.

    :param to: The name of the other cart.
    :param quantity: How many; all of them if it is left out.
    """

    to: _Text
    quantity: _Quantity | UnsetType = UNSET


class Nothing(Input, frozen=True):
    """A body that says nothing more than the address."""


#: msgspec learns a type at its first use. Of two threads that are the first, one
#: crashes the process, so it has to learn these before there is a second one.
_KNOWN: t.Final = [msgspec.json.Decoder(kind) for kind in Input.__subclasses__()]

Wanted = t.TypeVar("Wanted", bound=Input)


def if_given(count: int | UnsetType) -> int | types.EllipsisType:
    """A field as carts take it: what is left out is not nothing."""
    return ... if isinstance(count, UnsetType) else count


def read_input(request: Request, kind: type[Wanted]) -> Wanted:
    """Read what a request asks for.

    :raises BadRequest: If the body is not JSON or a form.
    :raises RefusedError: If something in it cannot be.
    :raises UnsupportedMediaType: If it is neither.
    """
    try:
        if request.is_json:
            return msgspec.convert(_json(request), kind)

        return msgspec.convert(_form(request, kind), kind, strict=False)
    except msgspec.ValidationError as error:
        raise _refused(error) from error


def _json(request: Request) -> t.Any:
    try:
        # Not Python's own parser, for which NaN is a number.
        return _JSON_DECODER.decode(request.get_data() or b"{}")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadRequest(f"The body is not JSON: {error}.") from error


def _whole(text: str) -> int | float:
    """For JSON Schema, and for JavaScript, 2.0 is a whole number."""
    number = float(text)

    return int(number) if number.is_integer() and abs(number) < 2**53 else number


_JSON_DECODER: t.Final = msgspec.json.Decoder(float_hook=_whole)


def read_query(request: Request, kind: type[Wanted]) -> Wanted:
    """Read what the form of an address asks for.

    :raises RefusedError: If something in it cannot be.
    """
    try:
        return msgspec.convert(_fields(request.args, kind), kind, strict=False)
    except msgspec.ValidationError as error:
        raise _refused(error) from error


def _form(request: Request, kind: type[Input]) -> dict[str, t.Any]:
    if get_state().settings.json_only and request.get_data():
        raise UnsupportedMediaType("Send application/json.")

    if request.mimetype not in _FORMS:
        raise UnsupportedMediaType("Send a form, or application/json.")

    if request.mimetype == _PARTS and kind is not Nothing:
        _check_parts(request)

    return _fields(request.form, kind)


def _fields(form: MultiDict[str, str], kind: type[Input]) -> dict[str, t.Any]:
    fields: dict[str, t.Any] = {}
    groups: dict[str, dict[str, t.Any]] = {}

    for name, values in form.lists():
        group, dot, key = name.partition(".")

        if dot and group in _GROUPS:
            # Of a choice of several, each that is made is a field of its own.
            several = len(set(values)) > 1 and _GROUPS[group] == "options"
            groups.setdefault(_GROUPS[group], {})[key] = (
                values if several else values[0]
            )
        else:
            # An empty field is no missing one, or nobody would see that it is empty.
            fields[name] = values[0]

    fields |= groups

    # A form has more fields than these: the shop's own, and those against forgery.
    return {name: fields[name] for name in kind.__struct_fields__ if name in fields}


def _check_parts(request: Request) -> None:
    # Of a form that it cannot read, Werkzeug makes one without fields, which would be
    # taken for the default values.
    if not request.form and not request.files:
        raise BadRequest("The form has no parts that can be read.")

    if None in request.form or None in request.files:
        raise BadRequest("A part of the form has no name.")


def _refused(error: msgspec.ValidationError) -> RefusedError:
    # The message ends with the path of the value: "... - at `$.quantity`".
    message, _, path = str(error).partition(" - at ")
    field = path.replace("`", "").replace("$.", "")
    message = _KINDS.sub(_in_words, message).rstrip(".")
    text = f"{field}: {message}." if field else f"{message}."

    # One that is missing, or of no use, is no path yet.
    if not field and (name := _FIELD.search(message)) is not None:
        field = name[1]

    return RefusedError(ProblemCode.INVALID_FIELD, text, field=field)


def _in_words(kinds: re.Match[str]) -> str:
    names = kinds[1].split(" | ")

    # What is no type is a name that the client has made up.
    return " or ".join(_TYPES.get(each, f"`{each}`") for each in names)
