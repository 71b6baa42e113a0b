"""Questions to one MELSEC controller: its model, what some tags hold, and a value for them."""

from __future__ import annotations

from collections.abc import Sequence

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import Emitted, Identity, Point, Refusal, Sample
from gongfu.network.drivers.melsec import wire
from gongfu.network.drivers.melsec.address import Address
from gongfu.network.drivers.melsec.codes import message
from gongfu.network.drivers.melsec.line import Connection, Refused
from gongfu.network.drivers.melsec.options import Options
from gongfu.network.drivers.melsec.reader import Reader, address_of
from gongfu.network.drivers.melsec.wire import Malformed, Span
from gongfu.network.drivers.reading import QuietSink, read_in_order
from gongfu.network.drivers.writing import Value, number, out_of_range, text, truth
from gongfu.network.gateway.config import TagConfig


class MelsecSession:
    """Implements ``Session``."""

    def __init__(self, options: Options, shared: Connection) -> None:
        self._options = options
        self._shared = shared
        self._dialect = options.place.dialect

    async def identify(self) -> Identity:
        """The CPU's model."""
        data = await self._ask(wire.READ_MODEL, (0, b""), "CPU")
        try:
            name, code = wire.decode_model(self._dialect, data)
        except Malformed as error:
            raise self._shared.failure(error) from error
        return Identity(vendor="Mitsubishi Electric", product=name, version=f"{code:04X}")

    async def browse(self, parent: str) -> Sequence[Point]:
        """Not in this protocol."""
        raise Refusal(mark("A MELSEC controller does not tell what it holds."), remedy=mark("Enter the addresses."))

    async def read(self, tags: Sequence[TagConfig]) -> Sequence[Sample]:
        """The value of each tag now; *bad* where the address is wrong or refused."""

        async def read(known: list[TagConfig], addresses: list[Address]) -> Emitted:
            return await Reader(self._options, known, addresses, self._shared, QuietSink()).read()

        return await read_in_order(tags, lambda tag: address_of(tag, self._options), read)

    async def write(self, tag: TagConfig, value: Value) -> None:
        """Write ``value``; a bit of a word by reading the word and writing it back, which is not one step."""
        address, dialect = address_of(tag, self._options), self._dialect
        span = Span(address.device, address.number, address.count)
        if address.device.is_bit:
            subcommand, body = wire.batch(dialect, span, bits=True)
            await self._ask(wire.WRITE, (subcommand, body + dialect.bits([truth(value)])), tag.address)
            return
        checked = self._checked(address, value)
        async with self._shared.writing:
            before = 0
            if address.type == "bit":
                data = await self._ask(wire.READ, wire.batch(dialect, span, bits=False), tag.address)
                try:
                    before = int.from_bytes(wire.decode_words(dialect, data, 1), "little")
                except Malformed as error:
                    raise self._shared.failure(error) from error
            try:
                words = address.encode(checked, self._options.encoding, before=before)
            except ValueError as error:
                raise out_of_range(value, address.type) from error
            subcommand, body = wire.batch(dialect, span, bits=False)
            await self._ask(wire.WRITE, (subcommand, body + dialect.words(words)), tag.address)

    def _checked(self, address: Address, value: Value) -> Value:
        if address.type == "bit":
            return truth(value)
        if address.is_text:
            return text(value, self._options.encoding, address.length)
        return number(value, address.type, whole=not address.type.startswith("float"))

    async def _ask(self, command: int, units: tuple[int, bytes], address: str) -> bytes:
        try:
            return await self._shared.ask(command, units, self._options.route, self._options.timeout)
        except Refused as refused:
            raise Refusal(message(refused.end), address=address, code=f"{refused.end:04X}") from refused
