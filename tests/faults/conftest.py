from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask

from tests.support.backends import BACKENDS
from tests.support.backends import ENDPOINTS
from tests.support.backends import Backend
from tests.support.backends import Endpoint
from tests.support.customers import OK
from tests.support.customers import Config
from tests.support.customers import Customer
from tests.support.customers import shop
from tests.support.forgetful import collect_sockets  # noqa: F401
from tests.support.forgetful import forgetful
from tests.support.proxies import Proxy
from tests.support.proxies import proxy


@pytest.fixture(scope="session")
def endpoint_of() -> Iterator[Callable[[str], Endpoint]]:
    """Gives servers by name; each is started when it is first asked for."""
    with ExitStack() as stack:
        started: dict[str, Endpoint] = {}

        def find(name: str) -> Endpoint:
            if name not in started:
                started[name] = stack.enter_context(ENDPOINTS[name]())

            return started[name]

        yield find


@pytest.fixture
def backend(
    request: pytest.FixtureRequest, endpoint_of: Callable[[str], Endpoint]
) -> Iterator[Backend]:
    """A server that may be broken, and is repaired after the test."""
    name, make_config = BACKENDS[request.param]
    endpoint = endpoint_of(name)

    yield Backend(endpoint, make_config)

    if endpoint.daemon.process.poll() is None:
        endpoint.daemon.resume()
    else:
        endpoint.daemon.start()


@pytest.fixture
def open_shop() -> Iterator[Callable[[Config], Flask]]:
    """Opens shops, that are closed after the test."""
    with ExitStack() as stack:
        yield lambda config: stack.enter_context(shop(config))


@pytest.fixture
def customer(backend: Backend, open_shop: Callable[[Config], Flask]) -> Customer:
    """Somebody with a mug in the cart, in a shop that talks to the server."""
    found = Customer(open_shop(backend.config()))
    assert found.add("mug") == OK

    return found


@pytest.fixture
def relay(backend: Backend) -> Iterator[Proxy]:
    """What stands between a shop and the server."""
    with proxy(backend.endpoint.address) as found:
        yield found


@pytest.fixture
def relayed_customer(
    backend: Backend, relay: Proxy, open_shop: Callable[[Config], Flask]
) -> Customer:
    """Somebody with a mug in the cart, in a shop that talks to the relay."""
    found = Customer(open_shop(backend.config(relay.port)))
    assert found.add("mug") == OK

    return found


@pytest.fixture
def rival(
    backend: Backend,
    relayed_customer: Customer,
    open_shop: Callable[[Config], Flask],
) -> Customer:
    """The same customer, in a shop that talks to the server."""
    return Customer(open_shop(backend.config()), relayed_customer.cookies)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(forgetful)
