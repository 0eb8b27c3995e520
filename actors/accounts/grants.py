"""A grant: what an administrator's consent gave us, and what is written down of it.

Owns the rules of who may connect an account (an administrator, since another user's grant would see only what that user
sees: amoCRM contract §2), and under which address it is kept. Nothing is written here.
"""

from __future__ import annotations

import datetime as dt
from urllib.parse import urlsplit

import jwt
import structlog

from dealgram.actors.accounts.installation import FixedToken
from dealgram.actors.services import Services
from dealgram.gateways.amo_hosts import LOOPBACK, AmoHosts, ForeignHostError, host_of
from dealgram.gateways.amocrm import Account as AmoAccount
from dealgram.gateways.amocrm import AmoCrmClient, Tokens
from dealgram.gateways.errors import Forbidden, Unauthorised
from dealgram.persistence.accounts import Grant

log = structlog.get_logger(__name__)

NOT_ADMINISTRATOR = (
    "Доступ разрешил не администратор аккаунта amoCRM. Попросите администратора установить виджет или пройти по ссылке"
    " для подключения."
)
NO_CHATS = (
    "amoCRM не сообщил идентификатор чатов аккаунта. Проверьте, что у интеграции есть доступ к данным аккаунта, и"
    " разрешите доступ ещё раз."
)
TAKEN_BACK = "amoCRM отозвал выданный доступ раньше, чем мы успели им воспользоваться. Разрешите доступ ещё раз."


class UnusableGrantError(Exception):
    """The grant is of no use; the text says why, in Russian, for the administrator."""


async def read_grant(services: Services, host: str, tokens: Tokens, granted_at: dt.datetime) -> Grant:
    """Look at the account through its new tokens.

    Raises:
        UnusableGrantError: it is not to be used.
        GatewayError: amoCRM did not answer; ask again with the same tokens.
    """
    client = services.client(host, FixedToken(tokens.access_token))
    try:
        account = await client.account()
        administrator = await _is_administrator(client, account.current_user_id)
    except Unauthorised as error:
        raise UnusableGrantError(TAKEN_BACK) from error
    if not administrator:
        raise UnusableGrantError(NOT_ADMINISTRATOR)
    if account.amojo_id is None:
        raise UnusableGrantError(NO_CHATS)
    return Grant(
        account_id=account.id,
        host=_own_host(services.hosts, host, account),
        subdomain=account.subdomain,
        name=account.name,
        amojo_id=account.amojo_id,
        access_token=services.box.seal(tokens.access_token),
        refresh_token=services.box.seal(tokens.refresh_token),
        token_expires_at=granted_at + dt.timedelta(seconds=tokens.expires_in_s),
        api_domain=api_domain(tokens.access_token),
        drive_url=account.drive_url,
        is_technical=account.is_technical_account,
    )


def api_domain(access_token: str) -> str | None:
    """The host of the account's cluster, as the access token names it (amoCRM contract §2).

    The token's signature is amoCRM's own affair, so what it says is checked where it is used."""
    try:
        claims = jwt.decode(access_token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return None
    said = claims.get("api_domain")
    return said if isinstance(said, str) and said else None


async def _is_administrator(client: AmoCrmClient, user_id: int | None) -> bool:
    if user_id is None:
        return False
    try:
        user = await client.user(user_id)
    except Forbidden as error:
        if error.is_html:  # the front server blocks us; that says nothing of the user
            raise
        return False
    return user is not None and user.is_admin


def _own_host(hosts: AmoHosts, host: str, account: AmoAccount) -> str:
    """The account's own address. The redirect's word for it passed through a browser; the account's is better."""
    name = urlsplit(host).hostname or ""
    label, _, domain = name.partition(".")
    if name in LOOPBACK or not account.subdomain or label == account.subdomain.lower():
        return host.rstrip("/")
    try:
        own = hosts.base_url(f"{account.subdomain}.{domain}")
    except ForeignHostError:
        return host.rstrip("/")
    log.warning("the redirect named another address than the account's own", account=account.id, named=host_of(host))
    return own
