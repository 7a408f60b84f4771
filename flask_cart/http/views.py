"""The views of the blueprint. Each answers with a page or with JSON."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from functools import wraps

from flask import Response
from flask import make_response
from flask import render_template
from flask import request
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.exceptions import NotFound

from ..app.current import get_state
from ..app.shopper import Shopper
from ..app.shopper import check_instance
from ..app.shopper import find_product
from ..app.wishes import try_to_add
from ..app.wording import Done
from ..app.wording import RefusedError
from ..app.wording import tell_done
from ..carts.adding import AddReport
from ..carts.cart import Cart
from ..model.errors import CartConflictError
from ..model.errors import CartError
from ..model.errors import CartLimitError
from ..model.errors import CartVetoError
from ..model.errors import InvalidConditionError
from ..model.errors import InvalidItemError
from ..model.products import choices_of
from ..model.products import multiple_of
from .answers import FORWARD_FIELD
from .answers import address_of
from .answers import asked_page
from .answers import asks_for_drawer
from .answers import back
from .answers import json_cart
from .answers import keep_private
from .answers import tell_change
from .answers import wants_json
from .guards import refuse_other_sites
from .inputs import Addition
from .inputs import Additions
from .inputs import Code
from .inputs import Entries
from .inputs import Input
from .inputs import Method
from .inputs import Move
from .inputs import NewQuantity
from .inputs import Nothing
from .inputs import Step
from .inputs import Typed
from .inputs import if_given
from .inputs import read_input
from .inputs import read_query
from .limiting import count_request
from .links import said_of
from .preconditions import check_preconditions
from .preconditions import read_claim
from .problems import show_refused_code
from .problems import tell_problem
from .quantities import limits_of_product
from .representation import encode
from .representation import show_cart
from .representation import show_limits
from .schemas import ShownItem
from .undoing import offer_undo

View = Callable[..., Response]
Change = Callable[..., Done]


def answered(view: View) -> View:
    """Guard a view, and tell of its errors in the form that the client reads."""

    @wraps(view)
    def answer(instance: str, **arguments: str) -> Response:
        # Each attribute of the proxy would ask it again.
        this_request = request._get_current_object()  # type: ignore[attr-defined]

        try:
            refuse_other_sites(this_request)
            count_request()
            response = view(instance, **arguments)
        except (CartError, HTTPException) as error:
            response = tell_problem(error, instance)

        return keep_private(response, is_page=not wants_json(this_request))

    return answer


def input_of(view: Callable[..., object]) -> type[Input]:
    """What a view reads of a body, which is what its ``wanted`` is."""
    kind: type[Input] = t.get_type_hints(view).get("wanted", Nothing)

    return kind


def changes(change: Change) -> View:
    """Let a view change a cart as the body of a request says, and answer with it."""
    kind = input_of(change)

    @wraps(change)
    def view(instance: str, **arguments: str) -> Response:
        # An address that is none is told before what is sent there.
        check_instance(instance)
        this_request = request._get_current_object()  # type: ignore[attr-defined]
        wanted = read_input(this_request, kind)
        shopper = _shopper_for(instance, wanted)
        done = change(shopper, wanted, **arguments)

        if wants_json(this_request):
            report = done.about if isinstance(done.about, AddReport) else None
            answer = json_cart(this_request, show_cart(shopper.cart, report))

            return tell_change(answer, done)

        offer_undo(shopper.cart, instance, done)
        said = _said_of(done)

        # The page shows another quantity itself.
        category = "quiet" if done.code == "changed" else "success"

        page = address_of(instance, asked_page(this_request))

        return back(this_request, page, said, category)

    return answered(view)


def _shopper_for(instance: str, wanted: Input) -> Shopper:
    """The shopper who wants something, once for the key of a request."""
    this_request = request._get_current_object()  # type: ignore[attr-defined]
    claim = read_claim(this_request, wanted)

    return Shopper(
        instance, claim, lambda cart: check_preconditions(this_request, cart)
    )


def _said_of(done: Done) -> str:
    """What is said of a change, in the words of the shop."""
    text = tell_done(done.code, done.params)

    return get_state().loaders.word(done.code, text, done.about)


@answered
def show(instance: str) -> Response:
    """Show a cart."""
    cart = Shopper(instance).cart

    if wants_json(request):
        return json_cart(request, show_cart(cart))

    part = "drawer" if asks_for_drawer(request) else "cart"

    return make_response(
        render_template(f"flask_cart/{part}.html", cart=cart, instance=instance)
    )


@answered
def show_item(instance: str, item: str) -> Response:
    """Show what there is to choose before an item is added."""
    product = find_product(item)

    if product is None:
        raise NotFound("There is no such item.")

    limits = limits_of_product(product)
    shown = ShownItem(
        item=item,
        name=product.cart_name,
        choices={name: list(each) for name, each in choices_of(product).items()},
        multiple=list(multiple_of(product)),
        limits=show_limits(limits),
        is_sold_out=limits.is_sold_out,
    )

    return Response(encode(shown), mimetype="application/json")


@answered
def ask(instance: str) -> Response:
    """Ask whoever sends a form of a page that is everybody's, where it has no key."""
    if wants_json(request) or not request.args:
        raise MethodNotAllowed(["POST"])

    wanted = read_query(request, Addition)
    about: dict[str, t.Any] = {"wanted": wanted, "line": None}

    try:
        wish = (wanted.item, wanted.quantity, dict(wanted.options))
        about["line"] = try_to_add(Shopper(instance), wish)
    except CartError as error:
        about["reason"] = said_of(error)

    return make_response(
        render_template("flask_cart/ask.html", instance=instance, **about)
    )


