"""Who is let in: the checks of a call's sender, in an order in which the cheap ones protect the dear.

Pace of the sender → token → page → pace of the account → the account and its address → the token's one use. Rights are
asked of amoCRM when something is to be changed.
"""

from __future__ import annotations

from quart import request

from dealgram.http.api import cors
from dealgram.http.api.ports import WidgetApi
from dealgram.http.api.problems import problem
from dealgram.http.api.tokens import HEADER, Claims
from dealgram.http.arrivals import Arrivals
from dealgram.http.senders import sender

SENDER_PACE = {"rate_per_s": 20.0, "burst": 200.0, "total_rate_per_s": 1000.0, "total_burst": 4000.0}
"""Of one address and of all: an office of managers behind one address stays far below."""
ACCOUNT_PACE = {"rate_per_s": 10.0, "burst": 100.0, "total_rate_per_s": 1000.0, "total_burst": 4000.0}


class Admission:
    """See the module."""

    def __init__(self, services: WidgetApi, *, trusted_proxies: int) -> None:
        self._services = services
        self._trusted_proxies = trusted_proxies
        self._senders = Arrivals(**SENDER_PACE)
        self._accounts = Arrivals(**ACCOUNT_PACE)

    async def admit(self, *, without_access: bool = False) -> Claims:
        """Let the current request in, or refuse it. ``without_access``: also while amoCRM refuses us the account.

        Raises:
            ApiProblem: it is refused.
            Transient: nobody can say at the moment.
        """
        self.pace_sender()
        claims = self.verify()
        if (wait_s := self._accounts.wait_s(str(claims.account_id))) > 0:
            raise problem("too_many", retry_after_s=wait_s)
        keeper = self._services.gatekeeper
        account = await keeper.account(claims.account_id)
        if account is None:
            raise problem("account_unknown", authorise_url=keeper.authorise_url)
        if account.host != claims.origin and not await keeper.has_moved_to(claims.account_id, claims.origin):
            raise problem("token_invalid")
        if self._services.one_time and not await keeper.use_token(claims.account_id, claims.jti, claims.expires_at):
            raise problem("token_used")
        if account.status == "reauthorise" and not without_access:
            raise problem("reauthorise", authorise_url=keeper.authorise_url)
        return claims

    def pace_sender(self) -> None:
        """Refuse a sender that asks too often."""
        forwarded = request.headers.getlist("X-Forwarded-For")
        wait_s = self._senders.wait_s(sender(request.remote_addr, forwarded, self._trusted_proxies))
        if wait_s > 0:
            raise problem("too_many", retry_after_s=wait_s)

    def verify(self) -> Claims:
        """The claims of the request's token, sent by a page of its own account (or by no page at all)."""
        given = request.headers.getlist(HEADER)
        if not given:
            raise problem("token_missing")
        verifier = self._services.verifier
        if len(given) > 1 or verifier is None:
            raise problem("token_invalid")
        claims = verifier.read(given[0].strip(), self._services.now())
        cors.believe(claims.origin)
        origin = cors.origin_of_request()
        if origin is not None and origin != claims.origin:
            raise problem("foreign_origin")
        return claims

    async def is_admin(self, account_id: int, user_id: int) -> bool:
        """Whether amoCRM says that the user administers the account."""
        return await self._services.gatekeeper.is_admin(account_id, user_id)
