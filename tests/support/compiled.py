"""Templates that are compiled once for all apps of the tests."""

from __future__ import annotations

from types import CodeType

from jinja2 import BytecodeCache
from jinja2 import Environment
from jinja2.bccache import Bucket


class Compiled(BytecodeCache):
    """Keeps what a template was compiled to, for the next app that has the same one.

    Hundreds of apps are made, and compiling is a third of what their pages take.
    """

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
