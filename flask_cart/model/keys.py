"""Tenants: the shops that share one app, in front of whose cart it is.

A tenant is a part of the owner, so no storage can mix two of them: ``"acme/user:7"``
is not ``"user:7"``. A kind has no slash, so a tenant is all before the first one, if
that comes before the first colon; no id can contain a tenant.
"""

from __future__ import annotations

import re
import typing as t

from .errors import CartConfigError
from .values import check_text

_secret = re.compile(r"((?:guest|@order|@link):[^/\s]{4})[^/\s]+")
_tenant = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")


def split_owner(owner: str) -> tuple[str | None, str]:
    """The tenant, if there is one, and the owner inside of it.

    >>> split_owner("acme/user:7"), split_owner("user:a/b")
    (('acme', 'user:7'), (None, 'user:a/b'))
    """
    tenant, slash, bare = owner.partition("/")

    return (tenant, bare) if slash and ":" not in tenant else (None, owner)


def tenant_of(owner: str) -> str | None:
    """The tenant that an owner belongs to; ``None`` in the shop without a tenant."""
    return split_owner(owner)[0]


def check_tenant(tenant: t.Any) -> str:
    """Give the tenant back if it is a name.

    :raises CartConfigError: If it is not.
    """
    if not isinstance(tenant, str) or not _tenant.fullmatch(tenant):
        raise CartConfigError(
            "A tenant is a name of at most 63 lowercase letters, digits, '_', '.' and"
            f" '-', such as 'acme', or None, not {tenant!r:.80}."
        )

    return tenant


_owner = re.compile(r"[a-z][a-z0-9_-]*:\S(.*\S)?")


_instance = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


MAX_OWNER_LENGTH: t.Final = 255

#: What owners begin with who are no accounts: whoever knows their token is them.
NOBODYS: t.Final = ("guest:", "ucp:")

#: What the owner begins with of what is stored beside the carts, and of no cart.
BESIDE: t.Final = "@"

#: What the instance begins with of what is stored beside those of an owner. It comes
#: after all names of carts, so that it is read and locked after them.
AFTER: t.Final = "~"


class CartKey(t.NamedTuple):
    """The address of a cart.

    :param owner: Whose cart it is: a kind and an id, such as ``"user:7"``, behind the
        name of the tenant if there is one, ``"acme/user:7"``.
    :param instance: Which of the owner's carts, such as ``"default"``.
    """

    owner: str
    instance: str

    @property
    def tenant(self) -> str | None:
        """The tenant; ``None`` in the shop without one."""
        return tenant_of(self.owner)

    @property
    def bare_owner(self) -> str:
        """The owner without the tenant, such as ``"user:7"``."""
        return split_owner(self.owner)[1]

    @property
    def is_cart(self) -> bool:
        """Whether it is a cart that is stored there, and nothing beside the carts."""
        return not (self.owner.startswith(BESIDE) or self.instance.startswith(AFTER))

    def __str__(self) -> str:
        return f"{self.owner}/{self.instance}"


def without_tokens(text: str) -> str:
    """A text that may be read in logs: who has the token of a guest has the cart.

    >>> without_tokens("acme/guest:c2VjcmV0IHRva2VuIQ/default")
    'acme/guest:c2Vj.../default'
    """
    return _secret.sub(r"\1...", text)


def cart_key(owner: str, instance: str, tenant: str | None = None) -> CartKey:
    """The key for an owner and an instance of a tenant, if there can be such.

    :raises CartConfigError: If there cannot.
    """
    return CartKey(owner_in(tenant, owner), check_instance(instance))


def owner_in(tenant: str | None, owner: t.Any) -> str:
    """The owner as it is in the keys of a tenant's carts.

    :param owner: The owner without the tenant, or with this one.
    :raises CartConfigError: If there can be no such tenant or owner, or not together.
    """
    if tenant is None:
        return check_owner(owner)

    prefix = f"{check_tenant(tenant)}/"
    bare = owner.removeprefix(prefix) if isinstance(owner, str) else owner
    whole = prefix + check_owner(bare)

    if len(whole) > MAX_OWNER_LENGTH:
        raise CartConfigError(
            f"An owner and the tenant have at most {MAX_OWNER_LENGTH} characters"
            f" together, not {len(whole)}: {whole[:80]!r}."
        )

    return whole


def check_owner(owner: t.Any) -> str:
    """Give the owner back if it is a kind and an id, such as ``"user:7"``.

    One with a tenant is refused: no id and no loader may say which tenant it is.

    :raises CartConfigError: If it is not.
    """
    try:
        text = check_text(owner, "An owner")
    except ValueError as error:
        raise CartConfigError(f"{error} Give a kind and an id: 'user:7'.") from error

    if _owner.fullmatch(text) and len(text) <= MAX_OWNER_LENGTH:
        return text

    if tenant_of(text) is not None:
        raise CartConfigError(
            f"The owner {text[:80]!r} names a tenant. Give the tenant by itself, and"
            " an owner such as 'user:7'."
        )

    raise CartConfigError(
        "An owner is a kind and an id, such as 'user:7', with at most"
        f" {MAX_OWNER_LENGTH} characters, not {text[:80]!r}."
    )


def check_instance(instance: t.Any) -> str:
    """Give the instance back if it is a name.

    :raises CartConfigError: If it is not.
    """
    if not isinstance(instance, str) or not _instance.fullmatch(instance):
        raise CartConfigError(
            "An instance is a name of at most 64 letters, digits, '_', '.' and '-',"
            f" such as 'wishlist', not {instance!r:.80}."
        )

    return instance
