"""``gongfu handle``: administer identifiers of any server over the Handle protocol."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from gongfu import cli
from gongfu.identity.handle import keys, proofs
from gongfu.identity.handle.admin_record import parse_reference
from gongfu.identity.handle.client_sync import HandleClient
from gongfu.identity.handle.codes import Permission
from gongfu.identity.handle.wire import Value
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark, translate

_HIDDEN = Permission.ADMIN_READ | Permission.ADMIN_WRITE
Handle = Annotated[str, typer.Argument(help=translate(mark("Such as 88.118.1/CNC-0001.")))]
Admin = Annotated[str, typer.Option(help=translate(mark("Who asks: index:identifier, such as 300:0.NA/88.118.1.")))]
KeyFile = Annotated[Path | None, typer.Option("--key", help=translate(mark("File with the private key.")))]
SecretFile = Annotated[Path | None, typer.Option(help=translate(mark("File with the secret key.")))]
Host = Annotated[str, typer.Option(help=translate(mark("Address of the resolver; default: this node's.")))]
Port = Annotated[int, typer.Option(help=translate(mark("Its port; default: this node's.")))]
Values = Annotated[
    list[str],
    typer.Argument(help=translate(mark("index:type=text or index:type@file; type! is for administrators only."))),
]


def add(app: typer.Typer) -> None:
    """Adds the commands to ``app``."""

    @app.command(help=translate(mark("Register an identifier.")))
    def create(
        handle: Handle,
        values: Values,
        admin: Admin = "",
        key: KeyFile = None,
        secret_file: SecretFile = None,
        host: Host = "",
        port: Port = 0,
        overwrite: Annotated[bool, typer.Option("--overwrite", help=translate(mark("Replace what is there.")))] = False,
    ) -> None:
        new = [parse_value(text) for text in values]
        _with(lambda client: client.create(handle, new, overwrite=overwrite), admin, key, secret_file, host, port)

    @app.command(help=translate(mark("Remove an identifier.")))
    def delete(
        handle: Handle,
        admin: Admin = "",
        key: KeyFile = None,
        secret_file: SecretFile = None,
        host: Host = "",
        port: Port = 0,
    ) -> None:
        _with(lambda client: client.delete(handle), admin, key, secret_file, host, port)

    @app.command(help=translate(mark("Add values to an identifier.")), name="add")
    def add_values(
        handle: Handle,
        values: Values,
        admin: Admin = "",
        key: KeyFile = None,
        secret_file: SecretFile = None,
        host: Host = "",
        port: Port = 0,
    ) -> None:
        new = [parse_value(text) for text in values]
        _with(lambda client: client.add_values(handle, new), admin, key, secret_file, host, port)

    @app.command(help=translate(mark("Change values of an identifier.")))
    def modify(
        handle: Handle,
        values: Values,
        admin: Admin = "",
        key: KeyFile = None,
        secret_file: SecretFile = None,
        host: Host = "",
        port: Port = 0,
    ) -> None:
        new = [parse_value(text) for text in values]
        _with(lambda client: client.modify_values(handle, new), admin, key, secret_file, host, port)

    @app.command(help=translate(mark("Remove values of an identifier.")))
    def remove(
        handle: Handle,
        indexes: Annotated[list[int], typer.Argument(help=translate(mark("Indexes of the values.")))],
        admin: Admin = "",
        key: KeyFile = None,
        secret_file: SecretFile = None,
        host: Host = "",
        port: Port = 0,
    ) -> None:
        _with(lambda client: client.remove_values(handle, indexes), admin, key, secret_file, host, port)

    @app.command(help=translate(mark("List the identifiers under a prefix.")), name="list")
    def list_handles(
        prefix: Annotated[str, typer.Argument(help=translate(mark("Such as 88.118.1.")))],
        admin: Admin = "",
        key: KeyFile = None,
        secret_file: SecretFile = None,
        host: Host = "",
        port: Port = 0,
    ) -> None:
        def work(client: HandleClient) -> None:
            sys.stdout.writelines(f"{handle}\n" for handle in client.list_handles(prefix))

        _with(work, admin, key, secret_file, host, port)

    @app.command(help=translate(mark("Make a key pair; the public half is printed as an HS_PUBKEY value.")), name="key")
    def make_key(
        file: Annotated[Path, typer.Argument(help=translate(mark("Where to write the private key; must not exist.")))],
        kind: Annotated[keys.Algorithm, typer.Option("--type", help="ed25519, rsa, ec, sm2")] = keys.Algorithm.ED25519,
    ) -> None:
        made = keys.generate(kind)
        keys.save(file, made)
        sys.stdout.write(f"{made.public.encode().hex()}\n")


def parse_value(text: str) -> Value:
    """``1:URL=https://…``, ``3:HS_PUBKEY@file`` (hexadecimal or octets), ``2:NOTE!=x``; raises :class:`Invalid`."""
    number, colon, rest = text.partition(":")
    at = min((place for place in (rest.find("="), rest.find("@")) if place >= 0), default=-1)
    if not (colon and number.isascii() and number.isdigit() and 0 < int(number) < 2**32) or at < 1:
        raise Invalid(
            mark("{text} is not a value."),
            remedy=mark("Write it as index:type=text, such as 1:URL=https://example.com/."),
            text=ascii(text[:80]),
        )
    kind, given, hidden = rest[:at].removesuffix("!"), rest[at + 1 :], rest[:at].endswith("!")
    if kind.upper() == proofs.SECRET_KEY:
        if rest[at] == "=":
            raise Invalid(
                mark("A secret key does not belong on the command line, where others can see it."),
                remedy=mark("Write it to a file and give {number}:HS_SECKEY@FILE."),
                number=number,
            )
        return Value(int(number), kind, _read(Path(given)).rstrip(b"\r\n"), permissions=_HIDDEN)
    data = given.encode() if rest[at] == "=" else _data(Path(given))
    return Value(int(number), kind, data, permissions=_HIDDEN) if hidden else Value(int(number), kind, data)


def credential(admin: str, key: Path | None, secret_file: Path | None) -> proofs.SecretKey | proofs.PrivateKey | None:
    """Who asks and how he proves it; raises :class:`Invalid` unless all or nothing of it is there."""
    if not admin and key is None and secret_file is None:
        return None
    if not admin or (key is None) == (secret_file is None):
        raise Invalid(
            mark("An administrator needs a name and one key."),
            remedy=mark("Give --admin, and either --key or --secret-file."),
        )
    who = parse_reference(admin)
    if key is not None:
        return proofs.PrivateKey(who, keys.load(key))
    assert secret_file is not None
    return proofs.SecretKey(who, _read(secret_file).rstrip(b"\r\n"))


def _with(
    work: Callable[[HandleClient], object], admin: str, key: Path | None, secret_file: Path | None, host: str, port: int
) -> None:
    settings = cli.node_settings()
    proof = credential(admin, key, secret_file)
    with HandleClient(host or settings.host, port or settings.handle_port, credential=proof) as client:
        work(client)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Invalid(
            mark("The file {path} cannot be read: {reason}."), path=path, reason=error.strerror or error
        ) from error


def _data(path: Path) -> bytes:
    """The octets of a file, or those that its hexadecimal text stands for."""
    octets = _read(path)
    try:
        return bytes.fromhex(octets.decode("ascii")) if octets.strip() else octets
    except ValueError:
        return octets
