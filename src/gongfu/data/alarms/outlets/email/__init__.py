"""E-mail through the node's mail server (settings ``smtp_url`` and ``smtp_from``)."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

from gongfu.data.alarms.outlets.letter import Letter
from gongfu.kernel.errors import Invalid, Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import Settings

_SECONDS = 10


def compose(letter: Letter, sender: str, receivers: list[str]) -> EmailMessage:
    """The message; line breaks in a title cannot become headers."""
    message = EmailMessage()
    message["Subject"] = " ".join(letter.title.split())
    message["From"], message["To"] = sender, ", ".join(receivers)
    message["Date"], message["Message-ID"] = formatdate(localtime=True), make_msgid(domain="gongfu.invalid")
    message.set_content("\n".join([*letter.lines, "", letter.url]))
    return message


def receivers_of(address: str) -> list[str]:
    """Addresses in ``address``; raises :class:`Invalid` for what is none."""
    found = [part.strip() for part in address.replace("，", ",").replace(";", ",").split(",") if part.strip()]
    for one in found:
        name, at, domain = one.rpartition("@")
        if not (at and name and domain) or any(letter.isspace() or letter in "<>\"," for letter in one):
            raise Invalid(mark("{address} is no e-mail address."), address=one[:80])
    if not found:
        raise Invalid(mark("There is no e-mail address."))
    return found


def send(letter: Letter, address: str, settings: Settings) -> None:
    """Hand it to the mail server; raises :class:`Unavailable` when it was not taken."""
    if not settings.smtp_url:
        raise Unavailable(
            mark("This node has no mail server."), remedy=mark("Set smtp_url, such as smtps://user:password@host:465.")
        )
    parts = urlsplit(settings.smtp_url)
    receivers = receivers_of(address)
    sender = settings.smtp_from or unquote(parts.username or "") or receivers[0]
    host = parts.hostname or "localhost"
    try:
        if parts.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                host, parts.port or 465, timeout=_SECONDS, context=ssl.create_default_context()
            )
        else:
            server = smtplib.SMTP(host, parts.port or 25, timeout=_SECONDS)
        with server:
            if parts.scheme == "smtp+starttls":
                server.starttls(context=ssl.create_default_context())
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(compose(letter, sender, receivers))
    except (smtplib.SMTPException, OSError) as error:
        reason = type(error).__name__ if isinstance(error, smtplib.SMTPAuthenticationError) else str(error)[:200]
        raise Unavailable(mark("The mail server did not take the message: {reason}."), reason=reason) from error
