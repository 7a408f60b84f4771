"""Answers: what a change was answered with, for who sends it again with its key."""

from __future__ import annotations

import datetime as dt
import typing as t

import msgspec

from ..model.idempotency import LASTS
from ..model.values import fingerprint
from .records import Records
from .repository import Repository


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An answer, and what it was given to.

    :param content: Identifies what was asked for.
    :param status: The status of HTTP.
    :param body: The body, as text.
    :param etag: Names the cart in it; empty if there is none.
    :param expires_at: Until when it is given again.
    """

    content: str
    status: int
    body: str
    etag: str
    expires_at: dt.datetime


def answers_in(repository: Repository) -> Records[Answer]:
    """All answers, by their tokens."""
    return Records(repository, "answer", Answer)


def keep_answer(
    repository: Repository, token: str, answer: Answer, now: dt.datetime
) -> None:
    """Keep an answer, unless there is one already."""

    def keep(stored: Answer | None) -> Answer:
        is_good = stored is not None and stored.expires_at > now

        return t.cast(Answer, stored) if is_good else answer

    answers_in(repository).change(token, keep)


def kept_answer(repository: Repository, token: str, now: dt.datetime) -> Answer | None:
    """The answer to a change that came with a key, if it has come."""
    answer = answers_in(repository).find(token)

    return answer if answer is not None and answer.expires_at > now else None


def end_of_answer(now: dt.datetime) -> dt.datetime:
    """Until when an answer is given again."""
    return now + LASTS


def answer_token(*parts: str) -> str:
    """What an answer is found by: who has asked, and the key."""
    return fingerprint("answer", *parts)[:40]
