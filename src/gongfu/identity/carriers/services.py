"""The door: which identifiers are printed, and the file they become.

Only identifiers that the user may see are printed; any other is not found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from gongfu.identity.carriers import sheet
from gongfu.identity.carriers.labels import MOST, Content, Label, Symbol
from gongfu.identity.carriers.layouts import Layout
from gongfu.identity.registry import services as registry
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.values import Standard, page_url
from gongfu.identity.schemes import services as schemes
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import settings


@dataclass(frozen=True)
class Order:
    """What is to be printed: identifiers one by one, or all under a prefix whose suffix starts as asked."""

    layout: Layout
    symbol: Symbol = Symbol.QR
    content: Content = Content.PAGE
    first: int = 0
    handles: Sequence[str] = ()
    prefix: str = ""
    search: str = ""

    @property
    def one_by_one(self) -> bool:
        """Whether the identifiers were named."""
        return bool(self.handles)


def count(user: User, order: Order, scope: Organisation | None = None) -> int:
    """How many labels ``order`` has, at most one more than a file holds."""
    if order.one_by_one:
        return len(order.handles)
    number, after = 0, ""
    while number <= MOST:
        page = registry.identifiers(
            user, prefix=order.prefix, search=order.search, after=after, limit=registry.MAX_PAGE, scope=scope
        )
        number, after = number + len(page.records), page.after
        if not after:
            break
    return min(number, MOST + 1)


def require_printable(number: int) -> None:
    """Raise :class:`Invalid` unless ``number`` labels make one file."""
    if number == 0:
        raise Invalid(
            mark("There is nothing to print."), remedy=mark("Choose identifiers in the list, or enter a prefix.")
        )
    if number > MOST:
        raise Invalid(
            mark("One file holds at most {limit} labels."),
            remedy=mark("Narrow the choice by prefix or by how the suffix starts."),
            limit=MOST,
        )


def write(
    user: User,
    order: Order,
    file: IO[bytes],
    *,
    scope: Organisation | None = None,
    done: Callable[[int], None] = lambda _: None,
) -> int:
    """Write the PDF and return how many labels it has.

    Raises :class:`NoIdentifier` for one that is not visible, :class:`Invalid` for too many, too long or unbound ones.
    """
    require_printable(count(user, order, scope))
    labels = (_label(user, record, order) for record in _records(user, order, scope))
    return sheet.write(
        file, labels, order.layout, order.symbol, first=order.first, font=settings().label_font, done=done
    )


def _records(user: User, order: Order, scope: Organisation | None) -> Iterator[Record]:
    if order.one_by_one:
        for handle in order.handles:
            yield registry.identifier_for(user, handle)[0]
        return
    after = ""
    while True:
        page = registry.identifiers(
            user, prefix=order.prefix, search=order.search, after=after, limit=registry.MAX_PAGE, scope=scope
        )
        yield from page.records
        after = page.after
        if not after:
            return


def _label(user: User, record: Record, order: Order) -> Label:
    handle = str(record.handle)
    public = {value.type: value.text for value in record.public}
    # Public values only: a label is read by everybody.
    name, enterprise = public.get(Standard.NAME.name, ""), public.get(Standard.OWNER.name, "")
    if order.content is Content.GS1:
        data, gs1 = _gs1(user, handle, order.symbol)
        return Label(handle, name, enterprise, data, gs1)
    data = page_url(settings().url, handle) if order.content is Content.PAGE else handle
    return Label(handle, name, enterprise, data)


def _gs1(user: User, handle: str, symbol: Symbol) -> tuple[str, bool]:
    path = schemes.gs1_path(user, handle)
    if not path:
        raise Invalid(
            mark("No GS1 key is bound to {handle}."),
            remedy=mark("Bind one under Bound codes, or print the address of the page."),
            handle=handle,
        )
    if symbol is Symbol.QR:
        return settings().url + path, False
    return schemes.gs1_transmitted(path), True


def handles_in(text: str) -> list[str]:
    """The identifiers in an imported text: the first field of each line of a list or a CSV file, each once.

    A first line that names the column (it holds no slash) is passed over.
    """
    found: dict[str, None] = {}
    for line in text.lstrip("\ufeff").splitlines():
        field = line.replace(";", ",").replace("\t", ",").partition(",")[0].strip().strip('"').strip()
        if "/" in field:
            found.setdefault(field)
        elif field and found:
            raise Invalid(mark("{text} is no identifier."), remedy=mark("One identifier a line."), text=field[:100])
    return list(found)
