"""Signatures: a request comes from the assistant that it names, as that has sent it.

By RFC 9421, with the keys in the profile of the assistant.
"""

from __future__ import annotations

import base64
import hashlib
import json
import typing as t
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from flask import Blueprint
from flask import Request
from flask import request
from http_message_signatures import HTTPMessageVerifier
from http_message_signatures import HTTPSignatureKeyResolver
from http_message_signatures import InvalidSignature
from http_message_signatures.algorithms import ECDSA_P256_SHA256
from http_message_signatures.exceptions import HTTPMessageSignaturesException
from werkzeug.datastructures import Headers
from werkzeug.urls import iri_to_uri

from .blueprint import NAME
from .fetching import Profile
from .requests import ProtocolError
from .requests import profile_in
from .requests import read_asked

Jwk = t.Mapping[str, t.Any]


def require_signatures(
    blueprint: Blueprint, profile_of: Callable[[str], Profile | None]
) -> None:
    """Serve only assistants whose requests are signed with a key of their profile.

    .. code-block:: python

        ucp = ucp_blueprint()
        require_signatures(ucp, ProfileFetcher())
        app.register_blueprint(ucp)

    The profile of the shop itself is for everybody.

    :param profile_of: Is given the address of a profile, and returns what is there, or
        ``None`` for an assistant that is not to be served. :class:`.ProfileFetcher`
        fetches it; an app that knows its assistants needs no network for it.
    """

    def check() -> None:
        if request.endpoint == f"{NAME}.profile":
            return

        # What is wrong with the request itself is said first.
        asked = read_asked(
            request, t.cast("dict[str, str]", request.view_args)["version"]
        )
        profile = profile_of(t.cast(str, profile_in(request)))

        if profile is None:
            raise ProtocolError(
                403, "profile_not_trusted", "This assistant is not served here."
            )

        check_signature(request, asked.body, keys_of(profile))

    blueprint.before_request(check)


@dataclass
class _Message:
    """A request as the library reads it."""

    method: str
    url: str
    headers: Headers


class _Keys(HTTPSignatureKeyResolver):
    """The keys of a profile, by their names."""

    def __init__(self, keys: t.Sequence[Jwk]) -> None:
        self._keys = {each["kid"]: each for each in keys}

    def resolve_public_key(self, key_id: str) -> ec.EllipticCurvePublicKey:
        key = self.find(key_id)

        if (key.get("kty"), key.get("crv")) != ("EC", "P-256"):
            raise ProtocolError(400, "algorithm_unsupported", "Sign with ES256.")

        x, y = (int.from_bytes(_decoded(str(key[name]))) for name in ("x", "y"))

        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()

    def find(self, key_id: str) -> Jwk:
        if key_id not in self._keys:
            raise ProtocolError(401, "key_not_found", "No such key is in the profile.")

        return self._keys[key_id]


def keys_of(profile: Profile) -> list[Jwk]:
    """The keys of a profile that may be used for signatures, in either version."""
    found = profile.get("keys", profile.get("signing_keys"))

    return [
        each
        for each in (found if isinstance(found, list) else ())
        if isinstance(each, dict) and _is_of_use(each)
    ]


def _is_of_use(key: Jwk) -> bool:
    uses = key.get("key_ops", ["verify"])
    is_for_this = key.get("use", "sig") == "sig" and isinstance(uses, list)

    return isinstance(key.get("kid"), str) and is_for_this and "verify" in uses


def check_signature(asked: Request, body: bytes, keys: t.Sequence[Jwk]) -> None:
    """See that a request is signed with one of some keys, as a whole.

    :raises ProtocolError: If it is not.
    """
    if "Signature-Input" not in asked.headers or "Signature" not in asked.headers:
        raise ProtocolError(401, "signature_missing", "Sign your requests (RFC 9421).")

    resolver = _Keys(keys)
    verifier = HTTPMessageVerifier(
        signature_algorithm=ECDSA_P256_SHA256, key_resolver=resolver
    )
    # It is the key of a change that keeps it from being sent again by others.
    verifier.require_created = False
    message = _Message(asked.method, iri_to_uri(asked.url), Headers(asked.headers))

    try:
        (verified,) = verifier.verify(
            message, max_age=None, require_components=_to_be_covered(asked, body)
        )
    except InvalidSignature as error:
        if isinstance(error.__cause__, ProtocolError):
            raise error.__cause__ from None

        raise _invalid() from error

    key_id = str(verified.parameters["keyid"])

    is_bot = verified.parameters.get("tag") == "web-bot-auth"

    if is_bot and key_id != thumbprint(resolver.find(key_id)):
        raise _invalid()

    try:
        verifier.verify_body(message, [verified], body)
    except HTTPMessageSignaturesException as error:
        raise ProtocolError(
            400, "digest_mismatch", "The body is not that of Content-Digest."
        ) from error


def _to_be_covered(asked: Request, body: bytes) -> list[str]:
    """What of a request has to be signed."""
    needed = ["@method", "@authority", "@path", "ucp-agent"]

    if asked.query_string:
        needed.append("@query")

    if asked.method != "GET":
        needed.append("idempotency-key")

    if body:
        needed += ["content-digest", "content-type"]

    return needed


def thumbprint(key: Jwk) -> str:
    """What a key is called by RFC 7638."""
    members = {name: key[name] for name in ("crv", "kty", "x", "y")}
    text = json.dumps(members, separators=(",", ":"), sort_keys=True)
    digest = hashlib.sha256(text.encode()).digest()

    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _invalid() -> ProtocolError:
    return ProtocolError(401, "signature_invalid", "The signature is not valid.")
