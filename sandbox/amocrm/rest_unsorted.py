"""REST: the unsorted and talks (amoCRM contract §12, §13). Only chats make an unsorted here."""

from __future__ import annotations

from typing import Any

from dealgram.sandbox.amocrm import chronicle
from dealgram.sandbox.amocrm.answers import NO_CONTENT, Answer, hal, refuse
from dealgram.sandbox.amocrm.cards import settle_unsorted
from dealgram.sandbox.amocrm.conversations import SimUnsorted
from dealgram.sandbox.amocrm.rest import RestCall, check_one, page, route
from dealgram.sandbox.amocrm.shapes import BAD_CHOICE, Problem, Shape, boolean, integer, text

_ACCEPT = Shape(optional={"user_id": integer(), "status_id": integer()})
_DECLINE = Shape(optional={"user_id": integer()})
_LINK = Shape(
    {
        "link": Shape(
            {"entity_id": integer(), "entity_type": text(one_of=("leads",))},
            {"metadata": Shape(optional={"contact_id": integer()})},
        )
    },
    {"user_id": integer()},
)
_CLOSE = Shape(optional={"force_close": boolean})


def _entities(call: RestCall, unsorted: SimUnsorted) -> dict[str, Any]:
    return {
        "contacts": [{"id": unsorted.contact_id, "_links": call.href(f"contacts/{unsorted.contact_id}")}],
        "leads": [{"id": unsorted.lead_id, "_links": call.href(f"leads/{unsorted.lead_id}")}],
        "companies": [],
    }


def _show(call: RestCall, unsorted: SimUnsorted) -> dict[str, Any]:
    return {
        "uid": unsorted.uid,
        "source_uid": unsorted.source_uid,
        "source_name": unsorted.source_name,
        "category": "chats",
        "pipeline_id": unsorted.pipeline_id,
        "created_at": unsorted.created_at,
        "metadata": {
            "from": unsorted.client_name,
            "to": unsorted.source_name,
            "received_at": unsorted.created_at,
            "service": call.world.channel.code,
            "client": {"name": unsorted.client_name, "avatar": unsorted.client_avatar},
            "origin": {"chat_id": unsorted.chat_uuid, "ref": None, "visitor_uid": None},
            "last_message_text": unsorted.last_text,
            "source_name": unsorted.source_name,
        },
        "account_id": call.account.id,
        "_links": call.href(f"leads/unsorted/{unsorted.uid}"),
        "_embedded": _entities(call, unsorted),
    }


def _list(call: RestCall) -> Answer:
    categories = call.strings("filter[category]")
    uids, pipelines = call.strings("filter[uid]"), call.integers("filter[pipeline_id]")
    found = [
        one
        for one in call.account.unsorted.values()
        if (not categories or "chats" in categories)
        and (not uids or one.uid in uids)
        and (not pipelines or one.pipeline_id in pipelines)
    ]
    return page(call, "leads/unsorted", "unsorted", found, lambda one: _show(call, one))


def _named(call: RestCall) -> SimUnsorted:
    found = call.account.unsorted.get(call.uid)
    if found is None:
        raise refuse(404, "no such unsorted")
    return found


def _get(call: RestCall) -> Answer:
    found = call.account.unsorted.get(call.uid)
    return hal(_show(call, found)) if found is not None else NO_CONTENT


def _check_user(call: RestCall, body: dict[str, Any]) -> list[Problem]:
    if body.get("user_id", call.user.id) not in call.account.users:
        return [Problem(BAD_CHOICE, "user_id", "no such user")]
    return []


def _settled(call: RestCall, unsorted: SimUnsorted) -> Answer:
    return hal(
        {
            "uid": unsorted.uid,
            "pipeline_id": unsorted.pipeline_id,
            "category": "chats",
            "created_at": unsorted.created_at,
            "_embedded": _entities(call, unsorted),
        }
    )


def _accept(call: RestCall) -> Answer:
    unsorted = _named(call)
    pipeline = call.account.pipelines[unsorted.pipeline_id]
    call.body = call.body or {}

    def rules(body: dict[str, Any]) -> list[Problem]:
        problems = _check_user(call, body)
        status_id = body.get("status_id", pipeline.first_status)
        if status_id not in pipeline.statuses or status_id == pipeline.unsorted_status:
            problems.append(Problem(BAD_CHOICE, "status_id", "the pipeline has no such status"))
        return problems

    body = check_one(call, _ACCEPT, rules)
    settle_unsorted(
        call.world,
        call.account,
        unsorted,
        "accept",
        by=body.get("user_id", call.user.id),
        status_id=body.get("status_id"),
    )
    return _settled(call, unsorted)


