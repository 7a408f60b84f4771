"""The rulebook: the rules of an app, by name."""

from __future__ import annotations

import functools
import inspect
import typing as t
from contextlib import suppress
from decimal import Decimal

import msgspec

from ..model.conditions import Condition
from ..model.errors import CartConfigError
from ..model.errors import CartVetoError
from ..model.errors import InvalidConditionError
from ..model.money import check_decimal
from ..model.rules import COMBINATORS
from ..model.rules import Rule
from ..model.values import check_text
from ..model.values import closest
from ..model.values import refused_as
from .builtin_amounts import AMOUNTS
from .builtin_rules import RULES
from .facts import Facts
from .shipping import ShippingMethod

FactsFunction = t.Callable[[Facts], t.Mapping[str, t.Any]]
ConditionProvider = t.Callable[[Facts], t.Iterable[Condition]]
ShippingLister = t.Callable[[Facts], t.Iterable[ShippingMethod]]

#: Finds the condition of a code; its name is the code as the shop writes it. It may ask
#: for the facts of the cart as well.
CouponLoader = (
    t.Callable[[str], Condition | None] | t.Callable[[str, Facts], Condition | None]
)

#: The same, whatever it asks for.
FindCoupon = t.Callable[[str, t.Callable[[], Facts]], Condition | None]


_POSITIONAL: t.Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


class RegisteredFunction(t.NamedTuple):
    """A registered function, and what its parameters have to be."""

    call: t.Callable[..., t.Any]
    params: type[msgspec.Struct]

    @property
    def has_amounts(self) -> bool:
        """Whether there are decimals among the parameters."""
        hints = t.get_type_hints(self.params, include_extras=True)

        return any(map(_has_decimals, hints.values()))

    def arguments(self, rule: Rule) -> dict[str, t.Any]:
        """What to call it with.

        :raises ValueError: If the rule's parameters are not those of the function.
        """
        try:
            params = msgspec.convert(rule.params, self.params)
        except msgspec.ValidationError as error:
            raise ValueError(_told(error)) from error

        return {
            name: _checked(value, name)
            for name, value in msgspec.structs.asdict(params).items()
        }


class Functions:
    """Functions by name: the built-in ones, and those that an app registers.

    :param kind: What they are, for errors.
    :param built_in: Those that every app has. Their names cannot be taken.
    """

    def __init__(self, kind: str, built_in: tuple[t.Callable[..., t.Any], ...]) -> None:
        self._kind = kind
        self._built_in = _described_by_name(built_in)
        self._own: dict[str, RegisteredFunction] = {}

    def add(self, name: str, function: t.Callable[..., t.Any]) -> None:
        """Register a function, in place of one of the same name.

        :raises CartConfigError: If it cannot be registered.
        """
        with refused_as(CartConfigError):
            check_text(name, f"The name of a {self._kind}")

        if name in COMBINATORS or name in self._built_in:
            raise CartConfigError(
                f"There is a built-in {self._kind} {name!r}. Take another name."
            )

        self._own[name] = _described(name, function)

    def get(self, name: str) -> RegisteredFunction | None:
        """The function of this name, if there is one."""
        return self._own.get(name) or self._built_in.get(name)

    def have_amounts(self, rule: Rule) -> bool:
        """Whether there are amounts in a rule, as far as that is known."""
        functions = [self.get(e.name) for e in rule.walk() if e.name not in COMBINATORS]

        return any(each is None or each.has_amounts for each in functions)

    def check(self, rule: Rule) -> None:
        """Refuse a rule that is not registered or cannot be called.

        :raises InvalidConditionError: If it is such a rule, or made of one.
        """
        for each in rule.walk():
            if each.name not in COMBINATORS:
                self._check(each)

    def _check(self, rule: Rule) -> None:
        function = self.get(rule.name)

        if function is None:
            names = [*self._built_in, *self._own]

            raise InvalidConditionError(
                f"There is no {self._kind} {rule.name!r:.80}."
                f"{closest(rule.name, names)}"
            )

        opening = f"The {self._kind} {rule.name!r} cannot be asked: "

        with refused_as(InvalidConditionError, opening):
            function.arguments(rule)


