"""The consent page (amoCRM contract §2): a person picks an account and allows the integration, or does not.

Owns the page below `/oauth` and where it sends the browser. Promises: only an administrator can allow; `state` comes
back exactly as it was given, and not at all when none was given; a refusal carries no code.
"""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qsl, urlencode

from dealgram.sandbox.amocrm import oauth
from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.answers import HTML, Answer, Refused
from dealgram.sandbox.amocrm.records import SimUser
from dealgram.sandbox.amocrm.server_calls import with_query
from dealgram.sandbox.amocrm.world import RawRequest, World

PATH = "/oauth"
DECISION = "/oauth/decision"
_MODES = ("", "popup", "post_message")
_PLATFORM = "1"  # an account of amocrm.ru

_PAGE = """<!doctype html>
<html lang="ru">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Доступ к аккаунту amoCRM</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 30rem; margin: 3rem auto; padding: 0 1rem; color: #1f2d3d; }}
fieldset {{ border: 1px solid #c9d2dc; border-radius: 8px; padding: .75rem 1rem; margin: 1rem 0; }}
label {{ display: block; padding: .25rem 0; }}
button {{ font: inherit; padding: .5rem 1.25rem; margin-right: .5rem; border-radius: 6px; border: 1px solid #1e7bd0; }}
button[value=allow] {{ background: #1e7bd0; color: #fff; }}
button[value=deny] {{ background: #fff; color: #1e5a92; }}
</style>
</head>
<body>
<main>
<h1>Предоставить доступ?</h1>
<p>Интеграция «{title}» просит доступ к данным аккаунта amoCRM и к уведомлениям.</p>
<form method="post" action="{action}">
{hidden}
<fieldset><legend>Аккаунт</legend>
{accounts}
</fieldset>
<button name="decision" value="allow">Разрешить</button>
<button name="decision" value="deny">Отказать</button>
</form>
</main>
</body>
</html>
"""
_POPUP = """<!doctype html>
<html lang="ru"><head><meta charset="utf-8"><title>amoCRM</title></head>
<body><p><a id="next" href="{url}">Продолжить</a></p>
<script>
const next = document.getElementById("next").href;
if (window.opener) {{ window.opener.location = next; window.close(); }} else {{ window.location.replace(next); }}
</script>
</body></html>
"""


def authorize_url(world: World, state: str | None, mode: str | None) -> str:
    """The address that the button opens."""
    query = {"client_id": world.integration.client_id}
    query |= {name: value for name, value in (("state", state), ("mode", mode)) if value is not None}
    base = f"http://{world.api_host}" if world.api_host else f"https://www.{world.domain}"
    return f"{base}{PATH}?{urlencode(query)}"


def grant(world: World, account: SimAccount, user: SimUser) -> dict[str, str]:
    """Installs the integration; the parameters that both ways to the redirect URI have in common."""
    if not user.is_admin or not user.is_active:
        raise ValueError(f"{user.name} is no administrator of {account.subdomain}")
    code = oauth.issue_code(world, account, user.id)
    if not world.integration.multiple_sources and not account.sources:
        account.add_source(
            name=world.channel.title,
            external_id=world.integration.widget_code,
            pipeline_id=account.main_pipeline.id,
            is_default=True,
        )
    query = {"code": code, "referer": world.host_of(account), "platform": _PLATFORM}
    if world.switches.redirect_client_id:
        query["client_id"] = world.integration.client_id
    return query


def decide(world: World, address: str, account: SimAccount | None, user: SimUser | None, state: str | None) -> str:
    """Where the browser goes next; without an account the person has refused."""
    query = {"error": "access_denied"} if account is None else grant(world, account, user or account.owner)
    if state is not None:
        query["state"] = state
    return with_query(address, query)


def asked(world: World, query: str) -> dict[str, str]:
    """The checked parameters of the consent page; raises Refused."""
    given = dict(parse_qsl(query, keep_blank_values=True))
    if given.get("client_id") != world.integration.client_id:
        raise _refused("no integration has this client_id")
    if given.get("mode", "") not in _MODES:
        raise _refused(f"mode is {given['mode']!r}")
    unknown = set(given) - {"client_id", "state", "mode"}
    if unknown:
        raise _refused(f"the documentation knows no {', '.join(sorted(unknown))} here")
    return given


def page(world: World, request: RawRequest) -> Answer:
    """GET /oauth: everybody here is logged in as the administrator of every account."""
    given = asked(world, request.query)
    hidden = "\n".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in given.items()
    )
    accounts = "\n".join(
        f'<label><input type="radio" name="account" value="{one.id}"{" checked" if index == 0 else ""}> '
        f"{escape(one.name)} ({escape(one.subdomain)})</label>"
        for index, one in enumerate(world.accounts.values())
    )
    title = escape(world.channel.title)
    html = _PAGE.format(title=title, action=DECISION, hidden=hidden, accounts=accounts)
    return Answer(status=200, body=html.encode(), content_type=f"{HTML}; charset=utf-8")


def decision(world: World, request: RawRequest, address: str) -> Answer:
    """POST of the page's form."""
    form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    account_id, verdict = form.pop("account", ""), form.pop("decision", "")
    given = asked(world, urlencode(form))
    account = world.accounts.get(int(account_id)) if account_id.isdigit() else None
    if verdict not in ("allow", "deny") or (verdict == "allow" and account is None):
        raise _refused("the form of the consent page is incomplete")
    url = decide(world, address, account if verdict == "allow" else None, None, given.get("state"))
    if given.get("mode") == "popup":
        body = _POPUP.format(url=escape(url)).encode()
        return Answer(status=200, body=body, content_type=f"{HTML}; charset=utf-8")
    return Answer(status=302, headers={"Location": url})


def _refused(reason: str) -> Refused:
    body = f"<!doctype html><meta charset=utf-8><title>amoCRM</title><p>Ошибка: {escape(reason)}</p>".encode()
    return Refused(Answer(status=400, body=body, content_type=f"{HTML}; charset=utf-8"), reason)
