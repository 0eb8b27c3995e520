"""A request that is sent twice changes things once.

The body of a POST may carry a `request_id`. The first to bring it carries the request out; whoever repeats it gets the
first's answer, a refusal too, or is told that it is still being carried out. What only says "not now" is raised, not
answered, and not kept: the request may be tried again under its id. An id belongs to one user, one route and one body.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from uuid import UUID

import trio

from dealgram.http.api.ports import Begun, Finished, Gatekeeper
from dealgram.http.api.problems import problem

RELEASE_S = 5.0
Result = tuple[int, bytes]


def digest_of(user_id: int, route: str, raw: bytes) -> bytes:
    """What makes a request this request."""
    return hashlib.sha256(b"\n".join((str(user_id).encode(), route.encode(), raw))).digest()


async def once(
    keeper: Gatekeeper, account_id: int, request_id: UUID, digest: bytes, work: Callable[[], Awaitable[Result]]
) -> Result:
    """Carry the work out, unless that was done under this id; gives the status and the body of the answer.

    Raises:
        ApiProblem: it is being carried out, or the id is another request's.
        Transient: nobody could look; nothing was done.
    """
    name = str(request_id)
    match await keeper.begin(account_id, name, digest):
        case Finished(status=status, body=body):
            return status, body
        case "running":
            raise problem("in_progress", retry_after_s=2)
        case "different":
            raise problem("request_id_reused", field="request_id")
        case Begun(claim=claim):
            pass
    kept = False
    try:
        status, body = await work()
        # What was done is done, also for a caller who is gone: the answer must be found by the repetition.
        with trio.CancelScope(shield=True, deadline=trio.current_time() + RELEASE_S):
            await keeper.finish(account_id, name, claim, status, body)
            kept = True
        return status, body
    finally:
        if not kept:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + RELEASE_S):
                await keeper.release(account_id, name, claim)
