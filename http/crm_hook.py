"""POST /amocrm/hooks/<key>: what changed in an account's deals and contacts (amoCRM contract §14).

Nothing signs these hooks: the address is the account's own and cannot be guessed, the body has to name the same
account, and it is believed no further than that something is to be looked up. To be answered within 2 seconds; what
is not answered 2xx comes again, up to five times, so a refusal is final only for what can never be read. An empty body
is a probe of the address.
"""

from __future__ import annotations

from quart import Blueprint, Response, request

from dealgram.http.errors import ApiError, bad_request
from dealgram.http.hooks import Hooks
from dealgram.http.metrics import RequestFigures
from dealgram.http.ports import HttpServices
from dealgram.runtime import Permanent

COMMIT_DEADLINE_S = 1.5
"""Of the 2 seconds that amoCRM waits; the rest is for the way."""

FORM = "application/x-www-form-urlencoded"


def routes(services: HttpServices, figures: RequestFigures) -> Blueprint:
    """Build the CRM hook's route over the intake port."""
    blueprint = Blueprint("crm_hook", __name__)
    hooks = Hooks("crm", figures, commit_deadline_s=min(services.commit_deadline_s, COMMIT_DEADLINE_S))
    intake = services.intake

    async def accept(key: str, raw: bytes) -> None:
        account = await intake.crm_account(key)
        if account is None:
            raise hooks.refuse("unknown", ApiError(404, "There is no such hook."))
        if not raw.strip():
            return
        if request.mimetype != FORM:
            raise hooks.refuse("bad_body", ApiError(415, f"The body must be {FORM}."))
        try:
            hooks.count_accepted(await intake.accept_crm(account, raw))
        except Permanent as error:
            raise hooks.refuse("bad_body", bad_request("The body is not a hook of this account.")) from error

    # Kommo was seen to insist on a trailing slash (amoCRM contract §14); redirecting a POST would lose it.
    @blueprint.post("/amocrm/hooks/<key>", strict_slashes=False)
    @blueprint.post("/amocrm/hooks/<key>/", strict_slashes=False)
    async def crm_event(key: str) -> Response:
        hooks.path_value(key)
        raw = await hooks.body()
        await hooks.durably(lambda: accept(key, raw))
        return Response(b"", status=200)

    return blueprint
