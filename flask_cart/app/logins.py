"""Logins: whoever logs in with Flask-Login takes the guest's carts along."""

from __future__ import annotations

import importlib.util
import typing as t
from collections.abc import Mapping
from contextlib import nullcontext
from contextlib import suppress

from flask import Flask
from flask import current_app
from flask import flash

from ..carts.cart import Cart
from ..carts.cart import working_copy
from ..carts.currencies import without_amounts
from ..carts.merging import MergeReport
from ..carts.writing import stamped
from ..model.errors import CartConfigError
from ..model.errors import CartReplayedError
from ..model.errors import InvalidItemError
from ..model.events import CartMerged
from ..model.events import CartNotMerged
from ..model.keys import CartKey
from ..model.keys import cart_key
from ..model.keys import owner_in
from ..model.lines import check_quantities
from ..model.merging import ADD_QUANTITIES
from ..storage.cookie import CookieStorage
from .backends.cookie import restore_cleared
from .current import AppState
from .current import cart_at
from .current import current_owner
from .current import forget_carts
from .current import get_state
from .current import request_cart
from .current import request_carts
from .identity import end_guest
from .identity import guest_owner
from .identity import known_tenant
from .identity import user_owner
from .wording import tell_done


def merge_guest_carts_into(
    owner: str,
    strategy: str | None = None,
    instances: t.Iterable[str] | None = None,
    at_current_prices: bool = False,
) -> MergeReport:
    """Merge the carts of this browser's guest into those of an owner.

    What cannot be merged is among the ``errors`` of the report.

    :param owner: Who may only be about to be known.
    :param strategy: The name of one; ``CART_MERGE_STRATEGY`` if it is left out.
    :param instances: Which carts; all of them if it is left out.
    :param at_current_prices: Also those that are in another currency.
    """
    state = get_state()
    tenant = known_tenant(state.loaders.tenant)
    wanted = None if instances is None else set(instances)
    # The rest, and what there is in other shops, stays the guest's. At once, as
    # receivers of signals may look at the cart.
    is_all = wanted is None and state.loaders.tenant is None
    guests = end_guest(owner) if is_all else [guest_owner()]
    found = [
        (guest, name)
        for guest in guests
        if guest not in (None, owner)
        for name in _instances(state, owner_in(tenant, guest))
        if wanted is None or name in wanted
    ]
    merged: list[CartMerged] = []
    errors: list[Exception] = []
    foreign: list[CartNotMerged] = []

    for guest, name in found:
        theirs = cart_at(cart_key(guest, name, tenant))
        mine = cart_at(cart_key(owner, name, tenant))

        try:
            if at_current_prices and _is_foreign(theirs, mine):
                registry = state.services.registry
                without_amounts(working_copy(theirs), registry, mine.currency)

            merged += mine.merge(theirs, strategy).merged
        except Exception as error:
            # One that is damaged must not keep the others from being merged.
            errors.append(error)

            if isinstance(error, InvalidItemError) and _is_foreign(theirs, mine):
                foreign.append(_not_merged(theirs, mine))

    forget_carts()

    return MergeReport(tuple(merged), tuple(errors), tuple(foreign))


def _instances(state: AppState, guest: str) -> list[str]:
    """The carts that a guest has, or had before the session was cleared."""
    if isinstance(state.storage, CookieStorage):
        restore_cleared(state.storage, guest)

    return state.services.repository.instances(guest)


def _is_foreign(theirs: Cart, mine: Cart) -> bool:
    """Whether both have something in them, in different currencies."""
    have_amounts = all(working_copy(e).document.has_amounts for e in (theirs, mine))

    return have_amounts and theirs.currency != mine.currency


def _not_merged(theirs: Cart, mine: Cart) -> CartNotMerged:
    """Tell that what is in another currency stays where it is."""
    event = stamped(
        CartNotMerged(
            source=t.cast(CartKey, theirs.key).owner,
            currency=theirs.currency,
            lines=theirs.lines,
        ),
        t.cast(CartKey, mine.key),
        mine.version,
    )
    get_state().services.announcer.tell(mine, event)

    return event


