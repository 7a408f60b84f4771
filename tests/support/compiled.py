"""Templates and routes that are compiled once for all apps of the tests.

Hundreds of apps are made, with the same pages and addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any

from jinja2 import BytecodeCache
from jinja2 import Environment
from jinja2.bccache import Bucket
from werkzeug.routing import Rule


class Compiled(BytecodeCache):
    """Keeps what a template was compiled to, for the next app that has the same one."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def get_bucket(
        self, environment: Environment, name: str, filename: str | None, source: str
    ) -> Bucket:
        """The place of a template in environments that compile it to the same."""
        escapes = environment.autoescape
        escapes = escapes(name) if callable(escapes) else escapes
        compiled_with = [*environment.extensions, *environment.filters]
        key = f"{name}|{filename}|{escapes}|{sorted(compiled_with)}"
        bucket = Bucket(environment, key, self.get_source_checksum(source))
        self.load_bytecode(bucket)

        return bucket

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._codes[bucket.key, bucket.checksum] = bucket.code


class CompiledRule(Rule):
    """Keeps what builds an address, for the next app that has the same route: Werkzeug
    compiles two functions for each, which is a third of what an app takes."""

    _builders: dict[tuple[Any, ...], Callable[..., tuple[str, str]]] = {}

    def _compile_builder(
        self, append_unknown: bool = True
    ) -> Callable[..., tuple[str, str]]:
        defaults = self.defaults or {}

        # Its default is in the function, as the converter writes it.
        if any(name in defaults for is_dynamic, name in self._trace if is_dynamic):
            return super()._compile_builder(append_unknown)

        key = (*self._trace, append_unknown, *defaults)

        if key not in self._builders:
            self._builders[key] = super()._compile_builder(append_unknown)

        return self._builders[key]