def _decline(call: RestCall) -> Answer:
    unsorted = _named(call)
    call.body = call.body or {}
    body = check_one(call, _DECLINE, lambda body: _check_user(call, body))
    settle_unsorted(call.world, call.account, unsorted, "decline", by=body.get("user_id", call.user.id))
    return _settled(call, unsorted)


def _link(call: RestCall) -> Answer:
    unsorted, account = _named(call), call.account

    def rules(body: dict[str, Any]) -> list[Problem]:
        problems = _check_user(call, body)
        link = body["link"]
        if account.lead(link["entity_id"]) is None:
            problems.append(Problem(BAD_CHOICE, "link.entity_id", "no such deal"))
        contact_id = link.get("metadata", {}).get("contact_id")
        if contact_id is not None and account.contact(contact_id) is None:
            problems.append(Problem(BAD_CHOICE, "link.metadata.contact_id", "no such contact"))
        return problems

    body = check_one(call, _LINK, rules)
    link = body["link"]
    contact_id = link.get("metadata", {}).get("contact_id")
    settle_unsorted(
        call.world,
        account,
        unsorted,
        "link",
        by=body.get("user_id", call.user.id),
        target=account.leads[link["entity_id"]],
        contact=account.contacts[contact_id] if contact_id is not None else None,
    )
    lead_id = link["entity_id"]
    embedded = {"leads": [{"id": lead_id, "_links": call.href(f"leads/{lead_id}")}]}
    return hal({"uid": unsorted.uid, "_embedded": embedded})


def _talk(call: RestCall) -> Answer:
    account = call.account
    talk = account.talks.get(call.numbers[0])
    if talk is None:
        raise refuse(404, "no such talk")
    lead_id, contact_id = talk.lead_id, talk.contact_id
    contacts = [] if contact_id is None else [{"id": contact_id, "_links": call.href(f"contacts/{contact_id}")}]
    leads = [] if lead_id is None else [{"id": lead_id, "_links": call.href(f"leads/{lead_id}")}]
    return hal(
        {
            "talk_id": talk.id,
            "created_at": talk.created_at,
            "updated_at": talk.updated_at,
            "rate": talk.rate,
            "contact_id": contact_id,
            "chat_id": talk.chat_uuid,
            "entity_id": lead_id,
            "entity_type": "lead" if lead_id is not None else None,
            "is_in_work": talk.is_in_work,
            "is_read": talk.is_read,
            "origin": call.world.channel.code,
            "missed_at": None,
            "account_id": account.id,
            "_links": call.href(f"talks/{talk.id}"),
            "_embedded": {"contacts": contacts, "leads": leads, "customers": []},
        }
    )


def _close_talk(call: RestCall) -> Answer:
    call.body = call.body or {}
    check_one(call, _CLOSE)
    talk = call.account.talks.get(call.numbers[0])
    if talk is None:
        raise refuse(404, "no such talk")
    if not talk.is_in_work:
        raise refuse(422, "the talk is closed already")
    talk.is_in_work = False
    talk.updated_at = call.now
    chronicle.talk_changed(call.world, call.account, talk)
    call.world.events.publish("talk", account_id=call.account.id, lead_id=talk.lead_id, chat_uuid=talk.chat_uuid)
    return Answer(status=202)


_FILTERS = ("page", "limit", "filter[uid]", "filter[category]", "filter[pipeline_id]", "order[created_at]")
ROUTES = (
    route("GET leads/unsorted", "unsorted.list", _list, query=_FILTERS),
    route("GET leads/unsorted/{uid}", "unsorted.get", _get),
    route("POST leads/unsorted/{uid}/accept", "unsorted.accept", _accept),
    route("DELETE leads/unsorted/{uid}/decline", "unsorted.decline", _decline),
    route("POST leads/unsorted/{uid}/link", "unsorted.link", _link),
    route("GET talks/{id}", "talks.get", _talk),
    route("POST talks/{id}/close", "talks.close", _close_talk),
)
