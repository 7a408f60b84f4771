"""Parameters and headers: what comes with requests and answers beside their bodies."""

from __future__ import annotations

import typing as t

from ..app.problem_codes import ProblemCode
from .answers import LINE
from .answers import REPLAYED
from .answers import VERSION
from .examples import CART
from .preconditions import MAX_KEY

#: What comes with answers.
HEADERS: t.Final = {
    "ETag": {
        "description": "Names the cart as it is shown, for If-Match and If-None-Match.",
        "required": True,
        "schema": {"type": "string"},
        "example": '"81-8c3f6e1f0c3b4d52"',
    },
    "Retry-After": {
        "description": "For how many seconds to wait.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
        "example": 5,
    },
    LINE: {
        "description": "The id of the line that a change is about, if it is one.",
        "schema": {"type": "string"},
        "example": CART.lines[0].id,
    },
    VERSION: {
        "description": "The version of the cart that a change has made.",
        "required": True,
        "schema": {"type": "integer", "format": "int64", "maximum": 2**53 - 1},
        "example": CART.version,
    },
    REPLAYED: {
        "description": "The change was made before. The cart is that of now.",
        "schema": {"type": "string", "const": "true"},
    },
}

#: What comes with a problem, by its status.
WITH_PROBLEM: t.Final = {
    409: "ETag",
    412: "ETag",
    429: "Retry-After",
    503: "Retry-After",
}


def _parameter(
    name: str, where: str, description: str, **schema: t.Any
) -> dict[str, t.Any]:
    example = schema.pop("example", None)
    parameter = {
        "name": name,
        "in": where,
        "required": where == "path",
        "description": description,
        "schema": {"type": "string", **schema},
    }

    return parameter if example is None else parameter | {"example": example}


#: What comes with requests.
PARAMETERS: t.Final = {
    "line_id": _parameter(
        "line_id", "path", "The id of a line.", minLength=1, example=CART.lines[0].id
    ),
    "code": _parameter(
        "code",
        "path",
        "The code of a coupon, as the cart shows it.",
        minLength=1,
        example="TEN",
    ),
    "item": _parameter(
        "item", "path", "The id of a product.", minLength=1, example="mug"
    ),
    "problem": _parameter(
        "code", "path", "The code of a problem.", enum=[*ProblemCode]
    ),
    "If-Match": _parameter(
        "If-Match",
        "header",
        "The ETag of the cart that the change is meant for, or `*`.",
    ),
    "If-None-Match": _parameter(
        "If-None-Match",
        "header",
        "The ETag of a cart that is not to be shown again, or not to be changed. A"
        " change with `*` is made only if there is no cart yet.",
    ),
    "Idempotency-Key": _parameter(
        "Idempotency-Key",
        "header",
        "Made up for this change: sent again within 24 hours, it is not made again, but"
        " answered as it was. What was refused is not remembered.",
        maxLength=MAX_KEY,
        # There may be quotes around it, which are no part of it.
        pattern="^[ -~]*[!#-~][ -~]*$",
        example="8e03978e-40d5-43dd-bc93-6894a57f9324",
    ),
}
