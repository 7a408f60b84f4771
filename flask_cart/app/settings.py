"""Settings: the app's ``CART_*`` configuration, checked once."""

from __future__ import annotations

import datetime as dt
import typing as t
import zoneinfo

import msgspec
from babel import Locale
from babel import UnknownLocaleError
from moneyed import CURRENCIES

from ..carts.repository import Retry
from ..carts.services import Policy
from ..model.errors import CartConfigError
from ..model.limits import Limits
from ..model.values import closest
from ..storage.keyvalue.records import MAX_LEASE

_PREFIX: t.Final = "CART_"

#: What no cart can be called, because the blueprint has something else there.
RESERVED_INSTANCES: t.Final = (
    "about",
    "clear",
    "coupons",
    "forward",
    "lines",
    "links",
    "metadata",
    "restore",
    "shipping",
    "static",
)

_Positive = t.Annotated[int, msgspec.Meta(ge=1)]
_Seconds = t.Annotated[float, msgspec.Meta(ge=0, le=60)]
_Instance = t.Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^(?!({'|'.join(RESERVED_INSTANCES)}|default)$)"
        r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
    ),
]
_Name = t.Annotated[str, msgspec.Meta(min_length=1)]
# Braces would tell a Redis cluster where a key belongs, and Memcached takes no spaces.
_Prefix = t.Annotated[str, msgspec.Meta(pattern=r"^[^{}\s]{1,64}$")]


