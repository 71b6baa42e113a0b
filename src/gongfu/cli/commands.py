"""Every command, its options and its help text in the language of the node."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from typer import rich_utils

from gongfu import cli
from gongfu.kernel.i18n import mark, translate

JSON = Annotated[bool, typer.Option("--json", help=translate(mark("Print JSON.")))]
SERIES = Annotated[Path, typer.Argument(help=translate(mark("Folder of one series.")))]
NODE = Annotated[str, typer.Option(help=translate(mark("Thumbprint of the node that must have signed it.")))]


def run() -> None:
    """Parse the command line and do what it says."""
    _app()()


def _app() -> typer.Typer:
    rich_utils.COMMANDS_PANEL_TITLE = translate(mark("Commands"))
    rich_utils.OPTIONS_PANEL_TITLE = translate(mark("Options"))
    rich_utils.ARGUMENTS_PANEL_TITLE = translate(mark("Arguments"))
    rich_utils.ERRORS_PANEL_TITLE = translate(mark("Error"))
    app = _group(mark("Gongfu 工赋, an industrial internet node."))
    _node(app)
    _records(app)
    _tools(app)
    _devices(app)
    _handle(app)
    _escrow(app)
    _backup(app)
    _edge(app)
    for name, text in {
        "web": mark("Console, API and live streams."),
        "recorder": mark("Takes readings from the bus into the telemetry store."),
        "gateway": mark("Connects devices with the bus."),
        "edge-forward": mark("Sends what an edge node holds to its node."),
        "edge-control": mark("Local rules and status page of an edge node."),
        "northbound": mark("Serves devices to other programs as OPC UA, Modbus TCP and Sparkplug B."),
        "streams": mark("Evaluates alarm rules over the readings."),
        "resolver": mark("Answers the Handle protocol."),
        "worker": mark("Background tasks."),
        "simulate": mark("The demonstration plant."),
    }.items():
        _daemon(app, name, text)
    return app


def _group(text: str) -> typer.Typer:
    return typer.Typer(help=translate(text), no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _daemon(app: typer.Typer, name: str, text: str) -> None:
    @app.command(name=name, help=translate(text), rich_help_panel=translate(mark("One process alone")))
    def command() -> None:
        cli.daemon(name)


def _node(app: typer.Typer) -> None:
    @app.command(help=translate(mark("Run the whole node until Ctrl-C.")))
    def up() -> None:
        from gongfu.cli import node

        sys.exit(node.up())

    @app.command(help=translate(mark("Show the processes of the running node.")))
    def status(json: JSON = False) -> None:
        from gongfu.cli import show
        from gongfu.kernel.supervisor.status import fetch

        found = fetch(cli.node_settings())
        if json:
            _print_json(found)
        else:
            show.processes(found)

    @app.command(help=translate(mark("Check this machine and say what to do.")))
    def doctor(json: JSON = False) -> None:
        from gongfu.cli import checks, show
        from gongfu.kernel.doctor import Level, examine

        found = examine(cli.node_settings(), checks.CHECKS)
        if json:
            _print_json(found)
        else:
            show.findings(found)
        sys.exit(any(finding.level is Level.FAIL for finding in found))

    @app.command(help=translate(mark("Show the version.")))
    def version() -> None:
        sys.stdout.write(f"gongfu {importlib.metadata.version('gongfu')}\n")


def _records(app: typer.Typer) -> None:
    @app.command(help=translate(mark("Prepare or update the database; the first time, create the administrator.")))
    def migrate(for_supervisor: Annotated[bool, typer.Option(hidden=True)] = False) -> None:
        from gongfu.cli import database

        database.migrate(for_supervisor=for_supervisor)

    user = _group(mark("People who may sign in."))
    app.add_typer(user, name="user")

    @user.callback()
    def users() -> None:
        """Makes ``password`` a command of its own: with one command only, typer would leave its name out."""

    @user.command(help=translate(mark("Set a new password.")))
    def password(name: Annotated[str, typer.Argument(help=translate(mark("User name.")))]) -> None:
        from gongfu.cli import database

        database.set_password(name)

    audit = _group(mark("The audit log."))
    app.add_typer(audit, name="audit")

    @audit.callback()
    def audits() -> None:
        """As above."""

    @audit.command(help=translate(mark("Prove that no entry was changed or removed.")))
    def verify() -> None:
        from gongfu.cli import database

        database.verify_audit()


def _tools(app: typer.Typer) -> None:
    @app.command(help=translate(mark("Ask a resolver about an identifier, over the Handle protocol.")))
    def resolve(
        identifier: Annotated[str, typer.Argument(help=translate(mark("Such as 88.118.1/CNC-0001.")))],
        host: Annotated[str, typer.Option(help=translate(mark("Address of the resolver; default: this node's.")))] = "",
        port: Annotated[int, typer.Option(help=translate(mark("Its port; default: this node's.")))] = 0,
        tcp: Annotated[bool, typer.Option("--tcp", help=translate(mark("TCP instead of UDP.")))] = False,
        recursive: Annotated[
            bool, typer.Option("--recursive", help=translate(mark("Let a recursive resolver ask others.")))
        ] = False,
        trace: Annotated[
            bool, typer.Option("--trace", help=translate(mark("Show whom it asked, hop by hop.")))
        ] = False,
    ) -> None:
        from gongfu.cli import show
        from gongfu.identity.handle.client import resolve as ask

        settings = cli.node_settings()
        if recursive or trace:
            from gongfu.cli import tracing

            tracing.run(settings, identifier, host, port, recursive=recursive, trace=trace)
            return
        answer = ask(identifier, host=host or settings.host, port=port or settings.handle_port, tcp=tcp)
        show.resolution(answer)

    @app.command(help=translate(mark("Give a prefix a secret key for its administrator, shown only this once.")))
    def administrator(
        prefix: Annotated[str, typer.Argument(help=translate(mark("Such as 88.118.1.")))],
        index: Annotated[int, typer.Option(min=1, help=translate(mark("Index at which the key stands.")))] = 300,
    ) -> None:
        from gongfu.identity.registry.store import open_store
        from gongfu.identity.resolver.founding import found

        who, secret = found(open_store(cli.node_settings().home), prefix, index, actor="gongfu administrator")
        sys.stdout.write(f"{who.index}:{who.handle}\n{secret}\n")

    @app.command(help=translate(mark("Run the four roles of the identifier system on this machine, and show a path.")))
    def hierarchy(
        folder: Annotated[
            Path | None, typer.Option(help=translate(mark("Where their state lies; default: hierarchy in home.")))
        ] = None,
        port: Annotated[int, typer.Option(help=translate(mark("First of 13 ports.")))] = 26410,
        once: Annotated[bool, typer.Option("--once", help=translate(mark("Show the path and end.")))] = False,
    ) -> None:
        from gongfu.cli import hierarchy as four

        settings = cli.node_settings()
        sys.exit(four.run(settings, folder or settings.path("hierarchy"), port, once=once))

    @app.command(help=translate(mark("Turn a recorded CSV file into a live device.")))
    def replay(
        file: Annotated[Path, typer.Argument(help=translate(mark("CSV file: a time column, then one column a tag.")))],
        protocol: Annotated[str, typer.Option(help="opcua, modbus, mqtt, sparkplug")] = "opcua",
        speed: Annotated[float, typer.Option(help=translate(mark("How many times faster than recorded.")))] = 1.0,
        timezone: Annotated[
            str, typer.Option(help=translate(mark("Time zone of times without one; default: the node's.")))
        ] = "",
    ) -> None:
        from gongfu.cli import database

        database.replay(file, protocol, speed, timezone)

    @app.command(help=translate(mark("Measure this checkout (bench/NAME.py).")))
    def bench(
        name: Annotated[str, typer.Argument(help=translate(mark("Such as path or pages.")))],
        json: JSON = False,
        quick: Annotated[bool, typer.Option("--quick", help=translate(mark("End within 50 seconds.")))] = False,
    ) -> None:
        from gongfu.cli import bench as measurements

        measurements.run(name, quick=quick, json=json)

    @app.command(help=translate(mark("Bring this checkout's translations up to date.")))
    def messages(
        check: Annotated[bool, typer.Option("--check", help=translate(mark("Only say what is missing.")))] = False,
    ) -> None:
        from gongfu.cli import messages as catalogues

        catalogues.run(check=check)


def _devices(app: typer.Typer) -> None:
    group = _group(mark("Configurations of devices as files."))
    app.add_typer(group, name="devices")

    @group.command(name="export", help=translate(mark("Write devices to a file, TOML or JSON, without passwords.")))
    def take_out(
        target: Annotated[Path | None, typer.Argument(help=translate(mark("File; default: print it.")))] = None,
        organisation: Annotated[str, typer.Option(help=translate(mark("Code of an organisation.")))] = "",
        json: JSON = False,
    ) -> None:
        from gongfu.cli import devices

        devices.take_out(target, organisation, json=json)

    @group.command(name="import", help=translate(mark("Make devices what a file says; the others stay as they are.")))
    def bring_in(
        source: Annotated[Path, typer.Argument(help=translate(mark("A .toml, .json, .xlsx or .csv file.")))],
        why: Annotated[str, typer.Option(help=translate(mark("Kept with the version.")))] = "",
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help=translate(mark("Only show what would change.")))
        ] = False,
    ) -> None:
        from gongfu.cli import devices

        devices.bring_in(source, why, dry_run=dry_run)


def _handle(app: typer.Typer) -> None:
    if len(sys.argv) > 1 and sys.argv[1] not in ("handle", "--help"):
        return  # it loads cryptography, which no other command pays for
    from gongfu.cli import handle

    group = _group(mark("Administer identifiers over the Handle protocol."))
    handle.add(group)
    app.add_typer(group, name="handle")


def _edge(app: typer.Typer) -> None:
    group = typer.Typer(
        help=translate(mark("Be an edge node: a gateway that stores and forwards.")), add_completion=False
    )
    app.add_typer(group, name="edge", invoke_without_command=True)

    @group.callback()
    def run(context: typer.Context) -> None:
        from gongfu.cli import edge

        if context.invoked_subcommand is None:
            sys.exit(edge.up())

    @group.command(help=translate(mark("Make this machine an edge node of another node.")))
    def join(
        node: Annotated[str, typer.Argument(help=translate(mark("Address of the node's console, https://name.")))],
        token: Annotated[
            str,
            typer.Option(help=translate(mark("From the node's console, good once; - reads it from standard input."))),
        ] = "-",  # noqa: S107
        ca: Annotated[
            Path | None, typer.Option(help=translate(mark("PEM file of who signed the console's certificate.")))
        ] = None,
    ) -> None:
        from gongfu.cli import edge

        edge.join(node, token, ca)

    @group.command(help=translate(mark("Be no edge node any more; what was not forwarded stays on the disk.")))
    def leave() -> None:
        from gongfu.cli import edge

        edge.leave()

    @group.command(name="run", hidden=True)
    def run_this() -> None:
        """As without a command, but of this very version."""
        from gongfu.cli import edge

        sys.exit(edge.run())

    @group.command(hidden=True)
    def prepare() -> None:
        """Run by the supervisor: streams and buckets exist before the gateway starts."""
        from gongfu.cli import edge

        edge.prepare()


def _escrow(app: typer.Typer) -> None:
    escrow = _group(mark("Copies of this node's identifiers that only their key opens."))
    app.add_typer(escrow, name="escrow")

    @escrow.command(help=translate(mark("Add a set to a folder: the first time everything, then what changed.")))
    def make(target: SERIES) -> None:
        from gongfu.cli import escrow as work

        work.make(target)

    @escrow.command(help=translate(mark("Walk every hash and every signature of a series.")))
    def verify(
        source: SERIES,
        node: NODE = "",
        recovery: Annotated[
            bool, typer.Option(help=translate(mark("Ask for the recovery text; open it too.")))
        ] = False,
    ) -> None:
        from gongfu.cli import escrow as work

        work.verify(source, node, ask=recovery)

    @escrow.command(help=translate(mark("Make this node, which must be empty, what the series says.")))
    def restore(
        source: SERIES,
        node: NODE = "",
        own_key: Annotated[
            bool,
            typer.Option("--own-key", help=translate(mark("Open it with this node's key, to which it was released."))),
        ] = False,
    ) -> None:
        from gongfu.cli import escrow as work

        work.restore(source, node, own_key=own_key)


def _backup(app: typer.Typer) -> None:
    if len(sys.argv) > 1 and sys.argv[1] not in ("backup", "restore", "drill", "plan", "--help"):
        return  # it loads cryptography, as above
    from gongfu.cli import backup_commands

    backup_commands.add(app)


def _print_json(value: object) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
