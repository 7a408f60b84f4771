"""Strategies: how many of an item there are once two carts have become one."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .errors import CartConfigError
from .lines import Line
from .lines import check_quantity
from .values import closest
from .values import refused_as

#: Takes the user's line, ``None`` if there is none, and the guest's, and returns the
#: quantity that the user has afterwards.
DecideQuantity = t.Callable[[Line | None, Line], int]


def add_quantities(mine: Line | None, theirs: Line) -> int:
    """As many as both carts have together."""
    return _quantity(mine) + theirs.quantity


def keep_highest_quantity(mine: Line | None, theirs: Line) -> int:
    """As many as the cart has that has more."""
    return max(_quantity(mine), theirs.quantity)


def keep_user_cart(mine: Line | None, theirs: Line) -> int:
    """As many as the user has, if that is any."""
    return _quantity(mine) or theirs.quantity


def replace_with_guest(mine: Line | None, theirs: Line) -> int:
    """As many as the guest has."""
    return theirs.quantity


@dataclass(frozen=True)
class Strategy:
    """A way to merge two carts.

    :param prefers_guest: Whether of two things with the same name, the guest's is kept.
    """

    name: str
    decide: DecideQuantity
    prefers_guest: bool = False

    def quantity(self, mine: Line | None, theirs: Line) -> int:
        """The quantity that the user has afterwards.

        :raises CartConfigError: If the app's function returns something else.
        """
        opening = f"The merge strategy {self.name!r} is wrong: "

        with refused_as(CartConfigError, opening):
            return check_quantity(self.decide(mine, theirs), at_least=0)


ADD_QUANTITIES: t.Final = Strategy("add_quantities", add_quantities)

_BUILT_IN: t.Final = (
    ADD_QUANTITIES,
    Strategy("keep_highest_quantity", keep_highest_quantity),
    Strategy("keep_user_cart", keep_user_cart),
    Strategy("replace_with_guest", replace_with_guest, prefers_guest=True),
)


class Strategies:
    """The strategies of an extension, by name."""

    def __init__(self) -> None:
        self._by_name = {each.name: each for each in _BUILT_IN}

    def add(self, name: str, decide: DecideQuantity) -> None:
        """Register the app's own.

        :raises CartConfigError: If there is a built-in one of the name.
        """
        if any(each.name == name for each in _BUILT_IN):
            raise CartConfigError(f"There is a built-in merge strategy {name!r}.")

        self._by_name[name] = Strategy(name, decide)

    def find(self, name: str) -> Strategy:
        """The strategy of this name.

        :raises CartConfigError: If there is none.
        """
        if name not in self._by_name:
            raise CartConfigError(
                f"There is no merge strategy {name!r:.80}."
                f"{closest(str(name), self._by_name)}"
            )

        return self._by_name[name]


def _quantity(line: Line | None) -> int:
    return line.quantity if line is not None else 0
