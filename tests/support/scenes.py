"""Scenes: each is a page in a state that somebody may find it in.

A scene is prepared without a browser, which takes hardly any time, and then looked at
in one, or read as it is. To add one, write a function into ``scenes_of_slackwater.py``
or ``scenes_of_mug_shop.py``: it brings a visitor there, and returns the address.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from dataclasses import dataclass
from zlib import crc32

from flask import Flask
from playwright.sync_api import Page
from werkzeug.test import TestResponse

from tests.support.slackwater import Visitor

#: The last one is written from right to left.
LANGUAGES: t.Final = ("en", "de", "fr", "es", "ar")

_SEND = """([path, fields]) => {
  const form = document.createElement("form");
  form.method = "post";
  form.action = path;

  for (const [name, value] of Object.entries(fields)) {
    const field = document.createElement("input");
    form.append(Object.assign(field, {type: "hidden", name, value}));
  }

  document.body.append(form);
  HTMLFormElement.prototype.submit.call(form);
}"""


class House(t.Protocol):
    """A shop that scenes are of."""

    @property
    def app(self) -> Flask: ...

    def welcome(self, language: str) -> Visitor:
        """Somebody new, who reads the pages in a language."""
        ...

    def add_elsewhere(self, visitor: Visitor) -> str:
        """Put one more into somebody's cart, as another device does; the version that
        the cart has then."""
        ...


H = t.TypeVar("H", bound=House)


class Sent(t.NamedTuple):
    """A page without an address of its own, that answers a form.

    :param page: Where the form is.
    :param path: Where it is sent.
    :param fields: What is sent.
    """

    page: str
    path: str
    fields: dict[str, str]


@dataclass(frozen=True)
class Stage(t.Generic[H]):
    """Where a scene is prepared.

    :param shop: May be changed, and is changed back by what is called ``later``.
    :param visitor: Nobody has been there with their browser.
    """

    shop: H
    visitor: Visitor
    later: ExitStack


#: What prepares a scene, and returns where it is.
Prepare = Callable[[Stage[H]], str | Sent]


@dataclass(frozen=True)
class Scene(t.Generic[H]):
    """A page in a state.

    :param act: What is done on the page itself, which takes scripts.
    :param languages: Those that it is in.
    :param is_rare: Whether only ``make audit`` looks at it: another scene has the same
        parts of the page.
    """

    name: str
    prepare: Prepare[H]
    act: Callable[[Page], None] | None = None
    status: int = 200
    languages: tuple[str, ...] = LANGUAGES
    is_rare: bool = False

    @property
    def chance(self) -> int:
        """A number that stays the same whatever scenes there are beside this one."""
        return crc32(self.name.encode())

    @property
    def turn(self) -> str:
        """The language in which it is looked at, if that is only one."""
        return self.languages[self.chance % len(self.languages)]

    def read(self, stage: Stage[H]) -> TestResponse:
        """The page as it is without scripts."""
        target = self.prepare(stage)
        client = stage.visitor.client

        if isinstance(target, Sent):
            answer = client.post(target.path, data=target.fields)
        else:
            answer = client.get(target)

        assert (self.name, answer.status_code) == (self.name, self.status), answer.text

        return answer

    def show(self, stage: Stage[H], page: Page, address: str) -> None:
        """Open it in a browser that has not been at the shop before.

        :param address: Of the shop.
        """
        target = self.prepare(stage)
        page.context.add_cookies(
            [
                {"name": each.decoded_key, "value": each.value, "url": address}
                # There is no other way to find all of them.
                for each in stage.visitor.client._cookies.values()  # type: ignore[union-attr]
            ]
        )

        if isinstance(target, Sent):
            page.goto(target.page)

            with page.expect_navigation():
                page.evaluate(_SEND, [target.path, target.fields])
        else:
            page.goto(target)

        if self.act is not None:
            self.act(page)


class Programme(dict[str, Scene[H]]):
    """All scenes of a shop, by name."""

    def scene(
        self,
        act: Callable[[Page], None] | None = None,
        status: int = 200,
        *,
        is_rare: bool = False,
    ) -> Callable[[Prepare[H]], Prepare[H]]:
        """Add a scene, which is called like its function.

        :param act: What is to be done on the page.
        :param status: What the page answers with.
        :param is_rare: Whether another scene has the same parts of the page.
        """

        def add(prepare: Prepare[H]) -> Prepare[H]:
            name = prepare.__name__.replace("_", " ")
            assert name not in self
            self[name] = Scene(name, prepare, act, status, is_rare=is_rare)

            return prepare

        return add

    def pages(
        self, paths: dict[str, str], languages: tuple[str, ...] = LANGUAGES
    ) -> None:
        """Add pages that are as they are when one comes to them, by their paths."""
        for name, path in paths.items():
            self[name] = Scene(name, lambda _, path=path: path, languages=languages)


@contextmanager
def staged(shop: H, language: str) -> Iterator[Stage[H]]:
    """A stage, which is as before afterwards."""
    with ExitStack() as later:
        yield Stage(shop, shop.welcome(language), later)
