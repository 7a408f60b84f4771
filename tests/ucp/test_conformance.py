"""The demo before the judges of others: the checks of the standard that are at hand."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.slackwater import Shop
from tests.support.tls import served_by_tls

pytestmark = pytest.mark.unmeasured

#: What their checks need to know of the shop.
CONFIG: t.Final = {
    "product_id": "MUG-FOG",
    "currency": "EUR",
    "cart": {"second_product_id": "KETTLE-TAR"},
}

#: What they ask of each version that is about a cart, a profile or an answer.
PASSED: t.Final = {
    "2026-08-25": {
        "cart.line_item_shape",
        "cart.response_shape",
        "discovery.rest_endpoint",
        "discovery.reverse_domain_names",
        "discovery.version",
        "totals.additive_non_negative",
        "totals.subtotal_and_total",
    },
    "2026-04-08": {
        "cart.cancel_returns_state",
        "cart.https_tls13_minimum",
        "cart.idempotency_conflict",
        "cart.line_item_shape",
        "cart.response_body_valid_json",
        "cart.response_shape",
        "cart.update_full_replacement",
        "discovery.endpoints_https",
        "discovery.profile_cache_control",
        "discovery.profile_https",
        "discovery.profile_no_redirect",
        "discovery.rest_endpoint",
        "discovery.reverse_domain_names",
        "discovery.version",
        "payment.profile_handlers_registry",
        "profile.reverse_domain_names",
        "profile.spec_url_authority",
        "profile.version_dated",
        "totals.additive_non_negative",
        "totals.subtotal_and_total",
    },
}

#: What they ask of checkout sessions, also of a shop whose profile names none.
OF_CHECKOUTS: t.Final = {
    "cart.conversion_idempotent",
    "cart.conversion_uses_cart_contents",
    "checkout.deterministic_logic",
    "checkout.idempotency_conflict",
    "checkout.protocol_error_shape",
    "payment.handler_id_validated",
    "response.capabilities_relevant",
    "response.content_type_json",
    "response.envelope_every_response",
    "signals.attribution_no_effect",
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the demo is. They look for a profile at one place only, so behind
    ``/older`` there is that of the older version."""
    folder = tmp_path_factory.mktemp("shop")
    shop = Shop(f"sqlite:///{folder / 'shop.sqlite3'}")

    def app(environ: dict[str, t.Any], start: t.Any) -> t.Any:
        if environ["PATH_INFO"] == "/older/.well-known/ucp":
            environ["PATH_INFO"] = "/.well-known/ucp/2026-04-08"

        return shop.app(environ, start)

    with served_by_tls(app, folder) as address:
        yield address

    shop.close()


def judge(address: str, folder: Path) -> dict[str, t.Any]:
    """The report of all checks."""
    config = folder / "config.json"
    config.write_text(json.dumps(CONFIG))
    options = ["--config", str(config), "--json", "--insecure"]
    done = subprocess.run(
        [sys.executable, "-m", "spck_conformance.cli", "--server", address, *options],
        capture_output=True,
        text=True,
        timeout=120,
    )
    report: dict[str, t.Any] = json.loads(done.stdout)

    return report


@pytest.mark.parametrize(
    ("path", "version", "not_ours"),
    [("", "2026-08-25", set()), ("/older", "2026-04-08", OF_CHECKOUTS)],
)
def test_the_checks_of_the_standard(
    address: str, tmp_path: Path, path: str, version: str, not_ours: set[str]
) -> None:
    """All that are about what the shop declares pass."""
    report = judge(address + path, tmp_path)
    outcomes: dict[str, set[str]] = {}

    for each in report["checks"]:
        outcomes.setdefault(each["status"], set()).add(each["id"])

    assert report["spec_version"] == version
    assert outcomes.get("deviation", set()) == not_ours
    assert outcomes["clean-pass"] == PASSED[version]
    assert "inconclusive" not in outcomes
