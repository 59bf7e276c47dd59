"""`tele admin`: accounts and organisations from the server's own console; a certificate for sites without a name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tele.services.context import Services


def commands() -> typer.Typer:
    """The sub-commands."""
    admin = typer.Typer(help="Accounts, organisations, certificates.", no_args_is_help=True)
    admin.command("create")(create)
    admin.command("password")(password)
    admin.command("disable")(disable)
    admin.command("enable")(enable)
    admin.command("make-cert")(make_cert)
    return admin


def create(
    username: Annotated[str, typer.Option(prompt="User name", help="what the person types to sign in")],
    name: Annotated[str, typer.Option(prompt="Full name")],
    organisation: Annotated[str, typer.Option(prompt="Organisation", help="made if there is none of this name")],
    role: Annotated[
        list[str], typer.Option(help="gp, specialist, learner, coordinator, administrator or auditor; may be repeated")
    ] = ["administrator"],  # noqa: B006 - typer reads the default, nobody changes it
    kind: Annotated[str, typer.Option(help="of a new organisation: hospital or phc")] = "hospital",
    specialty: Annotated[list[str] | None, typer.Option(help="code, for specialists; may be repeated")] = None,
    language: Annotated[str, typer.Option(help="en or zh-CN")] = "en",
    email: Annotated[str | None, typer.Option()] = None,
    phone: Annotated[str | None, typer.Option()] = None,
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True)] = "",
) -> None:
    """Make an account, and its organisation when that is new."""
    from tele.services.accounts import NewAccount, NewRole, create_account

    async def work(services: Services) -> None:
        place = await _organisation(services, organisation, kind)
        roles = [NewRole(each, place, tuple(specialty or ())) for each in role]  # type: ignore[arg-type]
        account = NewAccount(
            username=username, name=name, password=password, roles=roles, email=email, phone=phone,
            language=language,  # type: ignore[arg-type]
        )  # fmt: skip
        await create_account(services, None, account)
        typer.echo(f"{username} can sign in now, as {', '.join(role)} of {organisation}.")

    _run(work)


def password(
    username: str,
    new: Annotated[str, typer.Option(prompt="New password", hide_input=True, confirmation_prompt=True)],
) -> None:
    """Give an account a new password; whoever is signed in with the old one is signed out."""
    from tele.services.accounts import set_password

    async def work(services: Services) -> None:
        await set_password(services, None, username, new)
        typer.echo(f"{username} has a new password.")

    _run(work)


def disable(username: str) -> None:
    """Close an account: its sessions end within seconds, its past stays."""
    _switch(username, active=False)


def enable(username: str) -> None:
    """Open a closed account again."""
    _switch(username, active=True)


def make_cert(
    names: Annotated[list[str], typer.Argument(help="host names and addresses that people type, e.g. 192.168.1.20")],
    folder: Annotated[Path | None, typer.Option(help="where to put the files; default: data_dir/tls")] = None,
) -> None:
    """Make a certificate for a site without a public name, signed by an authority of its own."""
    from tele.certificate import make
    from tele.settings import load

    made = make(folder or load().data_dir / "tls", names, datetime.now(UTC))
    typer.echo("Start Tele with:")
    typer.echo(f"  TELE_HTTP__TLS_CERT={made.certificate.resolve()}")
    typer.echo(f"  TELE_HTTP__TLS_KEY={made.key.resolve()}")
    typer.echo(f"Then install {made.authority.resolve()} on the PCs that call in, as a trusted root authority.")


async def _organisation(services: Services, name: str, kind: str) -> str:
    """The id of the organisation of this name, made when there is none."""
    from sqlalchemy import select

    from tele.services.accounts import create_organisation
    from tele.store.tables import Organisation

    async with services.database.reading() as tx:
        found = await tx.scalar(select(Organisation.id).where(Organisation.name == name))
    return found or await create_organisation(services, None, name, kind)  # type: ignore[arg-type]


def _switch(username: str, *, active: bool) -> None:
    from tele.services.accounts import set_active

    async def work(services: Services) -> None:
        await set_active(services, None, username, active)
        typer.echo(f"{username} is {'open' if active else 'closed'} now.")

    _run(work)


def _run(work: Callable[[Services], Awaitable[Any]]) -> None:
    """Run one use case on this server's database; a refusal is one sentence, not a traceback."""
    from tele.domain.refusals import Invalid, Refusal
    from tele.offline import services
    from tele.settings import load

    async def inside() -> None:
        async with services(load()) as ready:
            try:
                await work(ready)
            except Refusal as refusal:
                title, detail = ready.reference.say(refusal, "en")
                fields = (
                    [f"{each.field}: {each.code}" for each in refusal.errors] if isinstance(refusal, Invalid) else []
                )
                raise SystemExit("tele: " + " ".join([title + ".", detail, *fields])) from None

    asyncio.run(inside())