# Exactly as browsers send it: no path, no capitals, no port that goes without saying.
_Origin = t.Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(https://(?!.*:443$)|http://(?!.*:80$))"
        r"([a-z0-9._-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?\Z"
    ),
]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of one app. Each field is the key ``CART_<NAME>``."""

    #: ``"session"``, ``"database"``, ``"cache"``, ``"memory"``, ``"pkg.mod:name"`` of a
    #: storage or of something that returns one for an app, or a storage.
    storage: t.Any = "session"

    #: The ISO 4217 code of the currency of new carts.
    currency: str = "USD"

    #: The locale that pages are written in, unless Flask-Babel knows it.
    locale: _Name = "en"

    #: How amounts are rounded.
    rounding: t.Literal["half_up", "half_even", "half_down", "up", "down"] = "half_up"

    #: Whether every line and step is rounded, the price of one as well, or only the
    #: total.
    round_at: t.Literal["unit", "line", "total"] = "line"

    #: The time zone of the shop, in which days begin and end.
    timezone: str = "UTC"

    #: Seconds that a browser keeps the token of a guest; those of the session, if it is
    #: permanent, else until it is closed.
    guest_lifetime: _Positive | None = None

    #: The name of the table.
    database_table: _Name = "carts"

    #: The bind that the table is in.
    database_bind_key: str | None = None

    #: Lock the row from before the read, instead of only after several lost saves.
    database_lock_for_update: bool = False

    #: What the keys of carts in a cache begin with.
    cache_prefix: _Prefix = "cart"

    #: Seconds that a cache keeps a cart after its last change.
    cache_ttl: _Positive = 86_400

    #: Lock a cart in a cache from before the read, instead of only after several lost
    #: saves.
    cache_locking: bool = False

    #: Lock a cart in server-side sessions from before the read, instead of only after
    #: several lost saves.
    session_locking: bool = False

    #: Seconds to wait for the lock of a rival.
    lock_timeout: _Seconds = 5.0

    #: Seconds after which the lock of somebody who has died is free.
    lock_lease: t.Annotated[float, msgspec.Meta(gt=0, le=MAX_LEASE)] = 10.0

    #: The carts that a shopper may have beside the default one, by the blueprint.
    instances: frozenset[_Instance] = frozenset()

    #: The keys of the metadata that a shopper may set, by the blueprint.
    client_metadata: frozenset[str] = frozenset()

    #: The path of the checkout, to which the page of the cart leads.
    checkout_url: t.Annotated[str, msgspec.Meta(pattern="^/")] | None = None

    #: The origins of other sites whose pages may change a shopper's carts by the
    #: blueprint, such as ``{"https://www.example"}``.
    trusted_origins: frozenset[_Origin] = frozenset()

    #: Whether the blueprint is for JSON only, without pages and forms.
    json_only: bool = False

    #: How often a client may use a route of the blueprint, by the route's name, if the
    #: app has a Flask-Limiter. Codes of coupons can be guessed.
    rate_limits: dict[str, str] = msgspec.field(
        default_factory=lambda: {"add_coupon": "10 per minute"}
    )

    #: Whether signals are sent.
    events_enabled: bool = True

    #: The names of signals that are not sent.
    events_disabled: frozenset[str] = frozenset()

    #: Whether a guest's carts are merged into the user's on login.
    migrate_on_login: bool = True

    #: How they are merged: the name of a strategy.
    merge_strategy: _Name = "add_quantities"

    #: Days without a change after which ``flask cart prune`` deletes a cart.
    abandoned_after_days: t.Annotated[int, msgspec.Meta(ge=1, le=36_500)] = 7

    #: Coupons in a cart. A further one takes the place of the oldest.
    max_coupons: _Positive | None = None

    #: Lines in a cart.
    max_items: _Positive = 1000

    #: The stored size of a cart.
    max_data_bytes: _Positive = 2**20

    #: The quantity of a line.
    max_quantity: t.Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] = 10_000

    #: The instances in which quantities are not checked against what the products say,
    #: such as ``{"wishlist"}``.
    stock_ignored: frozenset[str] = frozenset()

    #: Characters of an id, name, type, option or metadata key.
    max_string_length: _Positive = 255

    #: Retries of a lost save.
    retry_attempts: t.Annotated[int, msgspec.Meta(ge=0, le=100)] = 8

    #: The greatest pause before the first retry, in seconds.
    retry_base_delay: _Seconds = 0.01

    #: The greatest pause before any retry, in seconds.
    retry_max_delay: _Seconds = 0.25

    @property
    def all_instances(self) -> list[str]:
        """The carts that a shopper may have by the blueprint, the default one first."""
        return ["default", *sorted(self.instances)]

    @property
    def policy(self) -> Policy:
        """What carts need to know of it."""
        return Policy(
            rounding_mode=self.rounding,
            round_at=self.round_at,
            time_zone=_time_zone(self.timezone),
            stock_ignored=self.stock_ignored,
            merge_strategy=self.merge_strategy,
        )

    @property
    def limits(self) -> Limits:
        """The limits of one cart."""
        return Limits(
            items=self.max_items,
            quantity=self.max_quantity,
            data_bytes=self.max_data_bytes,
            string_length=self.max_string_length,
            coupons=self.max_coupons,
        )

    @property
    def retry(self) -> Retry:
        """How lost saves are tried again."""
        return Retry(self.retry_attempts, self.retry_base_delay, self.retry_max_delay)


def read_settings(config: t.Mapping[str, t.Any], events: t.Collection[str]) -> Settings:
    """Read and check the ``CART_*`` keys of an app's configuration.

    :param config: ``app.config``.
    :param events: The names of the signals there are.
    :raises CartConfigError: If a key is unknown or a value is not valid.
    """
    given = {key: value for key, value in config.items() if key.startswith(_PREFIX)}
    known = [_PREFIX + name.upper() for name in Settings.__struct_fields__]

    for key in given:
        if key not in known:
            raise CartConfigError(f"{key} is not a setting.{closest(key, known)}")

    fields = {key.removeprefix(_PREFIX).lower(): value for key, value in given.items()}

    try:
        settings = msgspec.convert(fields, Settings)
    except msgspec.ValidationError as error:
        raise CartConfigError(_explain(error, given)) from error

    if settings.currency not in CURRENCIES:
        raise CartConfigError(
            f"CART_CURRENCY must be an ISO 4217 code such as 'EUR', not"
            f" {settings.currency!r}.{closest(settings.currency, CURRENCIES)}"
        )

    _time_zone(settings.timezone)
    _check_locale(settings.locale)

    for name in settings.events_disabled:
        if name not in events:
            raise CartConfigError(
                f"CART_EVENTS_DISABLED names {name!r}, which is not a signal."
                f"{closest(name, events)}"
            )

    return settings


def _check_locale(name: str) -> None:
    try:
        Locale.parse(name.replace("-", "_"))
    except (ValueError, UnknownLocaleError) as error:
        raise CartConfigError(
            f"CART_LOCALE must be a locale such as 'de' or 'en_GB', not {name!r}."
        ) from error


def _time_zone(name: str) -> dt.tzinfo:
    # Which systems without a database of time zones can do as well.
    if name == "UTC":
        return dt.UTC

    try:
        return zoneinfo.ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise CartConfigError(
            "CART_TIMEZONE must be a time zone such as 'Europe/Berlin', not"
            f" {name!r}.{closest(name, zoneinfo.available_timezones())}"
        ) from error


def _explain(error: msgspec.ValidationError, given: t.Mapping[str, t.Any]) -> str:
    # The message ends with the path of the value: "... - at `$.max_items`".
    message, _, path = str(error).partition(" - at `$.")
    key = _PREFIX + path.partition("`")[0].partition("[")[0].upper()

    return f"{key} is {given.get(key)!r}: {message[:1].lower()}{message[1:]}."