class Rulebook:
    """What an app has registered, in addition to the built-in rules."""

    def __init__(self) -> None:
        #: Decide whether a condition applies, or which lines it is about.
        self.rules = Functions("rule", RULES)

        #: Calculate what the value of a condition acts on.
        self.amounts = Functions("amount", AMOUNTS)

        #: Tells what the app knows, for the rules that ask.
        self.load_facts: FactsFunction = lambda facts: {}

        #: Yields the shipping methods, if the shop has any.
        self.list_shipping: ShippingLister | None = None

        #: Yield conditions that are not stored.
        self.providers: list[ConditionProvider] = []

    def check(self, condition: Condition) -> None:
        """Refuse a condition whose rules are not registered or cannot be called.

        :raises InvalidConditionError: If there is one.
        """
        for rule in filter(None, (condition.rule, condition.lines, condition.exempt)):
            self.rules.check(rule)

        if condition.base is not None:
            self.amounts.check(condition.base)

    def has_amounts(self, condition: Condition) -> bool:
        """Whether a condition is about amounts of money of one currency."""
        rules = filter(None, (condition.rule, condition.lines, condition.exempt))
        base = condition.base

        return (
            condition.is_amount
            or condition.cap is not None
            or any(map(self.rules.have_amounts, rules))
            or (base is not None and self.amounts.have_amounts(base))
        )

    def methods(self, facts: Facts) -> list[ShippingMethod]:
        """The shipping methods for a cart.

        :raises InvalidConditionError: If a rule of one cannot be asked, or two have the
            same name.
        """
        methods = [] if self.list_shipping is None else list(self.list_shipping(facts))

        if len({each.name for each in methods}) < len(methods):
            raise InvalidConditionError("Two shipping methods have the same name.")

        for each in methods:
            self.check(each.condition)

            if each.available is not None:
                self.rules.check(each.available)

        return methods


def finding_coupons(load: CouponLoader) -> FindCoupon:
    """A function that calls a loader with what it asks for."""
    try:
        parameters = inspect.signature(load).parameters.values()
    except ValueError:
        # Of some that are not written in Python nobody knows.
        parameters = {}.values()

    needed = [e for e in parameters if e.default is e.empty and e.kind in _POSITIONAL]
    wants_facts = len(needed) > 1
    call: t.Callable[..., Condition | None] = load

    return lambda code, facts: call(code, facts()) if wants_facts else call(code)


def provide_coupons(load: CouponLoader) -> ConditionProvider:
    """A provider of the conditions whose codes a cart has noted.

    They are asked for whenever totals are read.
    """

    find = finding_coupons(load)

    def coupons(facts: Facts) -> t.Iterator[Condition]:
        for code in facts.coupons:
            # One that is refused by now must not keep the others from being asked.
            with suppress(CartVetoError):
                condition = find(code, lambda: facts)

                # Under another name nobody could tell that the code was used.
                if condition is not None and condition.name == code:
                    yield condition

    return coupons


@functools.cache
def _described_by_name(
    functions: tuple[t.Callable[..., t.Any], ...],
) -> t.Mapping[str, RegisteredFunction]:
    return {each.__name__: _described(each.__name__, each) for each in functions}


def _described(name: str, function: t.Callable[..., t.Any]) -> RegisteredFunction:
    """The function with a class whose fields are its parameters.

    :raises CartConfigError: If its parameters cannot be told by its signature.
    """
    try:
        signature = inspect.signature(function, eval_str=True)
        _, *parameters = signature.parameters.values()
        params = msgspec.defstruct(
            "Params",
            list(map(_field, parameters)),
            forbid_unknown_fields=True,
            kw_only=True,
        )

        with suppress(msgspec.ValidationError):
            # Now rather than when a shopper comes, if there are types it cannot have.
            msgspec.convert({}, params)
    except (NameError, TypeError, ValueError) as error:
        raise CartConfigError(
            f"The rule {name!r:.80} needs a function of the facts and of parameters"
            f" with types that JSON has: {error}"
        ) from error

    return RegisteredFunction(function, params)


def _has_decimals(kind: t.Any) -> bool:
    return kind is Decimal or any(map(_has_decimals, t.get_args(kind)))


def _field(
    parameter: inspect.Parameter,
) -> tuple[str, t.Any] | tuple[str, t.Any, t.Any]:
    kind = t.Any if parameter.annotation is parameter.empty else parameter.annotation

    if parameter.kind not in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}:
        raise TypeError(f"{parameter} cannot be given by its name.")

    if parameter.default is parameter.empty:
        return parameter.name, kind

    return parameter.name, kind, parameter.default


def _checked(value: t.Any, name: str) -> t.Any:
    """The value, where a decimal is an amount that can be calculated with."""
    if type(value) in (tuple, list):
        return type(value)([_checked(each, name) for each in value])

    if not isinstance(value, Decimal):
        return value

    try:
        return check_decimal(value)
    except ValueError as error:
        raise ValueError(f"The parameter {name!r}: {error}") from error


def _told(error: msgspec.ValidationError) -> str:
    """What is wrong with parameters, in words that are about parameters."""
    text = f"{error}."

    for ours, theirs in {
        "It needs the parameter": "Object missing required field",
        "It has no parameter": "Object contains unknown field",
        " as the parameter `": " - at `$.",
    }.items():
        text = text.replace(theirs, ours)

    return text
