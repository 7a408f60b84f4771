"""Schemathesis: what it makes of the OpenAPI document, the app answers as described."""

from __future__ import annotations

import copy
import itertools
import json
import os
import random
import typing as t
from collections import Counter
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import pytest
import schemathesis
from flask import Flask
from flask import request
from schemathesis import engine
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events

from flask_cart import current_cart
from tests.support.storefronts import COUPONS
from tests.support.storefronts import METHODS
from tests.support.storefronts import SHELF
from tests.support.storefronts import line_of
from tests.support.storefronts import open_storefront

# It goes nowhere where no other test goes, and measuring that would take as long again.
pytestmark = pytest.mark.unmeasured

Json = dict[str, t.Any]

#: With the checks of all phases: examples, limits of the schemas, chance, sequences. It
#: is not asked whether a cookie is ignored, as nobody has to be known to have a cart.
CHECKS: t.Final = {
    "allow_header_conformance",
    "content_type_conformance",
    "ensure_resource_availability",
    "missing_required_header",
    "negative_data_rejection",
    "not_a_server_error",
    "object_level_authorization",
    "positive_data_acceptance",
    "response_headers_conformance",
    "response_schema_conformance",
    "status_code_conformance",
    "unsupported_method",
    "use_after_free",
}

#: What a request is refused with that is not as the document wants it.
FAULTS: t.Final = {
    "bad-request",
    "body-too-large",
    "invalid-field",
    "length-required",
    "method-not-allowed",
    "other",
    "other-site",
    "unsupported-media-type",
}

#: How many requests are made at least, and how many by chance of each operation at a
#: time: "make requests" makes more.
CASES: t.Final = int(os.environ.get("CART_TESTS_REQUESTS", "1500"))
EXAMPLES: t.Final = 15 if CASES <= 1500 else 40


@pytest.fixture
def seed() -> int:
    """Where many requests are made, another one in each run. It is shown if the test
    fails."""
    any_seed = random.randrange(10**6) if CASES > 1500 else 1
    seed = int(os.environ.get("CART_TESTS_SEED") or any_seed)
    print(f"To repeat this: CART_TESTS_SEED={seed}")

    return seed


#: What is in every cart again, whatever was done to it before.
KEPT: t.Final = ("mug", "pot")