@changes
def add(shopper: Shopper, wanted: Addition) -> Done:
    """Add an item at the price of the shop."""
    return shopper.add(wanted.item, wanted.quantity, wanted.options)


@changes
def add_many(shopper: Shopper, wanted: Additions) -> Done:
    """Add what is there of many items, and tell of the rest."""
    return shopper.add_many(
        (each.item, each.quantity, each.options) for each in wanted.items
    )


@changes
def set_quantity(shopper: Shopper, wanted: NewQuantity, line_id: str) -> Done:
    """Set the quantity of a line, if it is still what the shopper saw."""
    return shopper.set_quantity(line_id, wanted.quantity, if_given(wanted.seen))


@changes
def increment(shopper: Shopper, wanted: Step, line_id: str) -> Done:
    """Add to the quantity of a line, whatever it is by now."""
    return shopper.increment(line_id, wanted.by)


@changes
def remove(shopper: Shopper, wanted: Nothing, line_id: str) -> Done:
    """Remove a line; it is no mistake if it is gone already."""
    return shopper.remove(line_id)


@changes
def restore(shopper: Shopper, wanted: Nothing, line_id: str) -> Done:
    """Put a line back that was removed, as it was and where it was."""
    return shopper.restore(line_id)


@changes
def clear(shopper: Shopper, wanted: Nothing) -> Done:
    """Remove everything that the shopper has seen."""
    return shopper.clear()


@changes
def restore_all(shopper: Shopper, wanted: Nothing) -> Done:
    """Put back what was in a cart before it was emptied."""
    return shopper.restore_all()


@changes
def move(shopper: Shopper, wanted: Move, line_id: str) -> Done:
    """Move a line to another of the shopper's carts."""
    return shopper.move(line_id, wanted.to, if_given(wanted.quantity))


@changes
def add_coupon(shopper: Shopper, wanted: Code) -> Done:
    """Note the code of a coupon, whether or not it applies yet."""
    return shopper.add_coupon(wanted.code)


@changes
def remove_coupon(shopper: Shopper, wanted: Nothing, code: str) -> Done:
    """Forget the code of a coupon; it is no mistake if it is gone already."""
    return shopper.remove_coupon(code)


@changes
def choose_shipping(shopper: Shopper, wanted: Method) -> Done:
    """Choose one of the shipping methods, in place of any other shipping."""
    return shopper.choose_shipping(wanted.method)


@changes
def clear_shipping(shopper: Shopper, wanted: Nothing) -> Done:
    """Choose no shipping method; it is no mistake if none was chosen."""
    return shopper.clear_shipping()


@changes
def set_metadata(shopper: Shopper, wanted: Entries) -> Done:
    """Set the shopper's own metadata."""
    return shopper.set_metadata(wanted.metadata)


#: What says no to one thing that was typed, and nothing of the others.
_REFUSALS: t.Final = (
    RefusedError,
    CartConflictError,
    CartLimitError,
    CartVetoError,
    InvalidConditionError,
    InvalidItemError,
)


@answered
def forward(instance: str) -> Response:
    """Keep what was typed on the page of a cart, and go on from there."""
    cart = Shopper(instance).cart
    typed = read_input(request, Typed)
    notes = {key: text or None for key, text in typed.metadata.items()}
    known = {key: cart.metadata.get(key) for key in notes}
    code = typed.code.strip()
    said = ""

    if notes != known:
        done = _shopper_for(instance, Entries(notes)).set_metadata(notes)
        said = _said_of(done)

    quantities, refused = _set_quantities(cart, instance, typed)
    said = quantities or said
    onward = request.form.get(FORWARD_FIELD)

    if code:
        try:
            said = _said_of(_shopper_for(instance, Code(code)).add_coupon(code))
        except _REFUSALS as error:
            # Its field is on the page of a cart that has something in it.
            if wants_json(request) or not cart:
                raise

            show_refused_code(code, error)
            onward = None

    if refused:
        raise refused[0]

    if wants_json(request):
        return json_cart(request, show_cart(cart))

    page = address_of(instance, asked_page(request))

    return back(request, page, said, "success", onward)


def _set_quantities(
    cart: Cart, instance: str, typed: Typed
) -> tuple[str, list[CartError]]:
    """Set those that were typed: one that is refused takes no other along.

    :returns: What is said of the last one, and what was refused.
    """
    said = ""
    refused: list[CartError] = []

    for line_id, quantity in typed.quantities.items():
        seen = typed.seen.get(line_id, ...)

        if quantity == seen:
            continue

        only = Typed(quantities={line_id: quantity})

        try:
            done = _shopper_for(instance, only).set_quantity(line_id, quantity, seen)
        except _REFUSALS as error:
            refused.append(error)
            continue

        offer_undo(cart, instance, done)
        said = said if done.code == "changed" else _said_of(done)

    return said, refused
