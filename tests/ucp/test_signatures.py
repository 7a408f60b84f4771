"""Requests that are signed with a key of the profile that they name."""

from __future__ import annotations

import base64
import hashlib
import json
import typing as t
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from http_message_signatures import HTTPMessageSigner
from http_message_signatures import HTTPSignatureKeyResolver
from http_message_signatures.algorithms import ECDSA_P256_SHA256
from werkzeug.test import TestResponse

from flask_cart.ucp import ucp_blueprint
from flask_cart.ucp.signatures import keys_of
from flask_cart.ucp.signatures import require_signatures
from flask_cart.ucp.signatures import thumbprint
from tests.support.assistants import NEWEST
from tests.support.assistants import SHOP
from tests.support.assistants import read_json
from tests.support.storefronts import Storefront
from tests.support.storefronts import open_storefront

AGENT: t.Final = "https://agent.example/profile"
CARTS: t.Final = f"/ucp/{NEWEST}/carts"
POT: t.Final = json.dumps({"line_items": [{"item": {"id": "pot"}, "quantity": 1}]})

PRIVATE: t.Final = ec.generate_private_key(ec.SECP256R1())


def number(value: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes(32, "big")).decode().rstrip("=")


POINT: t.Final = PRIVATE.public_key().public_numbers()
KEY: t.Final = {
    "kid": "one",
    "kty": "EC",
    "crv": "P-256",
    "x": number(POINT.x),
    "y": number(POINT.y),
}

#: What is signed of a change.
COVERED: t.Final = (
    "@method",
    "@authority",
    "@path",
    "ucp-agent",
    "idempotency-key",
    "content-digest",
    "content-type",
)


class Signing(HTTPSignatureKeyResolver):
    def resolve_private_key(self, key_id: str) -> ec.EllipticCurvePrivateKey:
        return PRIVATE


@dataclass
class Signed:
    """A request, as it is signed."""

    method: str = "POST"
    path: str = CARTS
    body: str = POT
    covered: tuple[str, ...] = COVERED
    key_id: str = "one"
    tag: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"{SHOP}{self.path}"

    def sign(self) -> Signed:
        digest = base64.b64encode(hashlib.sha256(self.body.encode()).digest()).decode()
        of_body = {
            "Idempotency-Key": "k",
            "Content-Digest": f"sha-256=:{digest}:",
            "Content-Type": "application/json",
        }
        agent = {"UCP-Agent": f'profile="{AGENT}"'}
        self.headers = {**agent, **(of_body if self.body else {}), **self.headers}
        signer = HTTPMessageSigner(
            signature_algorithm=ECDSA_P256_SHA256, key_resolver=Signing()
        )
        signer.sign(
            self,
            key_id=self.key_id,
            tag=self.tag,
            include_alg=False,
            covered_component_ids=self.covered,
            use_existing_digest=bool(self.body),
        )

        return self

    def send(self, shop: Storefront) -> TestResponse:
        return shop.app.test_client().open(
            self.path,
            method=self.method,
            data=self.body,
            headers=self.headers,
            base_url=SHOP,
        )


@pytest.fixture
def profile() -> dict[str, t.Any]:
    """The profile of the assistant."""
    return {"keys": [{"kid": "rsa", "kty": "RSA"}, KEY]}


@pytest.fixture
def shop(tmp_path: Path, profile: dict[str, t.Any]) -> t.Iterator[Storefront]:
    """A shop that serves one assistant, if it signs."""
    with open_storefront("memory", folder=tmp_path) as shop:
        ucp = ucp_blueprint()
        require_signatures(ucp, {AGENT: profile}.get)
        shop.app.register_blueprint(ucp)
        yield shop


