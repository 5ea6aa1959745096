"""Rendering of a message as text and HTML, without remote content or tracking."""

import re
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from quisait_mail.values import ANSWER_ABOVE, MailContent, QueuedMail
from search_api.wording import safe_text

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    finalize=lambda shown: safe_text(shown) if type(shown) is str else shown,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


_POLICY = SMTP.clone(cte_type="7bit")
"""7-bit encoding, which every server accepts."""


_ATOMS = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS = re.compile(rf"({_ATOMS}(?:\.{_ATOMS})*)@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)")
"""A dot-atom before the @ (RFC 5322, 3.4.1), a host name after it."""


class BadAddress(ValueError):
    """The text is not exactly one mail address."""


def written_message(
    content: MailContent, queued: QueuedMail, sender: str, sender_name: str, moment: datetime
) -> EmailMessage:
    """Return the message with the queue's message id, by which a repeated message is recognised.

    Raises `BadAddress`. No text can add a header line: `EmailMessage` refuses line ends, and
    subjects are put on one line.
    """
    message = EmailMessage(policy=_POLICY)
    message["From"] = _address(sender, sender_name)
    message["To"] = _address(content.to)
    if content.reply_to:
        message["Reply-To"] = _address(content.reply_to)
    message["Subject"] = _one_line(content.subject)
    message["Date"] = format_datetime(moment)
    message["Message-ID"] = queued.message_id
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message["List-Unsubscribe"] = f"<{content.unsubscribe}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(_text(content))
    html = _environment.get_template("mail.html").render(content=content, above=ANSWER_ABOVE)
    message.add_alternative(html, subtype="html")
    return message


def _address(written: str, name: str = "") -> Address:
    """Return an ASCII address, which every server accepts. Raises `BadAddress`."""
    found = _ADDRESS.fullmatch(written)
    if found is None:
        raise BadAddress("not one address")
    return Address(_one_line(name), found[1], found[2])


def _one_line(text: str) -> str:
    return " ".join(safe_text(text).split())


def _text(content: MailContent) -> str:
    lines = [f"--- {ANSWER_ABOVE} ---", ""] if content.reply_to else []
    lines += [content.lead, ""]
    for section in content.sections:
        lines += [_one_line(section.heading), ""]
        for line in section.lines:
            said = f" ({line.said})" if line.said else ""
            lines += [f"- {_one_line(line.title)}{said}", f"  {line.address}"]
        lines += [section.more, ""] if section.more else [""]
    lines += ["-- ", content.why, f"Ne plus les recevoir : {content.unsubscribe}"]
    lines += [f"Changer vos choix : {content.choices}", ""]
    return "\n".join(lines)
