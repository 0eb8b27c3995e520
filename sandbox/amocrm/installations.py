"""How the integration comes into an account and out of it: hosts, tokens, installing, consent, removal.

Owns `Installations`, the part of `AmoSimulator` for administrators (amoCRM contract §2). Every method but `install`,
which waits for the call it makes, is synchronous.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from dealgram.sandbox.amocrm import consent, oauth
from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.records import SimUser
from dealgram.sandbox.amocrm.server_calls import ServerCall, ServerCalls
from dealgram.sandbox.amocrm.world import Token, World


class Installations:
    """Mixed into `AmoSimulator`, which has the world and makes the calls of amoCRM's server."""

    world: World
    _calls: ServerCalls

    @property
    def redirect_url(self) -> str | None:
        """Where the service really serves the redirect URI; `integration.redirect_uri` is only compared."""
        return self._calls.redirect_url

    @redirect_url.setter
    def redirect_url(self, url: str | None) -> None:
        self._calls.redirect_url = url

    @property
    def uninstall_url(self) -> str | None:
        """Where a removal is told; None tells nobody."""
        return self._calls.uninstall_url

    @uninstall_url.setter
    def uninstall_url(self, url: str | None) -> None:
        self._calls.uninstall_url = url

    @property
    def server_calls(self) -> Sequence[ServerCall]:
        """What amoCRM's server asked the service for on installing and removing, with what became of it."""
        return tuple(self._calls.log)

    @property
    def server_calls_pending(self) -> int:
        return self._calls.pending

    def serve_at(self, account: SimAccount, host: str) -> None:
        """Says that `host` (with its port) is the account's own; it serves no other account from now on."""
        if self.world.hosts.get(host, account.id) != account.id:
            raise ValueError(f"{host} is taken")
        if account.host and account.host != host:
            self.world.hosts[account.host] = None
        account.host = host
        self.world.hosts[host] = account.id

    @property
    def api_host(self) -> str:
        """The host that serves every account: what tokens call `api_domain`."""
        return self.world.api_host

    @api_host.setter
    def api_host(self, host: str) -> None:
        self.world.api_host = host

    def rename_subdomain(self, account: SimAccount, subdomain: str, host: str | None = None) -> None:
        """The account moves; nobody answers for it at the old host any more.

        Give the new host where it has one of its own; without one the account is served by unregistered hosts alone.
        """
        account.subdomain = subdomain
        if host is not None:
            self.serve_at(account, host)
        elif account.host:
            self.world.hosts[account.host] = None
            account.host = ""
        self.world.events.publish("account", account_id=account.id)

    def revoke_tokens(self, account: SimAccount) -> None:
        """Every code and token of the account dies, and nobody is told."""
        oauth.revoke(self.world, account)

    def issue_code(self, account: SimAccount, user: SimUser | None = None) -> str:
        """The code that an installing user's browser brings to the redirect URI: 20 minutes, once."""
        return oauth.issue_code(self.world, account, (user or account.owner).id)

    def issue_tokens(self, account: SimAccount, user: SimUser | None = None) -> tuple[str, str]:
        """An access and a refresh token without the exchange of a code."""
        return oauth.issue_pair(self.world, account.id, (user or account.owner).id)

    async def install(
        self, account: SimAccount, user: SimUser | None = None, *, from_widget: bool = True
    ) -> ServerCall:
        """An administrator switches the widget on: amoCRM's server asks the redirect URI, once and for three seconds.

        Whatever becomes of the call, the integration counts as installed. Raises ValueError for a plain user.
        """
        query = consent.grant(self.world, account, user or account.owner)
        return await self._calls.installed(account, query | ({"from_widget": "1"} if from_widget else {}))

    def authorize_url(self, state: str | None = None, mode: str | None = None) -> str:
        """The address of the consent page, as the button on a site opens it."""
        return consent.authorize_url(self.world, state, mode)

    def consent(
        self, account: SimAccount, state: str | None = None, user: SimUser | None = None, *, allow: bool = True
    ) -> str:
        """What a person decides on the consent page; returns the address the browser is sent to."""
        address = self.redirect_url or self.world.integration.redirect_uri
        return consent.decide(self.world, address, account if allow else None, user, state)

    def consent_at(self, url: str, account: SimAccount, user: SimUser | None = None, *, allow: bool = True) -> str:
        """The same at the consent page of this address, with the state it has. Raises Refused for a wrong address."""
        split = urlsplit(url)
        own = urlsplit(self.authorize_url())
        if (split.scheme, split.netloc, split.path) != (own.scheme, own.netloc, own.path):
            raise ValueError(f"{url} is not the consent page {own.geturl()}")
        return self.consent(account, consent.asked(self.world, split.query).get("state"), user, allow=allow)

    def uninstall(self, account: SimAccount) -> ServerCall | None:
        """What switching the integration off does: tokens die, the channel is disconnected, the service is told.

        Whether a later installation finds its sources and chats again is a switch. Returns the hook, which `run` sends.
        """
        oauth.revoke(self.world, account)
        account.is_connected = account.is_installed = False
        if self.world.switches.after_uninstall == "forgotten":
            account.forget_integration()
        if self.world.switches.webhooks_after_uninstall == "removed":
            account.webhooks.clear()
        self.world.events.publish("account", account_id=account.id)
        return self._calls.uninstalled(account)

    def open_session(self, account: SimAccount, user: SimUser) -> str:
        """The cookie of a browser in which this user is logged in; the same for every page of theirs."""
        sessions = self.world.sessions
        for cookie, session in sessions.items():
            if (session.account_id, session.user_id) == (account.id, user.id):
                return cookie
        cookie = self.world.ids.secret(32)
        sessions[cookie] = Token(account_id=account.id, user_id=user.id, expires_at=float("inf"))
        return cookie

    def disconnect(self, account: SimAccount) -> None:
        """The channel is disconnected for this account, the tokens stay."""
        account.is_connected = False
