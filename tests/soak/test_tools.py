"""What a soak is made of."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from flask_cart.carts.services import utc_now
from flask_cart.testing.history.records import Call
from flask_cart.testing.history.records import Made
from flask_cart.testing.history.records import Save
from tests.soak.watching import BOUND
from tests.soak.watching import Watch
from tests.support.clocks import step_clocks
from tests.support.forks import let_die
from tests.support.written import WrittenHistory
from tests.support.written import read_histories

CALL = Call(call="1", began=1, ended=0, what="add", arguments={}, outcome="unknown")
SAVE = Save(
    call="1", began=2, ended=0, owner="user:1", changes={}, versions={}, is_known=False
)


def save_and_die(path: Path) -> None:
    history = WrittenHistory(path)
    history.begin(CALL)
    CALL.arguments["item"] = "mug"
    history.begin(SAVE)
    # The last line may be cut off.
    path.open("ab").write(b'{"type":"call"')
    os._exit(42)


def test_killed(tmp_path: Path) -> None:
    """Of what somebody did who was killed, nobody knows whether it was done."""
    let_die(save_and_die, tmp_path / "history")
    call, save = sorted(read_histories(tmp_path, tmp_path), key=lambda each: each.began)

    assert isinstance(call, Call)
    assert (call.arguments, call.outcome) == ({"item": "mug"}, "unknown")
    assert isinstance(save, Save)
    assert not save.is_known
    assert call.ended == save.ended > 0


@pytest.mark.parametrize("is_made", [True, False])
def test_killed_while_ordering(tmp_path: Path, is_made: bool) -> None:
    """An order is made once it is among the orders, though nobody could say so."""
    histories, orders = tmp_path / "histories", tmp_path / "orders"
    histories.mkdir()
    orders.mkdir()

    if is_made:
        (orders / "mine").touch()

    for name in ("one", "rival"):
        made = Made(call=name, began=1, ended=0, token="mine", lines={})
        history = WrittenHistory(histories / name)
        history.begin(made)
        history.close()

    assert len(read_histories(histories, orders)) == is_made


def open_more_and_more(folder: Path) -> None:
    watch = Watch()
    watch.look("this", os.getpid())
    files = [(folder / str(n)).open("w") for n in range(BOUND.descriptors)]
    watch.look("this", os.getpid())
    assert watch.leaks() == []

    files += [(folder / str(n)).open("w") for n in range(2)]
    watch.look("this", os.getpid())
    (leak,) = watch.leaks()
    assert "descriptors" in leak
    os._exit(42)


def test_leaks(tmp_path: Path) -> None:
    """Who opens more and more has a leak; who uses a bit more has none."""
    let_die(open_more_and_more, tmp_path)


def look_at_clocks() -> None:
    before = time.time()
    step_clocks(lambda: 3600)
    assert 3590 < time.time() - before < 3700
    assert 3590 < utc_now().timestamp() - before < 3700
    os._exit(42)


def test_clocks() -> None:
    """All clocks that the carts look at are stepped."""
    let_die(look_at_clocks)
