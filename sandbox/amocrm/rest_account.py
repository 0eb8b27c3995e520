"""REST: the account, its users and pipelines (amoCRM contract §4, §12)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from dealgram.sandbox.amocrm.answers import NO_CONTENT, Answer, hal
from dealgram.sandbox.amocrm.records import SimPipeline, SimStatus, SimUser
from dealgram.sandbox.amocrm.rest import RestCall, page, route

_ACCOUNT_RELATIONS = (
    "amojo_id",
    "amojo_rights",
    "users_groups",
    "task_types",
    "version",
    "entity_names",
    "datetime_settings",
    "drive_url",
    "is_api_filter_enabled",
)
_FULL_RIGHTS = dict.fromkeys(("view", "edit", "add", "delete", "export"), "A")


def _account(call: RestCall) -> Answer:
    account = call.account
    body: dict[str, Any] = {
        "id": account.id,
        "name": account.name,
        "subdomain": account.subdomain,
        "created_at": account.created_at,
        "created_by": 0,
        "updated_at": account.created_at,
        "updated_by": 0,
        "current_user_id": call.user.id,
        "country": "RU",
        "currency": "RUB",
        "currency_symbol": "₽",
        "customers_mode": "disabled",
        "is_unsorted_on": True,
        "is_loss_reason_enabled": True,
        "is_helpbot_enabled": False,
        "is_technical_account": account.is_technical,
        "contact_name_display_order": 1,
    }
    more: dict[str, Any] = {
        "amojo_id": account.amojo_id,
        "uuid": account.uuid,
        "version": 16,
        "drive_url": f"https://drive-b.{call.world.domain}",
        "is_api_filter_enabled": False,
        "entity_names": {},
    }
    body |= {name: value for name, value in more.items() if call.wants(name)}
    embedded: dict[str, Any] = {
        "amojo_rights": {"can_direct": True, "can_create_groups": True},
        "users_groups": [{"id": 0, "name": "Отдел продаж", "uuid": None}],
        "task_types": [{"id": 1, "name": "Связаться", "color": None, "icon_id": None, "code": "FOLLOW_UP"}],
        "datetime_settings": {
            "date_pattern": "d.m.Y H:i",
            "short_date_pattern": "d.m.Y",
            "short_time_pattern": "H:i",
            "timezone": account.time_zone,
            "timezone_offset": _offset(account.time_zone, call.world.now()),
        },
    }
    body |= {"_links": call.href("account")}
    body["_embedded"] = {name: value for name, value in embedded.items() if call.wants(name)}
    return hal(body)


def _offset(time_zone: str, at_s: float) -> str:
    """«+03:00»: how far a time zone is from UTC now."""
    shown = datetime.fromtimestamp(at_s, UTC).astimezone(ZoneInfo(time_zone)).strftime("%z")
    return f"{shown[:3]}:{shown[3:]}"


def _show_user(call: RestCall, user: SimUser) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "lang": "ru",
        "rights": {
            "leads": _FULL_RIGHTS,
            "contacts": _FULL_RIGHTS,
            "companies": _FULL_RIGHTS,
            "tasks": {"edit": "A", "delete": "A"},
            "mail_access": False,
            "catalog_access": False,
            "status_rights": [],
            "is_admin": user.is_admin,
            "is_free": False,
            "is_active": user.is_active,
            "group_id": None,
            "role_id": None,
        },
        "_links": call.href(f"users/{user.id}/"),
    }
    more: dict[str, Any] = {"amojo_id": user.amojo_id, "uuid": user.uuid, "phone_number": None}
    shown |= {name: value for name, value in more.items() if call.wants(name)}
    if call.wants("role") or call.wants("group"):
        shown["_embedded"] = {"roles": [], "groups": []}
    return shown


def _users(call: RestCall) -> Answer:
    return page(call, "users", "users", list(call.account.users.values()), lambda user: _show_user(call, user))


def _user(call: RestCall) -> Answer:
    user = call.account.users.get(call.numbers[0])
    return hal(_show_user(call, user)) if user is not None else NO_CONTENT


def _show_status(call: RestCall, pipeline: SimPipeline, status: SimStatus) -> dict[str, Any]:
    return {
        "id": status.id,
        "name": status.name,
        "sort": status.sort,
        "is_editable": status.is_editable,
        "pipeline_id": pipeline.id,
        "color": status.color,
        "type": status.type,
        "account_id": call.account.id,
        "_links": call.href(f"leads/pipelines/{pipeline.id}/statuses/{status.id}"),
    }


def _show_pipeline(call: RestCall, pipeline: SimPipeline) -> dict[str, Any]:
    return {
        "id": pipeline.id,
        "name": pipeline.name,
        "sort": pipeline.sort,
        "is_main": pipeline.is_main,
        "is_unsorted_on": pipeline.is_unsorted_on,
        "is_archive": pipeline.is_archive,
        "account_id": call.account.id,
        "_links": call.href(f"leads/pipelines/{pipeline.id}"),
        "_embedded": {"statuses": [_show_status(call, pipeline, one) for one in pipeline.statuses.values()]},
    }


def _pipelines(call: RestCall) -> Answer:
    with_archived = call.world.switches.archived_pipelines == "listed"
    shown = [
        _show_pipeline(call, one) for one in call.account.pipelines.values() if with_archived or not one.is_archive
    ]
    links = call.href("leads/pipelines")
    return hal({"_total_items": len(shown), "_links": links, "_embedded": {"pipelines": shown}})


def _pipeline(call: RestCall) -> Answer:
    pipeline = call.account.pipelines.get(call.numbers[0])
    return hal(_show_pipeline(call, pipeline)) if pipeline is not None else NO_CONTENT


def _statuses(call: RestCall) -> Answer:
    pipeline = call.account.pipelines.get(call.numbers[0])
    if pipeline is None:
        return NO_CONTENT
    shown = [_show_status(call, pipeline, one) for one in pipeline.statuses.values()]
    links = call.href(f"leads/pipelines/{pipeline.id}/statuses")
    return hal({"_total_items": len(shown), "_links": links, "_embedded": {"statuses": shown}})


_USER_RELATIONS = ("role", "group", "uuid", "amojo_id", "user_rank", "phone_number")
ROUTES = (
    route("GET account", "account.get", _account, relations=_ACCOUNT_RELATIONS),
    route("GET users", "users.list", _users, admin=True, query=("page", "limit"), relations=_USER_RELATIONS),
    route("GET users/{id}", "users.get", _user, admin=True, relations=_USER_RELATIONS),
    route("GET leads/pipelines", "pipelines.list", _pipelines),
    route("GET leads/pipelines/{id}", "pipelines.get", _pipeline),
    route("GET leads/pipelines/{id}/statuses", "pipelines.statuses", _statuses),
)
