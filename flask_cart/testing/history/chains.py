"""The versions of one cart, each on top of the one before."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field

from .model import State
from .model import difference
from .model import state_of
from .records import Load
from .records import Save

#: Of a save that nobody was told of: a database may show it before it keeps it.
VANISHED = "lost what was read, though nobody was told that it was saved"


@dataclass(eq=False)
class Link:
    """One content of a cart, or that it was deleted.

    :param save: What put it there.
    :param expected: The version that it was saved on top of, 0 for none.
    :param version: Its own; 0 if this is a deletion.
    """

    save: Save
    expected: int
    version: int
    text: str | None
    before: Link | None = None
    after: list[Link] = field(default_factory=list)
    #: Where it is among all of the cart.
    place: int = 0

    @property
    def change(self) -> State:
        """How many more of each item there are since."""
        before = self.before.text if self.before is not None else None

        return difference(state_of(before), state_of(self.text))


class Chain:
    """All that is known of one cart.

    :param key: Its owner and name.
    :param saves: Those that were saved, and those of which nobody knows.
    :param loads: What was read.
    :param tell: Is told what cannot be, and the records that show it.
    """

    def __init__(
        self,
        key: tuple[str, str],
        saves: Iterable[Save],
        loads: Iterable[Load],
        tell: Callable[..., None],
    ) -> None:
        self.key = key
        self._tell = tell
        self._saves = sorted(saves, key=lambda save: save.began)
        self._loads = sorted(loads, key=lambda load: load.began)
        self._by_version: dict[int, Link] = {}
        #: Contents that were overwritten by others, which did not know of them.
        self.lost: list[Link] = []
        self.links = list(self._known())
        self._find_unknown()
        self._join()

    def check(self) -> None:
        """Tell what contradicts the order of real time."""
        self._check_saves()

        for load in self._loads:
            self._check_load(load)

    def _known(self) -> Iterator[Link]:
        for save in self._saves:
            if save.versions is None:
                continue

            expected, text = save.changes[self.key[1]]
            link = Link(save, expected, save.versions[self.key[1]], text)

            if link.version in self._by_version:
                self._tell(f"{self} got version {link.version} twice", save)

            if link.version:
                self._by_version[link.version] = link

            yield link

    def _find_unknown(self) -> None:
        """Learn from what was read which of the unknown saves have come about."""
        open_saves = [each for each in self._saves if not each.is_known]

        for load in self._loads:
            if not load.version or load.version in self._by_version:
                continue

            found = next((s for s in open_saves if self._explains(s, load)), None)

            if found is None:
                self._tell(f"{self} had a version that nobody saved", load)
                continue

            open_saves.remove(found)
            expected, text = found.changes[self.key[1]]
            link = Link(found, expected, load.version, text)
            self._by_version[load.version] = link
            self.links.append(link)

    def _explains(self, save: Save, load: Load) -> bool:
        return save.changes[self.key[1]][1] == load.text and save.began < load.ended

    def _join(self) -> None:
        """Put every content on top of the one before, and those in a row."""
        roots = []

        for link in self.links:
            link.before = self._by_version.get(link.expected)

            if not link.expected:
                roots.append(link)
            elif link.before is None:
                self._tell(f"{self} was saved on top of no known version", link.save)
                roots.append(link)
            else:
                link.before.after.append(link)

        lives = _in_order([self._life_of(each) for each in roots])
        self.links.clear()

        for life in lives:
            if self.links and self.links[-1].version:
                self._end(self.links[-1], life[0])

            self.links.extend(life)

        for place, link in enumerate(self.links, 1):
            link.place = place

    def _life_of(self, link: Link) -> list[Link]:
        """A first content and those on top of it, of which there should be one each."""
        life = []

        while True:
            life.append(link)

            if not link.after:
                return life

            *lost, kept = sorted(link.after, key=_lasting)

            for other in lost:
                if not (other.save.is_known or other.after):
                    # It has never happened, but for whoever has read it.
                    del self._by_version[other.version]
                    self._tell(f"{self} {VANISHED}", other.save, kept.save)
                    continue

                self.lost.append(other)
                self._tell(
                    f"{self} lost what was acknowledged, as both were saved on top of"
                    f" {link.version}",
                    other.save,
                    kept.save,
                )

            link = kept

    def _end(self, last: Link, root: Link) -> None:
        """A cart that is made anew was deleted before, if only as nobody knows."""
        for save in self._saves:
            expected, text = save.changes[self.key[1]]
            is_it = not save.is_known and text is None and expected == last.version

            if is_it and save.began < root.save.ended:
                self.links.append(Link(save, expected, 0, None, before=last))
                return

        what = (
            "lost what was acknowledged, as it was made anew"
            if last.save.is_known or last.before is not None
            else VANISHED
        )
        self._tell(f"{self} {what}", last.save, root.save)

    def _check_saves(self) -> None:
        latest: Link | None = None

        for link in self.links:
            if (
                latest is not None
                and link.save.is_known
                and link.save.ended < latest.save.began
            ):
                self._tell(
                    f"{self} was saved on top of what came later",
                    link.save,
                    latest.save,
                )

            if latest is None or link.save.began > latest.save.began:
                latest = link

    def _check_load(self, load: Load) -> None:
        least = self._last_before(load.began)

        if load.version:
            link = self._by_version.get(load.version)

            if link is None:
                return

            if link.text != load.text:
                self._tell(f"{self} was read with a text of another version", load)

            if link.save.began > load.ended:
                self._tell(f"{self} was read before it was saved", load, link.save)

            if least is not None and link.place < least.place:
                self._tell(f"{self} was read as it was before", load, least.save)
        elif least is not None and least.version:
            later = self.links[least.place :]
            # A deletion of which nobody knows may be the last that was.
            is_gone = any(
                not each.version and each.save.began < load.ended for each in later
            ) or any(self._may_delete(each, least, load) for each in self._saves)

            if not is_gone:
                self._tell(f"{self} was not there when it was read", load, least.save)

    def _may_delete(self, save: Save, least: Link, load: Load) -> bool:
        expected, text = save.changes[self.key[1]]
        later = {each.version for each in self.links[least.place - 1 :]}

        return (
            not save.is_known
            and text is None
            and save.began < load.ended
            and expected in later
        )

    def _last_before(self, moment: int) -> Link | None:
        """The last content that was acknowledged before a moment."""
        known = [
            each
            for each in self.links
            if each.save.is_known and each.save.ended < moment
        ]

        return max(known, key=lambda link: link.place, default=None)

    def __str__(self) -> str:
        return "/".join(self.key)


def _in_order(lives: list[list[Link]]) -> Iterator[list[Link]]:
    """The lives of a cart one after the other, as far as their times tell."""
    left = sorted(lives, key=lambda life: life[0].save.ended)

    while left:
        free = [
            life
            for life in left
            if not any(_began_after(other, life) for other in left if other is not life)
        ]
        # Only the last one has no end.
        first = min(free or left, key=lambda life: bool(life[-1].version))
        left.remove(first)

        yield first


def _began_after(life: list[Link], other: list[Link]) -> bool:
    """Whether something of another life began when something of this one had ended."""
    ended = min(each.save.ended for each in life)

    return ended < max(each.save.began for each in other)


def _lasting(link: Link) -> tuple[int, bool]:
    """How many contents are on top of one, and whether somebody was told of it; of two,
    the lesser was overwritten."""
    count, last = 0, link

    while last.after:
        last = max(last.after, key=lambda each: len(each.after))
        count += 1

    return count, link.save.is_known
