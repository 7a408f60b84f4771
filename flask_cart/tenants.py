"""Tenants: the shops that share one app, in front of whose cart it is.

A tenant is a part of the owner, so no storage can mix two of them: ``"acme/user:7"``
is not ``"user:7"``. A kind has no slash, so a tenant is all before the first one, if
that comes before the first colon; no id can contain a tenant.
"""

from __future__ import annotations

import re
import typing as t

from .errors import CartConfigError

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