def refused(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, read_json(answer)["code"]


def test_who_signs_is_served(shop: Storefront) -> None:
    """With all that the standard wants to be signed; of reading, that is less."""
    made = Signed().sign().send(shop)

    assert made.status_code == 201

    path = f"{CARTS}/{read_json(made)['id']}"
    read = Signed("GET", path, "", COVERED[:4])

    assert read.sign().send(shop).status_code == 200

    asking = Signed("GET", f"{path}?q=%C3%A4+1", "", (*COVERED[:4], "@query"))

    assert asking.sign().send(shop).status_code == 200

    asking.covered = COVERED[:4]

    assert refused(asking.sign().send(shop)) == (401, "signature_invalid")


def test_who_does_not_sign(shop: Storefront) -> None:
    """It is told so, for whatever it wants; the shop's own profile is for everybody."""
    signed = Signed().sign()

    for name in ("Signature", "Signature-Input"):
        headers = {k: v for k, v in signed.headers.items() if k != name}
        answer = Signed(headers=headers).send(shop)

        assert refused(answer) == (401, "signature_missing")

    client = shop.app.test_client()

    assert client.get("/.well-known/ucp", base_url=SHOP).status_code == 200


def test_what_is_wrong_with_a_request_comes_first(shop: Storefront) -> None:
    """As without signatures."""
    assert refused(Signed(path="/ucp/2020-01-01/carts").sign().send(shop)) == (
        422,
        "version_unsupported",
    )


def test_who_is_not_known(shop: Storefront) -> None:
    """An app says whom it serves."""
    other = Signed(headers={"UCP-Agent": 'profile="https://other.example/profile"'})

    assert refused(other.sign().send(shop)) == (403, "profile_not_trusted")


@pytest.mark.parametrize("missing", COVERED)
def test_all_of_it_is_signed(shop: Storefront, missing: str) -> None:
    """Or somebody on the way could change the rest."""
    covered = tuple(each for each in COVERED if each != missing)
    answer = Signed(covered=covered).sign().send(shop)

    assert refused(answer) == (401, "signature_invalid")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"path": f"{CARTS}/cart_other", "method": "PUT"}, "signature_invalid"),
        ({"headers": {"Idempotency-Key": "other"}}, "signature_invalid"),
        ({"headers": {"Signature": "pyhms=:AAAA:"}}, "signature_invalid"),
        ({"headers": {"Signature": "not one"}}, "signature_invalid"),
        ({"headers": {"Signature-Input": "pyhms=1"}}, "signature_invalid"),
        ({"body": POT.replace("1", "9")}, "digest_mismatch"),
        ({"body": ""}, "digest_mismatch"),
    ],
)
def test_what_is_changed_on_the_way(
    shop: Storefront, change: dict[str, t.Any], code: str
) -> None:
    """It is not what was signed."""
    signed = Signed().sign()
    signed.headers |= change.pop("headers", {})

    for name, value in change.items():
        setattr(signed, name, value)

    assert refused(signed.send(shop))[1] == code


def test_several_signatures(shop: Storefront) -> None:
    """None of them is read: who signs for several signs for all at once."""
    signed = Signed().sign()

    for name in ("Signature", "Signature-Input"):
        _, _, value = signed.headers[name].partition("=")
        signed.headers[name] = f"one={value}, two={value}"

    assert refused(signed.send(shop)) == (401, "signature_invalid")


@pytest.mark.parametrize(
    ("key_id", "error"),
    [
        ("two", (401, "key_not_found")),
        ("rsa", (400, "algorithm_unsupported")),
    ],
)
def test_other_keys(shop: Storefront, key_id: str, error: tuple[int, str]) -> None:
    """One that is not published, and one that this shop cannot read."""
    assert refused(Signed(key_id=key_id).sign().send(shop)) == error


@pytest.mark.parametrize(
    "broken", [{"x": "AA"}, {"x": number(1)}, {"x": "\u00e4"}, {"y": None}]
)
def test_a_key_that_is_none(
    shop: Storefront, profile: dict[str, t.Any], broken: dict[str, t.Any]
) -> None:
    """Nothing is signed with it, and it is no error of the shop."""
    profile["keys"] = [KEY | broken]

    assert refused(Signed().sign().send(shop)) == (401, "signature_invalid")


def test_a_bot_calls_its_key_by_what_it_is(
    shop: Storefront, profile: dict[str, t.Any]
) -> None:
    """As the standard wants it of signatures that are also for others."""
    assert refused(Signed(tag="web-bot-auth").sign().send(shop)) == (
        401,
        "signature_invalid",
    )

    name = thumbprint(KEY)
    profile["keys"].append(KEY | {"kid": name})
    answer = Signed(tag="web-bot-auth", key_id=name).sign().send(shop)

    assert answer.status_code == 201


def test_which_keys_are_of_use() -> None:
    """Those for signatures, under the name of either version."""
    others = [
        KEY | {"use": "enc"},
        KEY | {"key_ops": ["sign"]},
        KEY | {"key_ops": 1},
        {"kty": "EC"},
        KEY | {"kid": 7},
        "one",
    ]
    of_use = [KEY, KEY | {"use": "sig", "key_ops": ["verify"]}]

    assert keys_of({"keys": [*others, *of_use]}) == of_use
    assert keys_of({"signing_keys": of_use}) == of_use
    assert keys_of({"keys": {"one": KEY}}) == []
    assert keys_of({}) == []
