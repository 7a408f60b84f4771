from __future__ import annotations

import re
import typing as t

import pytest
from flask import Flask
from flask import Response
from flask import request
from flask.testing import FlaskClient
from jsonschema_rs import Draft202012Validator
from jsonschema_rs import ValidationError
from openapi_spec_validator import OpenAPIV31SpecValidator

from flask_cart import FlaskCart
from flask_cart.app.problem_codes import ProblemCode
from flask_cart.http.routes import LINK
from flask_cart.http.routes import ROUTES
from flask_cart.http.routes import TAKE
from tests.support.apps import make_app
from tests.support.storefronts import JSON
from tests.support.storefronts import Storefront
from tests.support.storefronts import fill
from tests.support.storefronts import path_of

Json = dict[str, t.Any]


@pytest.fixture
def document(client: FlaskClient) -> Json:
    """The document of the shop."""
    return read_document(client)


def read_document(client: FlaskClient, prefix: str = "/cart") -> Json:
    response = client.get(f"{prefix}/openapi.json")
    assert response.status_code == 200
    assert response.mimetype == "application/json"

    return t.cast(Json, response.json)


def operations(document: Json) -> dict[tuple[str, str], Json]:
    """The operations of a document, by path and method."""
    return {
        (path, method.upper()): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


#: What is there for pages and their forms alone.
FOR_FORMS: t.Final = {
    (re.sub("<(?:[^:>]*:)?([^>]*)>", r"{\1}", route.address), route.method)
    for route in (*ROUTES, LINK, TAKE)
    if route.is_for_forms
}


def routes(app: Flask) -> set[tuple[str, str]]:
    """Path and method of all that the blueprint serves, save files."""
    return {
        (path_of(rule), method)
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("cart.") and rule.endpoint != "cart.static"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if (path_of(rule).removeprefix("/{instance}"), method) not in FOR_FORMS
    }


def bare_app(prefix: str) -> Flask:
    """An app with the blueprint, and nothing configured."""
    app = make_app(CART_STORAGE="memory")
    app.register_blueprint(FlaskCart(app).blueprint, url_prefix=prefix)

    return app


class TestDocument:
    def test_is_valid(self, document: Json) -> None:
        """The document is one of OpenAPI 3.1."""
        OpenAPIV31SpecValidator(document).validate()

        assert document["openapi"].startswith("3.1.")

    def test_is_valid_without_configuration(self) -> None:
        """It is so in an app that has only the default cart, and names no other."""
        document = read_document(bare_app("/cart").test_client())
        OpenAPIV31SpecValidator(document).validate()

        assert not [path for path in document["paths"] if "instance" in path]

    def test_has_every_route(self, shop: Storefront, document: Json) -> None:
        """Every route but those for forms is in it, and it names no other."""
        assert operations(document).keys() == routes(shop.app)

    def test_misses_a_route_that_is_not_described(self, shop: Storefront) -> None:
        """The comparison sees a route that somebody adds."""
        shop.app.add_url_rule("/cart/more", "cart.more", lambda: "")
        document = read_document(shop.app.test_client())

        assert routes(shop.app) - operations(document).keys() == {("/more", "GET")}

    def test_names_operations_once(self, document: Json) -> None:
        """Every operation has a name of its own, and says what it does."""
        all_operations = operations(document).values()
        names = [each["operationId"] for each in all_operations]

        assert len(set(names)) == len(names)
        assert all(each["summary"].endswith(".") for each in all_operations)

    @pytest.mark.parametrize(
        ("prefix", "url"), [("/cart", "/cart"), ("/a/b", "/a/b"), ("", "/")]
    )
    def test_names_its_server(self, prefix: str, url: str) -> None:
        """Its paths are behind the prefix that the app gave the blueprint."""
        document = read_document(bare_app(prefix).test_client(), prefix)

        assert document["servers"] == [{"url": url}]

    def test_names_the_server_behind_a_proxy(self, client: FlaskClient) -> None:
        """An app that is mounted below a path says so."""
        response = client.get("/cart/openapi.json", base_url="http://localhost/shop/")
        document = response.get_json()

        assert document["servers"] == [{"url": "/shop/cart"}]

    def test_names_the_instances(self, document: Json) -> None:
        """It names the carts that the app lets shoppers have."""
        schema = document["components"]["schemas"]["Instance"]

        assert schema["enum"] == ["later", "wishlist"]

    def test_has_no_component_for_nobody(self, document: Json) -> None:
        """What only pages send is not in it: generators refuse what is never used."""
        text = str(document)
        unused = [
            f"{kind}/{name}"
            for kind, components in document["components"].items()
            for name in components
            if kind != "securitySchemes" and f"/{kind}/{name}'" not in text
        ]

        assert unused == []

    def test_has_types_that_can_be_generated_from(self, document: Json) -> None:
        """Versions have more than 32 bits, and what may have any key says so."""
        schemas = document["components"]["schemas"]
        cart, problem = schemas["Cart"], schemas["Problem"]
        version = cart["properties"]["version"]
        bags = [cart["properties"]["metadata"], problem["properties"]["differs"]]
        objects = [
            each
            for schema in schemas.values()
            for each in schema.get("properties", {}).values()
            if each.get("type") == "object"
        ]

        assert (version["format"], version["maximum"]) == ("int64", 2**53 - 1)
        assert all(each["additionalProperties"] is True for each in bags)
        assert all("additionalProperties" in each for each in objects)

    def test_describes_for_readers_of_json(self, document: Json) -> None:
        """Descriptions say nothing about Python."""
        assert ":param" not in str(document)
        assert "``" not in str(document)

    def test_describes_every_field(self, document: Json) -> None:
        """Each schema, field, parameter, header and tag says what it is."""
        components = document["components"]
        described = [
            *components["schemas"].values(),
            *(
                field
                for schema in components["schemas"].values()
                for field in schema.get("properties", {}).values()
            ),
            *components["parameters"].values(),
            *components["headers"].values(),
            *components["responses"].values(),
            *components["securitySchemes"].values(),
            *document["tags"],
        ]

        assert [each for each in described if not each.get("description")] == []

    def test_has_tags(self, document: Json) -> None:
        """Every operation is in one group, and each group has some."""
        used = {tag for each in operations(document).values() for tag in each["tags"]}

        assert used == {tag["name"] for tag in document["tags"]}
        assert all(len(each["tags"]) == 1 for each in operations(document).values())

    def test_names_the_cookie(self, shop: Storefront) -> None:
        """Who the shopper is, is known by the guest's cookie, or the app's session."""
        shop.app.config["SESSION_COOKIE_NAME"] = "shop"
        document = read_document(shop.app.test_client())
        schemes = document["components"]["securitySchemes"]

        assert {each["in"] for each in schemes.values()} == {"cookie"}
        assert schemes["session"]["name"] == "shop"
        assert schemes["guest"]["name"] == "shop_cart"
        assert document["security"] == [{}, {"guest": []}, {"session": []}]

    def test_has_every_problem(self, document: Json) -> None:
        """The codes are an enum, and each status says which of them it has."""
        codes = document["components"]["schemas"]["ProblemCode"]
        responses = document["components"]["responses"]

        assert codes["type"] == "string"
        assert set(codes["enum"]) == {each.value for each in ProblemCode}

        for code in ProblemCode:
            if str(code.status) in responses:
                text = responses[str(code.status)]["description"]
                assert f"`{code}`: {code.meaning}" in text

    def test_has_examples(self, document: Json) -> None:
        """Every body of a request has one, and the cart; all are what they show."""
        bodies = [
            each["requestBody"]["content"]["application/json"]
            for each in operations(document).values()
            if "requestBody" in each
        ]
        answers = [
            content
            for each in document["components"]["responses"].values()
            for content in each.get("content", {}).values()
            if "example" in content
        ]

        assert len(answers) >= 5

        for each in [*bodies, *answers]:
            schema = each["schema"] | {"components": document["components"]}
            Draft202012Validator(schema).validate(each["example"])


class TestAnswers:
    @pytest.mark.parametrize(
        ("status", "body", "etag"),
        [(200, '{"version": "one"}', '"1"'), (200, "", ""), (418, "", '"1"')],
        ids=["body", "header", "status"],
    )
    def test_are_held_against_it(
        self, shop: Storefront, status: int, body: str, etag: str
    ) -> None:
        """The client of these tests refuses an answer that is not described.

        So all the other tests of the blueprint are tests of the document, too.
        """

        @shop.app.after_request
        def spoil(response: Response) -> Response:
            if "X-Spoil" in request.headers:
                response.status_code = status
                response.set_data(body or response.get_data())
                response.headers.pop("ETag")
                response.headers.update({"ETag": etag} if etag else {})

            return response

        client = shop.app.test_client()
        fill(client)
        client.get("/cart/", headers=JSON)

        with pytest.raises((ValidationError, AssertionError, KeyError)):
            client.get("/cart/", headers=JSON | {"X-Spoil": "1"})
