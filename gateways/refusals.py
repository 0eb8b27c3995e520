"""The table that turns an HTTP status which is not 2xx into the exception that says what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from dealgram.gateways.errors import (
    Forbidden,
    GatewayError,
    NotFound,
    OutcomeUnknown,
    PaymentRequired,
    RateLimited,
    Refused,
    ServiceFailed,
    Unauthorised,
)
from dealgram.gateways.transport import Answer


def refusal(
    answer: Answer,
    *,
    service: str,
    operation: str,
    repeatable: bool,
    detail: str = "",
    code: int | None = None,
    reason: str = "",
    errors: Sequence[str] = (),
    retry_after_s: float | None = None,
) -> GatewayError:
    """Builds (does not raise) the exception for an answer outside 2xx.

    Args:
        detail, code, reason, errors: what the body said, already read by the gateway that knows its shape.
        retry_after_s: the body's wish; the Retry-After header counts where the body names none.
    """
    status = answer.status
    detail = detail or f"HTTP {status}"
    wait_s = retry_after_s if retry_after_s is not None else answer.retry_after_s
    if status == 401:
        return Unauthorised(detail, service=service, operation=operation)
    if status == 402:
        return PaymentRequired(detail, service=service, operation=operation, retry_after_s=wait_s)
    if status == 403:
        is_html = b"<" in answer.body[:100] and not answer.is_json
        return Forbidden(
            detail, service=service, operation=operation, code=code or status, reason=reason, is_html=is_html
        )
    if status == 404:
        return NotFound(detail, service=service, operation=operation, code=code or status, reason=reason, errors=errors)
    if status == 429:
        return RateLimited(detail, service=service, operation=operation, retry_after_s=wait_s)
    if status == 504 and not repeatable:
        # The front server gave up waiting; what stands behind it may have done the work.
        return OutcomeUnknown(detail, service=service, operation=operation)
    if status >= 500 or status == 408:
        return ServiceFailed(detail, service=service, operation=operation, retry_after_s=wait_s, status=status)
    return Refused(detail, service=service, operation=operation, code=code or status, reason=reason, errors=errors)


def unreadable(answer: Answer, *, service: str, operation: str, repeatable: bool) -> GatewayError:
    """The exception for a 2xx whose body is not what the documentation promises: the work may have been done."""
    detail = f"HTTP {answer.status} with a body that cannot be read"
    if repeatable:
        return ServiceFailed(detail, service=service, operation=operation, status=answer.status)
    return OutcomeUnknown(detail, service=service, operation=operation)
