"""Read what browsers send. Nothing in here trusts a value or raises for a bad one."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from decimal import Decimal

from moneyed import Money

from .languages import gettext
from .languages import sentences

MAX_NOTE = 300

COUNTRIES = sentences(
    (
        "Ireland",
        "Austria",
        "Belgium",
        "Denmark",
        "France",
        "Germany",
        "Italy",
        "Netherlands",
        "Portugal",
        "Spain",
        "Sweden",
    )
)

EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_AMOUNT = re.compile(r"[0-9]{1,9}\.[0-9]{2}")
_NUMBER = re.compile(r"[0-9]{1,18}")
#: What the columns of all databases have room for.
_GREATEST = 2**31 - 1


def read_number(text: str | None) -> int | None:
    """Read a whole number that isn't negative, or give ``None``."""
    if text is None or not _NUMBER.fullmatch(text.strip()):
        return None

    return min(int(text), _GREATEST)


def read_amount(text: str | None, currency: str) -> Money | None:
    """Read an amount of a currency as our pages write it, or give ``None``."""
    if text is None or not _AMOUNT.fullmatch(text):
        return None

    return Money(Decimal(text), currency)


def read_line(text: str | None) -> str:
    """Read a single line of text, without control characters."""
    return "".join(c for c in " ".join((text or "").split()) if c.isprintable())


def read_note(text: str | None) -> str:
    """Read a few lines of text, cut to `MAX_NOTE` characters."""
    lines = (read_line(line) for line in (text or "").splitlines())
    return "\n".join(lines).strip()[:MAX_NOTE].rstrip()


@dataclass(frozen=True)
class Address:
    """Who buys, and where the parcel goes."""

    name: str = ""
    email: str = ""
    street: str = ""
    postcode: str = ""
    town: str = ""
    country: str = COUNTRIES[0]

    def columns(self) -> dict[str, str]:
        """The values under the names that an order stores them by."""
        return asdict(self)


@dataclass(frozen=True)
class CheckoutForm:
    """The checkout form: what was typed, and what is still wrong with it."""

    address: Address = Address()
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, form: Mapping[str, str]) -> "CheckoutForm":
        """Read and check a submitted form."""
        names = asdict(Address())
        address = Address(**{name: read_line(form.get(name)) for name in names})

        return cls(address, _problems(address))

    @classmethod
    def kept(cls, address: Mapping[str, str]) -> "CheckoutForm":
        """The form as it was left."""
        names = asdict(Address()).keys() & address.keys()

        return cls(Address(**{name: address[name] for name in names}))


def _problems(address: Address) -> dict[str, str]:
    problems = {
        "name": _check(
            address.name, 100, gettext("Tell us your name, for the parcel.")
        ),
        "email": _check(
            address.email, 254, gettext("We need an e-mail address to reach you.")
        ),
        "street": _check(
            address.street, 200, gettext("Which house shall we post it to?")
        ),
        "postcode": _check(
            address.postcode, 16, gettext("Add the postcode or Eircode.")
        ),
        "town": _check(address.town, 100, gettext("Which town is that in?")),
        "country": None,
    }

    if problems["email"] is None and not EMAIL.fullmatch(address.email):
        problems["email"] = gettext(
            "That e-mail address looks unfinished. Is it name@place.ie?"
        )

    if address.country not in COUNTRIES:
        problems["country"] = gettext(
            "Choose a country from the list: we post to those."
        )

    return {name: problem for name, problem in problems.items() if problem}


def _check(text: str, most: int, missing: str) -> str | None:
    if not text:
        return missing

    if len(text) > most:
        return gettext(
            "That is a little long. %(number)s characters fit on our label.",
            number=most,
        )

    return None
