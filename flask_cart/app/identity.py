"""Identity: whose cart a request is about."""

from __future__ import annotations

import types
import typing as t

from flask import current_app
from flask import request

from ..model.errors import CartConfigError
from ..model.keys import check_owner
from ..model.keys import check_tenant
from ..model.keys import tenant_of

OwnerLoader = t.Callable[[], str | None]
TenantLoader = t.Callable[[], str | None]


def known_owner(load_owner: OwnerLoader | None) -> str | None:
    """The owner that the app knows the shopper as: its own loader, or Flask-Login.

    :raises CartConfigError: If the loader returns something that is not an owner.
    """
    if load_owner is not None:
        owner = load_owner()

        return check_owner(owner) if owner is not None else None

    if not hasattr(current_app, "login_manager"):
        return None

    from flask_login import current_user

    return user_owner(current_user) if current_user.is_authenticated else None


def known_tenant(load_tenant: TenantLoader | None) -> str | None:
    """The tenant that this request is about, if the app has any.

    :raises CartConfigError: If the loader returns something that is not a tenant.
    """
    tenant = load_tenant() if load_tenant is not None else None

    return check_tenant(tenant) if tenant is not None else None


def tenant_for(
    owner: str,
    tenant: str | types.EllipsisType | None,
    load_tenant: TenantLoader | None,
) -> str | None:
    """The tenant that an owner is of.

    :param owner: Who may begin with the tenant.
    :param tenant: What was said about it; ``...`` for nothing.
    """
    if not isinstance(tenant, types.EllipsisType):
        return tenant

    if load_tenant is not None and request:
        return known_tenant(load_tenant)

    return tenant_of(owner) if isinstance(owner, str) else None


def user_owner(user: t.Any) -> str:
    """The owner that a user of Flask-Login is.

    :raises CartConfigError: If the user has no id.
    """
    user_id = user.get_id()

    # Flask-Login makes "None" of the id of a user who is not in the database yet.
    if user_id in (None, "None"):
        raise CartConfigError(
            "The user has no id. Flush a new user to the database before login_user()."
        )

    return check_owner(f"user:{user_id}")
