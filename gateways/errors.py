"""What can go wrong between us and the outside world, told apart by what the caller can do about it.

Every gateway translates its failures into these types and lets nothing else out. The texts name the service and the
operation and hold what the other side answered, cut short; they never hold a URL, a header or a request body, because
those carry tokens.

    GatewayError
    ├── NotSent            (Transient)  certainly not done: repeat freely
    │   ├── RateLimited                 asked to slow down: repeat after `retry_after_s`
    │   └── GateClosed                  not even tried: the account has a trouble (see gateways.gate)
    ├── OutcomeUnknown                  the connection broke after writing: it may have been done; never repeat blindly
    │   └── Interrupted    (Transient)  the same, but repeating does no harm (a read, or a call with its own key)
    ├── ServiceFailed      (Transient)  the other side answered that it has failed (5xx), or answered nonsense
    ├── PaymentRequired    (Transient)  the amoCRM account is not paid (402)
    ├── Refused            (Permanent)  the other side understood and said no: this very call can never succeed
    │   └── NotFound
    ├── Unauthorised                    the credentials are not (or no longer) good
    ├── Forbidden                       the credentials are good and not enough, or the address is blocked
    └── BadPayload         (Permanent)  something that came in is not what it claims to be
"""

# ruff: noqa: N818 - the names say what happened, in the supervisor's vocabulary

from __future__ import annotations

from collections.abc import Sequence

from dealgram.runtime import Permanent, Transient

_DETAIL_LIMIT = 500  # characters of the other side's own words kept in a text


class GatewayError(Exception):
    """Base of everything a gateway raises.

    Attributes:
        service: the upstream's name, e.g. "telegram".
        operation: what was being done, e.g. "sendMessage".
        detail: what happened, in short.
    """

    def __init__(self, detail: str, *, service: str = "", operation: str = "") -> None:
        self.service = service
        self.operation = operation
        self.detail = detail[:_DETAIL_LIMIT]
        Exception.__init__(self, self.detail)

    def __str__(self) -> str:
        where = " ".join(part for part in (self.service, self.operation) if part)
        return f"{where}: {self.detail}" if where else self.detail


class _TransientGatewayError(GatewayError, Transient):
    """A gateway error after which the same thing may be repeated."""

    def __init__(
        self, detail: str, *, service: str = "", operation: str = "", retry_after_s: float | None = None
    ) -> None:
        Transient.__init__(self, detail, retry_after_s=retry_after_s)
        GatewayError.__init__(self, detail, service=service, operation=operation)


class NotSent(_TransientGatewayError):
    """The request certainly did not reach the other side, or it was turned away before any work."""


class RateLimited(NotSent):
    """The other side asks to slow down (429); `retry_after_s` is its wish in seconds, None if it named none."""


class GateClosed(NotSent):
    """Not even tried, because amoCRM does not serve the account at the moment; `kind` names the trouble.

    `retry_after_s` is when to come again, not when the trouble ends: somebody may have it looked at sooner.
    """

    def __init__(
        self, detail: str, *, kind: str, service: str = "", operation: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(detail, service=service, operation=operation, retry_after_s=retry_after_s)
        self.kind = kind


class OutcomeUnknown(GatewayError):
    """The connection broke, or time ran out, after the request had been (partly) written."""


class Interrupted(OutcomeUnknown, _TransientGatewayError):
    """As OutcomeUnknown, but the call only reads or carries its own idempotency key: repeating does no harm."""

    def __init__(
        self, detail: str, *, service: str = "", operation: str = "", retry_after_s: float | None = None
    ) -> None:
        _TransientGatewayError.__init__(self, detail, service=service, operation=operation, retry_after_s=retry_after_s)


class ServiceFailed(_TransientGatewayError):
    """The other side failed (5xx) or answered something that is not an answer."""

    def __init__(
        self,
        detail: str,
        *,
        service: str = "",
        operation: str = "",
        retry_after_s: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(detail, service=service, operation=operation, retry_after_s=retry_after_s)
        self.status = status


class PaymentRequired(_TransientGatewayError):
    """The amoCRM account is not paid (402): everything of this account waits, nothing is lost."""


class Refused(GatewayError, Permanent):
    """The other side understood and refused: repeating the same call is useless.

    Attributes:
        code: the HTTP status, or the other side's own code where it has one.
        reason: a short stable word where the refusal is one we know (e.g. "reply_not_found"), else "".
        errors: single complaints, e.g. "0.name: field is required" (amoCRM's validation-errors).
    """

    def __init__(
        self,
        detail: str,
        *,
        service: str = "",
        operation: str = "",
        code: int = 400,
        reason: str = "",
        errors: Sequence[str] = (),
    ) -> None:
        super().__init__(detail, service=service, operation=operation)
        self.code = code
        self.reason = reason
        self.errors = tuple(errors)

    def __str__(self) -> str:
        text = f"{super().__str__()} (code {self.code})"
        return f"{text} [{'; '.join(self.errors)[:_DETAIL_LIMIT]}]" if self.errors else text


class NotFound(Refused):
    """The thing spoken of does not exist there (404)."""


class Unauthorised(GatewayError):
    """The token or signature is bad, expired or revoked (401)."""


class Forbidden(GatewayError):
    """No rights for this, or the address is blocked (403).

    Attributes:
        code: the other side's own code (amoCRM: 113 = address not in the white list), 403 where it names none.
        reason: the other side's error type, e.g. "ORIGIN_INVALID_SIGNATURE"; "" where it names none.
        is_html: a bare HTML page instead of an answer: amoCRM's front server blocks us; pause for long.
    """

    def __init__(
        self,
        detail: str,
        *,
        service: str = "",
        operation: str = "",
        code: int = 403,
        reason: str = "",
        is_html: bool = False,
    ) -> None:
        super().__init__(detail, service=service, operation=operation)
        self.code = code
        self.reason = reason
        self.is_html = is_html


class BadPayload(GatewayError, Permanent):
    """A hook or an update that cannot be read as one at all."""