def merge_guest_carts(
    strategy: str | None = None,
    instances: t.Iterable[str] | None = None,
    at_current_prices: bool = False,
) -> MergeReport:
    """Merge the carts of this browser's guest into those of whoever is known now.

    The parameters are those of :func:`merge_guest_carts_into`.

    :raises CartError: If one cannot be merged. The others are all the same.
    """
    state = get_state()
    owner = state.known_owner()

    if owner is None:
        return MergeReport()

    state.services.strategy(strategy)
    report = merge_guest_carts_into(owner, strategy, instances, at_current_prices)

    for error in report.errors:
        raise error

    return report


def take_out(
    quantities: t.Mapping[str, t.Mapping[str, int]], key: str | None = None
) -> None:
    """Take what came with a merge out of the carts of this request's owner.

    :param quantities: How many of each line, by instance.
    :param key: What the change may be sent twice with.
    :raises InvalidItemError: If it is not such a mapping. Nothing is changed.
    """
    if not isinstance(quantities, Mapping):
        raise InvalidItemError(
            f"The quantities must be a mapping of carts, not {quantities!r:.40}."
        )

    came = {name: check_quantities(lines) for name, lines in quantities.items()}
    owner = current_owner()

    if owner is None:
        return

    state = get_state()
    tenant = known_tenant(state.loaders.tenant)

    # Nothing can be taken out of what is not there, whatever its name is.
    for name in state.services.repository.instances(owner_in(tenant, owner)):
        if name in came:
            cart = request_cart(name, tenant)
            once = cart.once(key) if key is not None else nullcontext()

            # Where one has done it before, the others may not have got so far.
            with suppress(CartReplayedError), once:
                cart.take_out(came[name])


def connect_to_logins(app: Flask) -> None:
    """Merge at every login with Flask-Login, if that is installed."""
    if importlib.util.find_spec("flask_login") is None:
        return

    from flask_login import user_loaded_from_cookie
    from flask_login import user_logged_in

    # With the app as the sender, or the logins of all apps would be heard.
    user_logged_in.connect(_merge_on_login, app)
    user_loaded_from_cookie.connect(_merge_on_login, app)


def _merge_on_login(app: Flask, user: t.Any, **extra: t.Any) -> None:
    state = get_state()

    if state.settings.migrate_on_login and state.loaders.owner is None:
        # Not current_user: while a remembered user is being loaded, it is not set.
        request_carts().report = _merged_into(
            lambda: user_owner(user, state.loaders.user_id)
        )


def merge_left_guest_carts(owner: str) -> None:
    """Merge what the guest of a user's browser has got since the user has logged in.

    :param owner: The user.
    """
    report = _merged_into(lambda: owner)

    if report != MergeReport():
        request_carts().report = report


def _merged_into(find_owner: t.Callable[[], str]) -> MergeReport:
    state = get_state()

    try:
        strategy = _strategy_for_logins(state)
        report = merge_guest_carts_into(find_owner(), strategy)
    except Exception as error:
        report = MergeReport(errors=(error,))

    for reason in report.errors:
        # Whatever it is, the guest's cart is still there, and a login must not fail
        # because of it.
        state.services.logger.error(
            "The guest's cart was not merged into the user's.", exc_info=reason
        )

    if "cart" in current_app.blueprints:
        for each in report.foreign:
            text = tell_done("not-merged", {"currency": each.currency})
            said = state.loaders.word("not-merged", text, each)

            if said:
                # The pages of the blueprint show it, and nothing is gone in silence.
                flash(said, "warning")

    return report


def _strategy_for_logins(state: AppState) -> str:
    """The configured strategy; an unknown one must not keep shoppers from their cart.

    It cannot be checked at startup, as the app may register it after that.
    """
    try:
        return state.services.strategy().name
    except CartConfigError as error:
        state.services.logger.error("%s Quantities are added up.", error)

        return ADD_QUANTITIES.name
