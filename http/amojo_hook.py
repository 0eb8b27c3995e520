"""POST /amojo/<scope_id>: a message, reaction or typing event of amoCRM's chats (amoCRM contract §9).

Sent once and never repeated, to be answered 200 within 5 seconds: verify, commit, answer. The signature is checked
over the raw body before anything in it is believed.
"""

from __future__ import annotations

from quart import Blueprint, Response, request

from dealgram.http.errors import ApiError, bad_request
from dealgram.http.hooks import Hooks
from dealgram.http.metrics import RequestFigures
from dealgram.http.ports import HttpServices
from dealgram.runtime import Permanent


def routes(services: HttpServices, figures: RequestFigures) -> Blueprint:
    """Build the chat hook's route over the intake port."""
    blueprint = Blueprint("amojo_hook", __name__)
    hooks = Hooks("amojo", figures, commit_deadline_s=services.commit_deadline_s)
    intake = services.intake

    async def accept(scope_id: str, raw: bytes) -> None:
        scope = await intake.amojo_scope(scope_id)
        if scope is None:
            raise hooks.refuse("unknown", ApiError(404, "There is no such hook."))
        try:
            hooks.count_accepted(await intake.accept_amojo(scope, raw))
        except Permanent as error:
            raise hooks.refuse("bad_body", bad_request("The body is not a chat hook.")) from error

    @blueprint.post("/amojo/<scope_id>")
    async def amojo_event(scope_id: str) -> Response:
        hooks.path_value(scope_id)
        raw = await hooks.body()
        signature = request.headers.get("X-Signature", "")
        if not signature.isascii() or not signature or not intake.verify_amojo(raw, signature):
            raise hooks.refuse("bad_signature", ApiError(401, "The signature is missing or wrong."))
        hooks.json_object(raw)
        await hooks.durably(lambda: accept(scope_id, raw))
        return Response(b"", status=200)

    return blueprint
