"""Printing many labels as a job."""

from __future__ import annotations

from gongfu.identity.carriers import services
from gongfu.identity.carriers.labels import Content, Symbol
from gongfu.identity.carriers.layouts import layout
from gongfu.identity.carriers.services import Order
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.i18n import mark, translate
from gongfu.kernel.tasks import services as tasks
from gongfu.kernel.tasks.services import Progress


@tasks.job(attempts=3)
def print_labels(
    progress: Progress,
    *,
    person: int,
    scope: int | None,
    chosen: str,
    symbol: str,
    content: str,
    first: int,
    handles: list[str],
    prefix: str,
    search: str,
) -> None:
    """Write the PDF that people download from the job's page."""
    order = Order(layout(chosen), Symbol(symbol), Content(content), first, handles, prefix, search)
    owner = User.objects.get(pk=person)
    organisation = Organisation.objects.filter(pk=scope).first() if scope else None
    total = services.count(owner, order, organisation)
    text = translate(mark("{done} of {total} labels"), owner.language or None)

    def report(done: int) -> None:
        progress.report(100 * done / max(total, 1), text.format(done=done, total=total))

    with progress.result_file("labels.pdf").open("wb") as file:
        services.write(owner, order, file, scope=organisation, done=report)


def start(user: User, order: Order, scope: Organisation | None) -> int:
    """Queue ``order`` and return the number of the job; it belongs to the organisation that the user works for."""
    membership = next(iter(user.memberships_cached), None)
    made = tasks.start(
        print_labels,
        translate(mark("Print labels")),
        user=user,
        organisation=scope or (membership.organisation if membership else None),
        person=user.pk,
        scope=scope.pk if scope else None,
        chosen=order.layout.key,
        symbol=order.symbol.value,
        content=order.content.value,
        first=order.first,
        handles=list(order.handles),
        prefix=order.prefix,
        search=order.search,
    )
    return made.pk
