"""Permalinks as addresses: what one asks for, read without trusting any of it.

They are those of the Universal Commerce Protocol, ``/buy/sku:2,other:1``, which any
program can write.
"""

from __future__ import annotations

import base64
import binascii
import re
import typing as t
from urllib.parse import quote
from urllib.parse import urljoin
from urllib.parse import urlsplit

from ..app.shopper import Wish
from ..model.products import Chosen
from ..model.values import check_text
from .guards import safe_path
from .inputs import MAX_ADDITIONS
from .inputs import MAX_TEXT

#: Names of parameters that are fields of a cart or checkout, and not the page's own.
_ROOTS: t.Final = frozenset(
    [
        *("actions", "attribution", "buyer", "cart_id", "context", "continue_url"),
        *("currency", "discounts", "expires_at", "fulfillment", "id", "line_items"),
        *("links", "messages", "order", "payment", "policies", "signals", "status"),
        *("totals", "ucp"),
    ]
)

#: What tells the page where a shopper has come from, and nothing else.
_CAMPAIGN: t.Final = re.compile(r"utm_[a-z]{1,20}|gclid|fbclid|msclkid|ref")

_raw: t.Final = re.compile(r"[A-Za-z0-9._-]+")
_pair: t.Final = re.compile(r"(~?[A-Za-z0-9._-]+):([1-9][0-9]{0,6})", re.ASCII)
_code: t.Final = re.compile(r"/discounts/codes/([0-9]{1,2})", re.ASCII)
_option: t.Final = re.compile(
    r"/line_items/([0-9]{1,3})/options/([^/]+)(?:/([0-9]{1,2}))?", re.ASCII
)

_MAX_QUANTITY: t.Final = 1_000_000

#: How many codes one address can have. They could be guessed.
MAX_CODES: t.Final = 5

TARGET: t.Final = "continue_to"


class UnreadableError(ValueError):
    """An address says nothing, or two things."""


class Permalink(t.NamedTuple):
    """What an address asks for.

    :param wishes: What is to be put into the cart.
    :param codes: The codes of coupons.
    :param target: The path to go on at, if there is one.
    :param campaign: What the next page may want to know of where the shopper is from.
    """

    wishes: tuple[Wish, ...] = ()
    codes: tuple[str, ...] = ()
    target: str | None = None
    campaign: tuple[tuple[str, str], ...] = ()

    @property
    def items(self) -> str:
        """The items as they are in an address."""
        return ",".join(f"{_token_of(item)}:{count}" for item, count, _ in self.wishes)

    @property
    def fields(self) -> dict[str, str]:
        """The rest, by the names of parameters."""
        fields = {f"discounts/codes/{n}": each for n, each in enumerate(self.codes)}

        for number, (_, _, options) in enumerate(self.wishes):
            for name, chosen in options.items():
                field = f"line_items/{number}/options/{_escaped(name)}"

                if isinstance(chosen, str):
                    fields[field] = chosen
                else:
                    fields |= {f"{field}/{n}": each for n, each in enumerate(chosen)}

        if self.target is not None:
            fields[TARGET] = self.target

        return fields | dict(self.campaign)


def read_permalink(items: str, parameters: t.Iterable[tuple[str, str]]) -> Permalink:
    """Read what an address asks for.

    :param items: The part of the path.
    :param parameters: The parameters, decoded once.
    :raises UnreadableError: If it cannot be read, or says two things of the same.
    """
    pairs = [_item_of(each) for each in items.split(",")] if items else []

    if len(pairs) > MAX_ADDITIONS:
        raise UnreadableError("There are too many items.")

    options: list[dict[str, Chosen]] = [{} for _ in pairs]
    several: dict[tuple[int, str], dict[int, str]] = {}
    codes: dict[int, str] = {}
    campaign: list[tuple[str, str]] = []
    targets: list[str] = []

    for name, value in _once(parameters, targets):
        if not name.startswith("/"):
            campaign.append((name, value))
        elif (code := _code.fullmatch(name)) is not None:
            codes[int(code[1])] = value
        elif (option := _option.fullmatch(name)) is not None:
            line, key = int(option[1]), _unescaped(option[2])

            if line >= len(pairs):
                continue

            if option[3] is None:
                options[line][key] = value
            else:
                several.setdefault((line, key), {})[int(option[3])] = value

    for (line, key), values in several.items():
        if key in options[line]:
            raise UnreadableError("An option is one value and several.")

        options[line][key] = tuple(values[n] for n in sorted(values))

    wishes = ((*pair, each) for pair, each in zip(pairs, options, strict=True))
    # Of two, none can be the one that is meant.
    target = _target_of(targets[0]) if len(targets) == 1 else None

    return Permalink(
        tuple(wishes),
        tuple(codes[n] for n in sorted(codes))[:MAX_CODES],
        target,
        tuple(campaign),
    )


def _once(
    parameters: t.Iterable[tuple[str, str]], targets: list[str]
) -> t.Iterator[tuple[str, str]]:
    """The parameters that may be of use: fields of a cart as paths, each once.

    :param targets: Gets where to go on.
    :raises UnreadableError: If a field comes twice.
    """
    seen = set()

    for name, value in parameters:
        if name == TARGET:
            targets.append(value)
            continue

        path = name if name.startswith("/") else f"/{name}"

        if path.split("/")[1] not in _ROOTS:
            # What is not known to be harmless is not passed on.
            if _CAMPAIGN.fullmatch(name) and _is_text(value):
                yield name, value

            continue

        if path in seen:
            raise UnreadableError("A field comes twice.")

        seen.add(path)

        if _is_text(value):
            yield path, value


def _item_of(pair: str) -> tuple[str, int]:
    found = _pair.fullmatch(pair)

    if found is None or int(found[2]) > _MAX_QUANTITY:
        raise UnreadableError("An item is not written as 'sku:2'.")

    token = found[1]
    item = _decoded(token[1:]) if token.startswith("~") else token

    if len(item) > MAX_TEXT:
        raise UnreadableError("An item is too long.")

    try:
        return check_text(item, "The item"), int(found[2])
    except ValueError as error:
        raise UnreadableError(str(error)) from error


def _decoded(token: str) -> str:
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise UnreadableError("An item is not base64url of UTF-8.") from error

    # Decoders ignore what they do not know, and bits that are left.
    if _encoded(text) != token:
        raise UnreadableError("An item is not canonical base64url.")

    return text


def _token_of(item: str) -> str:
    return item if _raw.fullmatch(item) else f"~{_encoded(item)}"


def _encoded(item: str) -> str:
    return base64.urlsafe_b64encode(item.encode()).rstrip(b"=").decode()


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _unescaped(name: str) -> str:
    return name.replace("~1", "/").replace("~0", "~")


def _is_text(value: str) -> bool:
    return 0 < len(value) <= MAX_TEXT and value.isprintable() and not value.isspace()


def _quoted(part: str) -> str:
    """A part of an address as ASCII; what is quoted already stays as it is."""
    quoted = quote(part, safe="/:@!$&'()*+,;=-._~?%")

    return re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", quoted)


def _target_of(value: str) -> str | None:
    """A path of this site, as it may be redirected to."""
    path = safe_path(value)

    if path is None or "://" in path or any(each.isspace() for each in path):
        return None

    parts = urlsplit(urljoin("https://shop", path))
    target, query = _quoted(parts.path), _quoted(parts.query)

    # Without its dots, "/.//evil.example" would be another site.
    if target.startswith("//"):
        return None

    return f"{target}?{query}" if query else target
