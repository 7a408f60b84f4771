"""Examples: what bodies of the API look like, for its OpenAPI document."""

from __future__ import annotations

import typing as t

from ..app.problem_codes import ProblemCode
from .inputs import Addition
from .inputs import Additions
from .inputs import Code
from .inputs import Entries
from .inputs import Input
from .inputs import Method
from .inputs import Move
from .inputs import NewQuantity
from .inputs import Step
from .schemas import ShownAction
from .schemas import ShownCart
from .schemas import ShownCondition
from .schemas import ShownCoupon
from .schemas import ShownItem
from .schemas import ShownLimits
from .schemas import ShownLine
from .schemas import ShownMeaning
from .schemas import ShownProblem
from .schemas import ShownRemoved
from .schemas import ShownShipping

_MUGS: t.Final = Addition("mug", 2, {"size": "L"})
_LIMITS: t.Final = ShownLimits(minimum=1, maximum=12, step=1)
_LINE: t.Final = ShownLine(
    id="b3d1f6a0c2e84f75916a0d3c8e7b52f4",
    item="mug",
    name="Mug",
    quantity=2,
    options={"size": "L"},
    price="12.50",
    unit_price="12.50",
    subtotal_without_conditions="25.00",
    subtotal="25.00",
    conditions=[],
    taxes=[],
    limits=_LIMITS,
)

#: A cart with two mugs and a coupon.
CART: t.Final = ShownCart(
    instance="default",
    version=81,
    currency="EUR",
    quantity=2,
    lines=[_LINE],
    removed=[
        ShownRemoved(
            id="0c7a91e5d3b24f6885f2b90d6a1e4c37",
            item="pot",
            name="Pot",
            quantity=1,
            options={},
        )
    ],
    conditions=[
        ShownCondition(
            name="TEN",
            type="coupon",
            value="-10%",
            base="25.00",
            amount="-2.50",
            contained=None,
            code="",
            reason="",
        )
    ],
    coupons=[ShownCoupon(code="TEN", is_used=True, reason="")],
    shipping=None,
    shipping_options=[
        ShownShipping(
            name="Post",
            price="4.90",
            is_chosen=False,
            is_available=True,
            code="",
            reason="",
        )
    ],
    subtotal_without_conditions="25.00",
    subtotal="22.50",
    savings="2.50",
    taxes=[],
    total="22.50",
    tenders=[],
    due="22.50",
    metadata={"note": "Ring twice"},
    order_token="5f0a4be1c9d37286",
    problems=[],
    next=[ShownAction("choose_shipping", "PUT", "/cart/shipping", "default")],
)

#: Somebody else was faster.
CONFLICT: t.Final = ShownProblem(
    type="/cart/about/problems/conflict",
    title=ProblemCode.CONFLICT.heading,
    status=409,
    code=ProblemCode.CONFLICT,
    detail="Your cart was changed in the meantime.",
    params={},
    cart=CART,
    line_id=_LINE.id,
    differs={"seen": 1, "stored": 2, "wanted": 3},
)

#: What a problem is.
PROBLEM_OF: t.Final = ShownMeaning(
    code=ProblemCode.UNKNOWN_ITEM,
    status=422,
    title=ProblemCode.UNKNOWN_ITEM.heading,
    meaning=ProblemCode.UNKNOWN_ITEM.meaning,
)

#: A mug in two sizes.
ITEM_TO_ADD: t.Final = ShownItem(
    item="mug",
    name="Mug",
    choices={"size": ["S", "L"]},
    multiple=[],
    limits=_LIMITS,
    is_sold_out=False,
)

#: What changes a cart, by the type of the body.
INPUTS: t.Final[dict[type[Input], Input]] = {
    type(each): each
    for each in (
        _MUGS,
        Additions((_MUGS, Addition("pot"))),
        NewQuantity(3, seen=2),
        Step(1),
        Code("TEN"),
        Method("Post"),
        Entries({"note": "Ring twice"}),
        Move("wishlist", quantity=1),
    )
}
