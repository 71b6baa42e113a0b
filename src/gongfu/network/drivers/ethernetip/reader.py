"""Reading a set of tags: what they are, which requests read them together, and what the answers say."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import BadConfiguration, Sample, Sink
from gongfu.network.drivers.ethernetip import kinds, logix
from gongfu.network.drivers.ethernetip.address import Address, AttributeAddress, TagAddress, parse
from gongfu.network.drivers.ethernetip.batch import Batch, Result, Wanted
from gongfu.network.drivers.ethernetip.cip import Request, Service
from gongfu.network.drivers.ethernetip.client import Controller
from gongfu.network.drivers.ethernetip.kinds import DWORD, STRUCTURE, Typed
from gongfu.network.drivers.ethernetip.options import Options
from gongfu.network.drivers.ethernetip.status import Refused
from gongfu.network.drivers.ethernetip.wire import Malformed
from gongfu.network.drivers.values import fit
from gongfu.network.gateway.config import TagConfig

_NUMBER, _TEXT = 8, 88
"""Bytes to expect of a tag that nobody has read yet."""
_HEADS = 32
"""Bytes of a message of several that are not a value."""


class Member(msgspec.Struct, frozen=True):
    """A tag, by position, and where in an item its value stands."""

    tag: int
    element: int = 0
    bit: int | None = None


class Item(msgspec.Struct, frozen=True):
    """One request for ``count`` elements of type ``code``; 0 while that is not known."""

    request: Request
    count: int
    size: int
    code: int
    members: tuple[Member, ...]

    @property
    def wanted(self) -> Wanted:
        """As a batch takes it."""
        return Wanted(self.request, self.size, self.count)


class Known(msgspec.Struct, frozen=True):
    """What a first reading told: type, and bytes of one element."""

    code: int = 0
    size: int = 0


def plan(addresses: Sequence[Address], known: Sequence[Known], room: int, gap: int, alone: set[int]) -> list[Item]:
    """Items that cover every address.

    Elements of an array no more than ``gap`` apart are read together, up to ``room`` bytes, except those of tags
    that are to be read ``alone``; bits of one integer are read once.
    """
    items: list[Item] = []
    places: dict[tuple[str, bytes], list[Member]] = {}
    arrays: dict[TagAddress, list[Member]] = {}
    for tag, (address, what) in enumerate(zip(addresses, known, strict=True)):
        if isinstance(address, AttributeAddress):
            request = Request(Service.GET_ATTRIBUTE_SINGLE, address.path)
            items.append(Item(request, 1, what.size, what.code, (Member(tag),)))
            continue
        array = address.array
        if array is not None and what.code and tag not in alone:
            arrays.setdefault(array, []).append(_in_array(tag, address, what))
        else:
            places.setdefault((str(what.code), _path(address, what)), []).append(_alone(tag, address, what))
    for array, members in arrays.items():
        what = known[members[0].tag]
        for run in _runs(members, gap, max(1, room // max(1, what.size))):
            first, count = run[0].element, run[-1].element - run[0].element + 1
            placed = tuple(Member(member.tag, member.element - first, member.bit) for member in run)
            path = array.element(first).path
            items.append(Item(logix.read_tag(path, count), count, count * what.size, what.code, placed))
    for (_code, path), members in places.items():
        what = known[members[0].tag]
        items.append(Item(logix.read_tag(path, 1), 1, what.size, what.code, tuple(members)))
    return items


class Reader:
    """A set of tags of one controller."""

    def __init__(
        self,
        controller: Controller,
        options: Options,
        tags: Sequence[TagConfig],
        addresses: Sequence[Address],
        sink: Sink,
    ) -> None:
        self._controller = controller
        self._tags = tags
        self._addresses = addresses
        self._gap = options.gap
        self._encoding = options.encoding
        self._sink = sink
        self._items: list[Item] = []
        self._batch: Batch | None = None
        self._alone: set[int] = set()
        self._good: set[int] = set()
        """Tags whose last reading was good."""
        self._reported: set[int] = set()

    async def read(self) -> list[Sample]:
        """One sample for each tag."""
        if not self._tags:  # nothing to ask for: being there must do
            await self._controller.identity()
            return []
        batch = self._batch or await self._prepare()
        results = await batch.ask()
        apart = {
            member.tag
            for item, result in zip(self._items, results, strict=True)
            if isinstance(result, Refused) and item.count > 1
            for member in item.members
        }
        if apart:  # somebody among them is beyond the end of the array: ask for each, so that the others live
            self._alone |= apart
            self._batch = None
            return await self.read()
        samples: list[Sample] = []
        for item, result in zip(self._items, results, strict=True):
            samples += self._refused(item, result) if isinstance(result, Refused) else self._samples(item, result.data)
        return samples

    async def _prepare(self) -> Batch:
        known = await self._learn()
        self._items = plan(self._addresses, known, self._controller.limit - _HEADS, self._gap, self._alone)
        self._batch = Batch(self._controller, [item.wanted for item in self._items])
        return self._batch

    async def _learn(self) -> list[Known]:
        """Type and size of every tag, or of an element of its array."""
        expected = [_TEXT if tag.kind == "text" else _NUMBER for tag in self._tags]
        questions = [_question(address, size) for address, size in zip(self._addresses, expected, strict=True)]
        distinct = {question.request: question for question in questions}
        answers = dict(zip(distinct, await Batch(self._controller, list(distinct.values())).ask(), strict=True))
        return [
            _known(address, answers[question.request], size)
            for address, question, size in zip(self._addresses, questions, expected, strict=True)
        ]

    def _samples(self, item: Item, data: bytes) -> list[Sample]:
        address = self._addresses[item.members[0].tag]
        if isinstance(address, AttributeAddress):
            return [self._attribute(item.members[0], address, data)]
        try:
            typed = kinds.decode_typed(data)
            if typed.code != item.code and self._changed(item, typed, address):
                return [self._bad(member.tag, "its type has changed") for member in item.members]
            if typed.code == STRUCTURE:
                return self._texts(item, typed)
            values = kinds.numbers(typed)
        except Malformed as error:
            return [self._bad(member.tag, str(error)) for member in item.members]
        if len(values) < item.count:
            return [self._bad(member.tag, f"{len(values)} values instead of {item.count}") for member in item.members]
        return [self._number(member, typed.code, values[member.element]) for member in item.members]

    def _changed(self, item: Item, typed: Typed, address: TagAddress) -> bool:
        """Whether an item that was planned for another type cannot be read as planned."""
        if item.code or is_bit_of_array(address, typed.code):
            self._forget()
            return True
        return False  # it is new; whatever it is can be read

    def _number(self, member: Member, code: int, value: float) -> Sample:
        if member.bit is not None:
            if not isinstance(value, int) or not kinds.has_bits(code) or member.bit >= 8 * kinds.size(code):
                return self._bad(member.tag, f"a {kinds.NAMES[code]} has no bit {member.bit}")
            return self._sample(member.tag, bool(value >> member.bit & 1))
        return self._sample(member.tag, bool(value) if code == kinds.BOOL else float(value))

    def _texts(self, item: Item, typed: Typed) -> list[Sample]:
        samples: list[Sample] = []
        parts = kinds.elements(typed, item.count)
        for member in item.members:
            one = Typed(typed.code, parts[member.element], typed.handle)
            if self._tags[member.tag].kind != "text" or not kinds.is_string(one):
                samples.append(self._bad(member.tag, "a structure or string: name a member, or read it as text"))
            else:
                samples.append(self._sample(member.tag, kinds.text_of(one, self._encoding)))
        return samples

    def _attribute(self, member: Member, address: AttributeAddress, data: bytes) -> Sample:
        try:
            return self._sample(member.tag, kinds.decode_attribute(address.type, data, self._encoding))
        except Malformed as error:
            return self._bad(member.tag, str(error))

    def _refused(self, item: Item, refused: Refused) -> list[Sample]:
        if any(member.tag in self._good for member in item.members):
            self._forget()
        return [self._bad(member.tag, str(refused)) for member in item.members]

    def _forget(self) -> None:
        """The program has changed: learn again before the next reading."""
        self._batch = None
        self._alone.clear()

    def _sample(self, index: int, raw: float | bool | str) -> Sample:
        tag = self._tags[index]
        value = fit(tag.kind, raw)
        if value is None:
            return self._bad(index, f"the value is no {tag.kind}")
        self._good.add(index)
        self._reported.discard(index)
        return Sample(tag.series, value)

    def _bad(self, index: int, reason: str) -> Sample:
        tag = self._tags[index]
        self._good.discard(index)
        if index not in self._reported:
            self._reported.add(index)
            self._sink.malformed(f"{tag.name} ({tag.address}): {reason}")
        return Sample(tag.series, None, quality=Quality.BAD)


def address_of(tag: TagConfig) -> Address:
    """Where ``tag`` is; raises :class:`BadConfiguration`."""
    address = parse(tag.address)
    if isinstance(address, AttributeAddress) and (address.type in kinds.TEXTS) != (tag.kind == "text"):
        raise BadConfiguration(
            mark("Tag {tag} is a {kind}, but {address} is not."), tag=tag.name, kind=tag.kind, address=tag.address
        )
    return address


def _question(address: Address, size: int) -> Wanted:
    if isinstance(address, AttributeAddress):
        return Wanted(Request(Service.GET_ATTRIBUTE_SINGLE, address.path), size)
    return Wanted(logix.read_tag((address.array or address).path, 1), size)


def _known(address: Address, answer: Result, expected: int) -> Known:
    if isinstance(answer, Refused):
        return Known(0, expected)
    if isinstance(address, AttributeAddress):
        return Known(1, len(answer.data))
    try:
        typed = kinds.decode_typed(answer.data)
    except Malformed:
        return Known(0, expected)
    return Known(typed.code, len(typed.data))


def is_bit_of_array(address: TagAddress, code: int) -> bool:
    """Whether ``address`` names a BOOL of an array of them, which is kept as DWORDs."""
    return code == DWORD and address.array is not None and address.bit is None


def place_in_array(address: TagAddress) -> tuple[TagAddress, int]:
    """The DWORD that holds the BOOL ``address`` names, and the bit of it."""
    array = address.array
    assert array is not None, "ask is_bit_of_array first"
    return array.element(address.index // 32), address.index % 32


def _in_array(tag: int, address: TagAddress, what: Known) -> Member:
    if is_bit_of_array(address, what.code):
        return Member(tag, address.index // 32, address.index % 32)
    return Member(tag, address.index, address.bit)


def _alone(tag: int, address: TagAddress, what: Known) -> Member:
    return Member(tag, 0, address.index % 32 if is_bit_of_array(address, what.code) else address.bit)


def _path(address: TagAddress, what: Known) -> bytes:
    return (place_in_array(address)[0] if is_bit_of_array(address, what.code) else address).path


def _runs(members: list[Member], gap: int, most: int) -> list[list[Member]]:
    runs: list[list[Member]] = []
    for member in sorted(members, key=lambda member: member.element):
        near = runs and member.element - runs[-1][-1].element <= gap + 1
        if near and member.element - runs[-1][0].element < most:
            runs[-1].append(member)
        else:
            runs.append([member])
    return runs
