"""GET /health/accounts: how every connected amoCRM account is, for operators.

What has been set up and what has not, what amoCRM refuses the account for, what is wrong with its bots, and the link by
which an administrator authorises it anew. Names of customers are on it, so it is behind the operators' token where one
is set.
"""

from __future__ import annotations

from datetime import UTC, datetime

from quart import Blueprint, Response, request

from dealgram.http.access import require_operator
from dealgram.http.account_ports import (
    STATUSES,
    AccountHealth,
    BotHealth,
    FailedInstallation,
    StepHealth,
    SubscriptionHealth,
)
from dealgram.http.errors import bad_request, json_response, unavailable
from dealgram.http.paging import check_parameters, page_of
from dealgram.http.ports import HttpServices
from dealgram.runtime import Transient

_PARAMETERS = ("status", "q", "limit", "offset")


def routes(services: HttpServices) -> Blueprint:
    """Build the route over the accounts port."""
    blueprint = Blueprint("accounts", __name__)

    @blueprint.get("/health/accounts")
    async def accounts() -> Response:
        require_operator(services.ops_token)
        query = request.args
        check_parameters(query, _PARAMETERS)
        status = query.get("status")
        if status is not None and status not in STATUSES:
            raise bad_request(f"status must be one of: {', '.join(STATUSES)}.")
        limit, offset = page_of(query)
        try:
            page = await services.accounts.accounts(status=status, text=query.get("q"), limit=limit, offset=offset)
        except Transient as error:
            raise unavailable("The database does not answer.", error.retry_after_s) from error
        return json_response(
            {
                "total": page.total,
                "limit": limit,
                "offset": offset,
                "summary": {
                    "by_status": dict(page.by_status),
                    "with_trouble": page.with_trouble,
                    "by_subscription": dict(page.by_subscription),
                },
                "authorise_url": page.authorise_url,
                "accounts": [_account(one, page.authorise_url) for one in page.accounts],
                "failed_installations": [_failed(one) for one in page.failed_installations],
            }
        )

    return blueprint


def _account(account: AccountHealth, authorise_url: str | None) -> dict[str, object]:
    return {
        "account_id": account.account_id,
        "name": account.name,
        "subdomain": account.subdomain,
        "status": account.status,
        "status_text": account.status_text,
        "reauthorise_url": authorise_url if account.status == "reauthorise" else None,
        "reauthorise_since": _moment(account.reauthorise_since),
        "uninstalled_at": _moment(account.uninstalled_at),
        "trouble": None
        if account.trouble is None
        else {
            "code": account.trouble,
            "detail": account.trouble_detail,
            "since": _moment(account.trouble_since),
        },
        "setup": [_step(step) for step in account.steps],
        "bots": [_bot(bot) for bot in account.bots],
        "repair": account.repair,
        "subscription": _subscription(account.subscription) if account.subscription is not None else None,
    }


def _subscription(subscription: SubscriptionHealth) -> dict[str, object]:
    return {
        "state": subscription.state,
        "until": _moment(subscription.until),
        "days_left": subscription.days_left,
        "dropped": subscription.dropped,
    }


def _step(step: StepHealth) -> dict[str, object]:
    return {
        "step": step.step,
        "title": step.title,
        "state": step.state,
        "detail": step.detail,
        "updated_at": _moment(step.updated_at),
    }


def _bot(bot: BotHealth) -> dict[str, object]:
    return {
        "bot_id": bot.bot_id,
        "username": bot.username,
        "status": bot.status,
        "intake": bot.intake,
        "troubles": dict(bot.troubles),
    }


def _failed(installation: FailedInstallation) -> dict[str, object]:
    return {"host": installation.host, "detail": installation.detail, "at": _moment(installation.at)}


def _moment(at: datetime | None) -> str | None:
    """Write a moment as RFC 3339 in UTC."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
