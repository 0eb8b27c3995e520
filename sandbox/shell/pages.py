"""What the shell's pages are told: the HTML around the scripts, and the facts that amoCRM's page has at hand.

Owns the page's text, its content policy and `boot`, the facts of an account, a user and a widget as one JSON document.
Shapes are those that widgets read through `APP.constant`, `self.params` and `self.system` (amoCRM widget §1.2, §1.5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from html import escape
from typing import Any

from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.records import SimUser
from dealgram.sandbox.amocrm.world import World
from dealgram.sandbox.shell.archive import WidgetArchive
from dealgram.sandbox.shell.switches import ShellSwitches

STYLES = ("base", "chrome", "controls", "modal", "marketplace", "list")
LANGUAGES = ("ru", "en", "es", "pt")

_HTML = """<!doctype html>
<html lang="{lang}" data-color-scheme="{theme}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>amoCRM</title>
<link rel="icon" href="data:,">
{styles}
</head>
<body class="amo-body">
<noscript>amoCRM needs JavaScript</noscript>
<script src="/nm/require.js"></script>
<script src="/harness/boot.js"></script>
</body>
</html>
"""


def html(lang: str, theme: str, switches: ShellSwitches) -> str:
    """The page that every address of the shell gets; its scripts draw the rest."""
    styles = [f'<link rel="stylesheet" href="/harness/{name}.css">' for name in STYLES]
    if switches.second_widget:
        styles.append('<link rel="stylesheet" href="/widgets/other_widget/style.css?v=3.1.4">')
    return _HTML.format(lang=escape(lang), theme=escape(theme), styles="\n".join(styles))


def policy(service: str, embedders: Iterable[str]) -> str:
    """The content policy: scripts from here alone and no `eval`; the service is the only other host."""
    frames = " ".join(("'self'", *embedders))
    return (
        "default-src 'none'; script-src 'self'; font-src 'self'; "
        "style-src-elem 'self'; style-src-attr 'unsafe-inline'; "
        f"img-src 'self' data: {service}; connect-src 'self' {service}; base-uri 'none'; form-action 'none'; "
        f"frame-ancestors {frames}"
    )


def boot(
    world: World,
    account: SimAccount,
    user: SimUser,
    archive: WidgetArchive,
    *,
    lang: str,
    status: str,
    fields: Mapping[str, Any],
    switches: ShellSwitches,
) -> dict[str, Any]:
    """Everything that the page's scripts know before they ask for anything."""
    code = world.integration.widget_code
    return {
        "code": code,
        "lang": lang if lang in LANGUAGES else LANGUAGES[0],
        "account": {
            "id": str(account.id) if switches.string_ids else account.id,
            "name": account.name,
            "subdomain": account.subdomain,
            "amojo_id": account.amojo_id,
            "timezone": account.time_zone,
            "language": "ru",
            "currency": "RUB",
            "top_level_domain": ".ru",
        },
        "user": _user(user),
        "users": [_user(one) for one in account.users.values() if one.is_active],
        "domain": world.domain,
        "client_uuid": world.integration.client_id,
        "widget": {
            "manifest": archive.manifest,
            "langs": archive.texts(lang),
            "version": archive.version,
            "path": f"/widgets/{code}",
            "status": status,
            "fields": dict(fields),
        },
        "leads": [{"id": one.id, "name": one.name} for one in account.leads.values() if not one.is_deleted],
        "switches": asdict(switches),
    }


def _user(user: SimUser) -> dict[str, Any]:
    return {"id": user.id, "name": user.name, "login": user.email, "is_admin": user.is_admin}
