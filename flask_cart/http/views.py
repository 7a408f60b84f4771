"""The views of the blueprint. Each answers with a page or with JSON."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from functools import wraps

from flask import Response
from flask import abort
from flask import make_response
from flask import render_template
from flask import request
from flask import session
from flask import url_for
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import TooManyRequests

from ..app.shopper import Shop
from ..app.wording import Problem
from ..app.wording import describe
from ..carts.cart import Cart
from ..model.coupons import coupon_key
from ..model.errors import CartConflictError
from ..model.errors import CartError
from ..model.errors import CartKeyReusedError
from ..model.errors import CartReplayedError
from ..model.errors import InvalidItemError
from ..model.idempotency import claim_move
from ..model.lines import Line
from ..model.operations import NoteCoupon
from ..model.products import Buyable
from .answers import back
from .answers import json_cart
from .answers import json_problem
from .answers import keep_private
from .answers import wants_json
from .guards import refuse_large_bodies
from .guards import refuse_other_sites
from .inputs import MAX_TEXT
from .inputs import Addition
from .inputs import Code
from .inputs import Entries
from .inputs import Input
from .inputs import Move
from .inputs import NewQuantity
from .inputs import Nothing
from .inputs import Step
from .inputs import read_input
from .limiting import count_request
from .preconditions import KEY_FIELD
from .preconditions import VERSION_FIELD
from .preconditions import check_preconditions
from .preconditions import is_stale
from .preconditions import read_attempt
from .representation import ShownCart
from .representation import show_cart

#: The key in Flask's session of what was removed last, for one click to undo it.
UNDO: t.Final = "_cart_undo"

#: The key in Flask's session of the code that was refused last, for its field.
REFUSED_CODE: t.Final = "_cart_refused_code"

#: The cart that is meant if none is named.
DEFAULT: t.Final = "default"

Change = Callable[[Cart], t.Any]
View = Callable[..., Response]


def answered(view: View) -> View:
    """Guard a view, and tell of its errors in the form that the client reads."""

    @wraps(view)
    def answer(views: Views, **arguments: str) -> Response:
        try:
            refuse_large_bodies(request)
            refuse_other_sites(request)
            count_request()
            views.check_instance(arguments["instance"], 404)
            response = view(views, **arguments)
        except (CartError, HTTPException) as error:
            response = views.refused(error, arguments["instance"])

        return keep_private(response, is_page=not wants_json(request))

    return answer


class Views:
    """The views, of one extension."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    @answered
    def show(self, instance: str) -> Response:
        """Show a cart."""
        if wants_json(request):
            return json_cart(request, self._show_cart(instance))

        cart = self._shop.cart(instance)
        page = render_template("flask_cart/cart.html", cart=cart, instance=instance)

        return make_response(page)

    @answered
    def add(self, instance: str) -> Response:
        """Add an item at the price of the shop."""
        wanted = read_input(request, Addition)
        product = self._shop.product(wanted.item)

        if product is None:
            abort(422, f"There is no item {wanted.item!r:.80}.")

        _check_choices(product, wanted.options)

        return self._change(
            instance,
            wanted,
            lambda cart: cart.add(product, wanted.quantity, options=wanted.options),
            "added",
            f"{product.cart_name} is in your cart.",
        )

    @answered
    def set_quantity(self, line_id: str, instance: str) -> Response:
        """Set the quantity of a line, if it is still what the shopper saw."""
        wanted = read_input(request, NewQuantity)

        def change(cart: Cart) -> Line:
            line = _find(cart, line_id)

            if wanted.seen not in (None, line.quantity):
                raise CartConflictError(
                    "The line was changed since it was shown.",
                    expected_version=cart.version,
                    current_version=cart.version,
                    cart=cart,
                    line_id=line_id,
                    details={
                        "seen": wanted.seen,
                        "stored": line.quantity,
                        "wanted": wanted.quantity,
                    },
                )

            cart.set_quantity(line_id, wanted.quantity)

            return line

        return self._change(
            instance, wanted, change, "changed", "Your cart is up to date."
        )

    @answered
    def increment(self, line_id: str, instance: str) -> Response:
        """Add to the quantity of a line, whatever it is by now."""
        wanted = read_input(request, Step)

        def change(cart: Cart) -> Line:
            line = _find(cart, line_id)
            cart.increment(line_id, wanted.by)

            return line

        return self._change(
            instance, wanted, change, "changed", "Your cart is up to date."
        )

    @answered
    def remove(self, line_id: str, instance: str) -> Response:
        """Remove a line; it is no mistake if it is gone already."""
        wanted = read_input(request, Nothing)
        removed: list[Line] = []

        def change(cart: Cart) -> Line | None:
            line = cart.get(line_id)
            removed.extend(filter(None, [line]))
            cart.remove(line_id)

            return line

        response = self._change(
            instance, wanted, change, "removed", "It is out of your cart."
        )

        if removed and not wants_json(request):
            self._offer_undo(removed[0], instance)

        return response

    @answered
    def clear(self, instance: str) -> Response:
        """Remove everything that the shopper has seen."""
        wanted = read_input(request, Nothing)

        return self._change(
            instance, wanted, Cart.clear, "cleared", "Your cart is empty now."
        )

    @answered
    def move(self, line_id: str, instance: str) -> Response:
        """Move a line to another of the shopper's carts."""
        wanted = read_input(request, Move)
        self.check_instance(wanted.to, 422)
        attempt = read_attempt(request, wanted)
        key = attempt.key if attempt is not None else None

        def change(cart: Cart) -> Line | None:
            # It changes two carts, so it is no part of a batch, and has its own key.
            if key is not None:
                # Before the preconditions, which do not hold any more if it is made.
                claim_move(key, line_id, wanted.to, wanted.quantity).apply(
                    cart.document
                )

            check_preconditions(request, cart)
            line = cart.get(line_id)

            try:
                cart.move(line_id, to=wanted.to, quantity=wanted.quantity, key=key)
            except InvalidItemError:
                # After the first of two clicks it is there already.
                if line_id in cart or line_id not in cart.instance(wanted.to):
                    _find(cart, line_id)
                    raise

            return line

        return self._answer(instance, change, "moved", "It is moved.")

    @answered
    def add_coupon(self, instance: str) -> Response:
        """Note the code of a coupon, whether or not it applies yet."""
        wanted = read_input(request, Code)
        coupon = self._shop.coupon(wanted.code.strip())

        if coupon is None:
            abort(422, "There is no such code.")

        def change(cart: Cart) -> str:
            cart.apply(NoteCoupon(coupon.name, self._shop.max_coupons))

            return coupon.name

        return self._change(
            instance, wanted, change, "coupon-noted", f"{coupon.name} is noted."
        )

    @answered
    def remove_coupon(self, code: str, instance: str) -> Response:
        """Forget the code of a coupon; it is no mistake if it is gone already."""
        wanted = read_input(request, Nothing)

        def change(cart: Cart) -> str:
            cart.metadata.pop(coupon_key(code), None)

            return code

        return self._change(
            instance, wanted, change, "coupon-removed", f"{code} is removed."
        )

    @answered
    def set_metadata(self, instance: str) -> Response:
        """Set the shopper's own metadata."""
        wanted = read_input(request, Entries)

        for key in wanted.metadata:
            if key not in self._shop.metadata_keys:
                abort(422, f"{key!r:.80} is not yours to set.")

        def change(cart: Cart) -> None:
            given = {k: v for k, v in wanted.metadata.items() if v is not None}
            cart.metadata.update(given)

            for key in wanted.metadata.keys() - given.keys():
                cart.metadata.pop(key, None)

        return self._change(instance, wanted, change, "noted", "It is noted.")

    def refused(self, error: CartError | HTTPException, instance: str) -> Response:
        """Tell the client why nothing was changed."""
        problem = describe(error)

        if problem is None:
            raise error

        said = self._shop.word(problem.code, problem.detail, error)
        problem = problem._replace(detail=said)

        if isinstance(error, CartConflictError) and is_stale(request, error):
            problem = Problem(412, "precondition-failed", problem.detail)

        if wants_json(request):
            more: dict[str, t.Any] = {}

            if problem.status in (409, 412):
                more["cart"] = self._show_cart(instance)
            if isinstance(error, CartConflictError):
                more["line_id"], more["differs"] = error.line_id, _differs(error)

            response = json_problem(problem, **more)

            if isinstance(error, TooManyRequests):
                response.headers["Retry-After"] = str(error.retry_after)

            return response

        # The app has its own pages for what is missing, forbidden or down.
        if request.method == "GET" or problem.status in (403, 404, 413, 429, 503):
            raise error

        if isinstance(error, CartConflictError):
            return self._conflict_page(error, instance)

        if "code" in request.form and self._shop.cart(instance):
            # Its field shows it, with what was typed in.
            session[REFUSED_CODE] = {
                "code": request.form["code"][:MAX_TEXT],
                "reason": problem.detail,
            }

            return back(request, self._page(instance), "", "error")

        return back(request, self._page(instance), problem.detail, "error")

    def _change(
        self, instance: str, wanted: Input, change: Change, code: str, text: str
    ) -> Response:
        """Make a change in one write, and not once more if it is sent again."""
        attempt = read_attempt(request, wanted)

        def change_once(cart: Cart) -> t.Any:
            with cart.once(*attempt) if attempt else cart.batch():
                check_preconditions(request, cart)

                return change(cart)

        return self._answer(instance, change_once, code, text)

    def _answer(self, instance: str, change: Change, code: str, text: str) -> Response:
        """Make a change, and answer as if it was, also if that was earlier."""
        cart = self._shop.cart(instance)
        about: t.Any = None

        try:
            about = change(cart)
        except CartKeyReusedError:
            raise
        except CartReplayedError:
            # It has happened, maybe since this cart was read.
            cart.refresh()
        finally:
            cart.expect(None)

        if wants_json(request):
            return json_cart(request, self._show_cart(instance))

        said = self._shop.word(code, text, about)

        return back(request, self._page(instance), said, "success")

    def _conflict_page(self, error: CartConflictError, instance: str) -> Response:
        cart = self._shop.cart(instance)
        cart.refresh()
        line = cart.get(error.line_id or "")
        now = {
            VERSION_FIELD: str(cart.version),
            "seen": str(line.quantity) if line is not None else "",
        }
        fields = {
            name: now.get(name, value)
            for name, value in request.form.items()
            if name not in (KEY_FIELD, "csrf_token")
        }
        wanted = _differs(error).get("wanted")
        page = render_template(
            "flask_cart/conflict.html",
            cart=cart,
            instance=instance,
            line=line,
            wanted=wanted if isinstance(wanted, int) else None,
            fields=fields,
        )

        return make_response(page, 409)

    def _show_cart(self, instance: str) -> ShownCart:
        cart = self._shop.cart(instance)

        return show_cart(cart, instance, self._shop.metadata_keys)

    def check_instance(self, instance: str, status: int) -> None:
        """Refuse a cart that a shopper cannot have."""
        if instance not in self._shop.instances:
            abort(status, f"There is no cart {instance!r:.80}.")

    def _page(self, instance: str) -> str:
        return url_for(".show", instance=instance)

    def _offer_undo(self, line: Line, instance: str) -> None:
        product = self._shop.product(line.item_id)

        if product is None:
            return

        choices = _choices(product)

        # The shop itself may have added it without a choice, which a form cannot.
        if choices.keys() <= line.options.keys():
            session[UNDO] = {
                "instance": instance,
                "item": line.item_id,
                "name": line.name,
                "quantity": line.quantity,
                "options": {k: v for k, v in line.options.items() if k in choices},
            }


def _find(cart: Cart, line_id: str) -> Line:
    line = cart.get(line_id)

    if line is None:
        # A form was right when it was shown, so its page says why it no longer is.
        status = 404 if wants_json(request) else 410
        abort(status, "That is not in your cart any more.")

    return line


def _differs(error: CartConflictError) -> dict[str, t.Any]:
    """What differs, of a line its quantities, whoever found the conflict."""
    return {
        # An operation tells of fields by name, as {"quantity": "3"}.
        name: int(value["quantity"])
        if isinstance(value, dict) and "quantity" in value
        else value
        for name, value in error.details.items()
    }


def _choices(product: Buyable) -> t.Mapping[str, t.Collection[str]]:
    return getattr(product, "cart_choices", None) or {}


def _check_choices(product: Buyable, options: t.Mapping[str, str]) -> None:
    """Refuse options that are not those which the product leaves to the shopper."""
    choices = _choices(product)

    for name, value in options.items():
        if value not in choices.get(name, ()):
            abort(422, f"{value!r:.80} is not a choice for {name!r:.80}.")

    for name, values in choices.items():
        if name not in options:
            among = ", ".join(map(repr, values))
            abort(422, f"Choose one for {name!r:.80}: {among:.400}.")
