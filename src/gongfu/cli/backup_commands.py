"""``gongfu backup``, ``restore``, ``drill`` and ``plan``: options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from gongfu.kernel.i18n import mark, translate

PLACE_HELP = translate(mark("Folder or s3://bucket/prefix; default: the setting backup_to."))
Place = Annotated[str, typer.Argument(help=PLACE_HELP)]
JSON = Annotated[bool, typer.Option("--json", help=translate(mark("Print JSON.")))]
RECOVERY_OUT = translate(mark("New file for the recovery text of a first backup, instead of the screen."))
RECOVERY_IN = translate(mark("File with the recovery text; default: ask for it."))


class _Backup(TyperGroup):
    """``gongfu backup [PLACE]`` is ``gongfu backup now [PLACE]``."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Put in the command that was left out."""
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = ["now", *args]
        return super().parse_args(ctx, args)


def add(app: typer.Typer) -> None:
    """The commands."""
    _backup(app)
    _restore(app)
    _drill(app)
    _plan(app)


def _backup(app: typer.Typer) -> None:
    group = typer.Typer(
        help=translate(mark("Back up this node, running or not: what changed since the last time.")),
        cls=_Backup,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.add_typer(group, name="backup")

    @group.command(name="now", help=translate(mark("Take a snapshot; may be left out.")))
    def take(
        place: Place = "",
        recovery_file: Annotated[Path | None, typer.Option(help=RECOVERY_OUT)] = None,
        json: JSON = False,
        prune: Annotated[bool, typer.Option(help=translate(mark("Then remove snapshots that need not stay.")))] = True,
        only_begun: Annotated[bool, typer.Option("--only-begun", hidden=True)] = False,
    ) -> None:
        from gongfu.cli import backup

        backup.back_up(place, recovery_file, json=json, prune=prune, found=not only_begun)

    @group.command(name="list", help=translate(mark("Show every snapshot.")))
    def listing(place: Place = "", json: JSON = False) -> None:
        from gongfu.cli import backup

        backup.show(place, json=json)

    @group.command(help=translate(mark("Look at every hash; exit code 1 when something is damaged.")))
    def verify(
        place: Place = "",
        deep: Annotated[bool, typer.Option("--deep", help=translate(mark("Open every blob as well.")))] = False,
    ) -> None:
        from gongfu.cli import backup

        backup.verify(place, deep=deep)

    @group.command(help=translate(mark("Remove snapshots that need not stay, and what only they needed.")))
    def prune(
        place: Place = "",
        last: Annotated[int | None, typer.Option(min=1, help=translate(mark("Newest snapshots that stay.")))] = None,
        days: Annotated[
            int | None, typer.Option(min=0, help=translate(mark("Days of which the newest stays.")))
        ] = None,
    ) -> None:
        from gongfu.cli import backup

        backup.prune(place, last, days)


def _restore(app: typer.Typer) -> None:
    @app.command(help=translate(mark("Make a new home from a snapshot. Nothing is overwritten.")))
    def restore(
        source: Annotated[str, typer.Argument(help=translate(mark("Folder or s3://bucket/prefix.")))],
        into: Annotated[
            Path | None, typer.Option(help=translate(mark("Folder that does not exist yet; default: GONGFU_HOME.")))
        ] = None,
        number: Annotated[int, typer.Option(min=0, help=translate(mark("Snapshot; default: the newest.")))] = 0,
        recovery_file: Annotated[Path | None, typer.Option(help=RECOVERY_IN)] = None,
        json: JSON = False,
    ) -> None:
        from gongfu.cli import backup

        backup.restore(source, into, number, recovery_file, json=json)


def _drill(app: typer.Typer) -> None:
    @app.command(help=translate(mark("Destroy a temporary node under load, restore it, and count what is missing.")))
    def drill(
        folder: Annotated[
            Path | None, typer.Option(help=translate(mark("Where its folder is made; default: the system's.")))
        ] = None,
        seconds: Annotated[float, typer.Option(min=1, help=translate(mark("Load before each of three backups.")))] = 5,
        place: Annotated[str, typer.Option("--to", help=translate(mark("Back up there; default: a folder.")))] = "",
        json: JSON = False,
    ) -> None:
        from gongfu.cli import drill as work

        work.run(folder, seconds, place, json=json)


def _plan(app: typer.Typer) -> None:
    @app.command(help=translate(mark("How large a cluster for so many points must be, with the arithmetic.")))
    def plan(
        points_per_day: Annotated[float, typer.Option(help=translate(mark("Readings a day, such as 1e9.")))] = 1e9,
        sensors: Annotated[int, typer.Option(help=translate(mark("Series they come from.")))] = 100_000,
        retention: Annotated[int, typer.Option(help=translate(mark("Days that readings stay.")))] = 365,
        rollup_retention: Annotated[int, typer.Option(help=translate(mark("Days that roll-ups stay.")))] = 3650,
        replicas: Annotated[int, typer.Option(help=translate(mark("Copies of everything.")))] = 2,
        bytes_per_reading: Annotated[float, typer.Option(help=translate(mark("On disk, as measured.")))] = 2.9,
        disk_tb: Annotated[float, typer.Option(help=translate(mark("Disk of a server, TB.")))] = 20,
        cores: Annotated[int, typer.Option(help=translate(mark("Cores of a server.")))] = 32,
        memory_gb: Annotated[float, typer.Option(help=translate(mark("Memory of a server, GB.")))] = 128,
        ddl: Annotated[bool, typer.Option("--ddl", help=translate(mark("Print the SQL of the cluster.")))] = False,
        cluster: Annotated[str, typer.Option(help=translate(mark("Name of the cluster in the SQL.")))] = "gongfu",
        json: JSON = False,
    ) -> None:
        from gongfu.cli import plan as work
        from gongfu.data.cluster.capacity import Costs, Server, Wish

        if ddl:
            work.show_ddl(cluster)
            return
        wish = Wish(points_per_day, sensors, retention, rollup_retention, replicas)
        server = Server(disk_tb * 1e12, cores, memory_gb * 1e9)
        work.run(wish, server, Costs(reading_octets=bytes_per_reading), json=json)