class Browser:
    """An app as one browser sees it, which sends the cookies that it got."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._cookies: dict[str, str] = {}

    def __call__(self, environ: Json, start_response: t.Any) -> t.Any:
        def start(status: str, headers: list[tuple[str, str]], *args: t.Any) -> t.Any:
            cookies = [value for name, value in headers if name == "Set-Cookie"]

            for cookie in cookies:
                name, _, value = cookie.partition(";")[0].partition("=")
                self._cookies[name] = value

            return start_response(status, headers, *args)

        cookie = "; ".join(map("=".join, self._cookies.items()))

        return self._app(environ | {"HTTP_COOKIE": cookie}, start)


@dataclass
class Outcome:
    """What came of a run.

    :param cases: How many requests, by phase.
    :param done: The operations that were answered with 200.
    :param checks: The names of the checks that were made.
    :param failures: What does not hold.
    :param refusals: What valid requests were refused with, by status and code.
    """

    cases: Counter[str] = field(default_factory=Counter)
    done: set[str] = field(default_factory=set)
    checks: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)

    def note(self, event: events.EngineEvent) -> None:
        if isinstance(event, events.NonFatalError | events.FatalError):
            self.failures.append(repr(event))
        elif isinstance(event, events.ScenarioFinished):
            self._note_scenario(event)

    def _note_scenario(self, event: events.ScenarioFinished) -> None:
        recorder = event.recorder
        self.cases[event.phase.name] += len(recorder.cases)
        self.done.update(
            recorder.cases[case_id].value.operation.label
            for case_id, interaction in recorder.interactions.items()
            if interaction.response is not None
            and interaction.response.status_code == 200
        )

        for case_id, interaction in recorder.interactions.items():
            meta, response = recorder.cases[case_id].value.meta, interaction.response
            is_valid = meta is not None and meta.generation.mode.is_positive

            if is_valid and response is not None and response.status_code >= 400:
                code = json.loads(response.content)["code"]
                self.refusals[str(response.status_code), code] += 1

        for case_id, checks in recorder.checks.items():
            self.checks.update(check.name for check in checks)
            self.failures.extend(
                f"{check.failure_info.failure}\n{recorder.cases[case_id].value!r}"
                for check in checks
                if check.failure_info is not None
            )


def run(
    app: Flask,
    document: Json,
    *,
    examples: int,
    mode: str,
    seed: int,
    outcome: Outcome | None = None,
) -> Outcome:
    """Let an app answer what its document makes possible.

    :param examples: How many there are by chance, of each operation.
    :param mode: ``"positive"`` for what the schemas allow, or ``"all"``.
    :param seed: What the chance begins with.
    :param outcome: What came of earlier runs.
    """
    config = SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "headers": {"Accept": "application/json"},
            "continue-on-failure": True,
            "generation": {
                "mode": mode,
                "max-examples": examples,
                "database": "none",
            },
            # A cart may refuse what the schemas allow: there may be no such item.
            "checks": {
                "positive_data_acceptance": {
                    "expected-statuses": ["200", "304", "404", "409", "412", "422"]
                },
                # By chance, it is too large as well.
                "negative_data_rejection": {
                    "expected-statuses": ["400", "404", "409", "413", "415", "422"]
                },
            },
        }
    )
    schema = schemathesis.openapi.from_dict(document, config=config)
    schema.app = Browser(app)
    outcome = outcome or Outcome()

    for event in engine.from_schema(schema).execute():
        outcome.note(event)

    return outcome


def with_what_there_is(document: Json) -> Json:
    """A document of the same API that knows the shop, so that more is done."""
    known = copy.deepcopy(document)
    schemas = known["components"]["schemas"]
    parameters = known["components"]["parameters"]
    choices = {"size": {"enum": ["S", "L"]}}
    options = {"properties": choices, "additionalProperties": False}

    schemas["Addition"]["properties"]["item"]["enum"] = list(SHELF)
    schemas["Addition"]["properties"]["options"] |= options
    schemas["Code"]["properties"]["code"]["enum"] = list(COUPONS)
    schemas["Method"]["properties"]["method"]["enum"] = [each.name for each in METHODS]
    schemas["Entries"]["properties"]["metadata"]["properties"] = {"note": {}}
    schemas["Move"]["properties"]["to"]["enum"] = ["default", "later", "wishlist"]
    parameters["line_id"]["schema"]["enum"] = [line_of(item) for item in KEPT]
    parameters["If-Match"]["schema"]["enum"] = ["*"]

    return known


def keep_carts_full() -> None:
    """Put what a cart has lost into it again, before anything else is done to it."""
    instance = (request.view_args or {}).get("instance")

    if instance in ("default", "later", "wishlist"):
        cart = current_cart.instance(instance)

        for item in KEPT:
            if line_of(item) not in cart:
                cart.add(SHELF[item])


def read_document(app: Flask) -> Json:
    document: Json = app.test_client().get("/cart/openapi.json").get_json()

    return document


def is_explained(document: Json, status: str, code: str) -> bool:
    """Whether a document says that a request may be refused like that, although it is
    just as its schemas want it."""
    description: str = document["components"]["responses"][status]["description"]

    return code not in FAULTS and f"`{code}`" in description


def test_answers_as_described(tmp_path: Path, seed: int) -> None:
    """Whatever may be sent, and whatever may not, by chance each time; without the
    routes of forms, which the document of the JSON API does not have."""
    outcome = Outcome()

    with open_storefront("memory", folder=tmp_path, CART_JSON_ONLY=True) as shop:
        document = read_document(shop.app)

        for round_ in itertools.count():
            run(
                shop.app,
                document,
                examples=EXAMPLES,
                mode="all",
                seed=seed + round_,
                outcome=outcome,
            )

            if outcome.cases.total() >= CASES or outcome.failures:
                break

    assert outcome.failures == []
    assert outcome.checks == CHECKS
    assert len(outcome.refusals) > 5
    assert [
        each for each in outcome.refusals if not is_explained(document, *each)
    ] == []


def test_changes_as_described(tmp_path: Path, seed: int) -> None:
    """What this shop can do is done, and answered as it is described."""
    with open_storefront("memory", folder=tmp_path) as shop:
        shop.app.before_request(keep_carts_full)
        known = with_what_there_is(read_document(shop.app))
        outcome = run(shop.app, known, examples=10, mode="positive", seed=seed)

    assert outcome.failures == []
    assert outcome.done == {
        f"{method.upper()} {path}"
        for path, methods in known["paths"].items()
        for method in methods
    }
