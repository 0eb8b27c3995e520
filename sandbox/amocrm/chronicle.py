"""What happened in an account, told to all who want to know: watchers, the list of events, CRM webhooks.

Owns the mapping from a change to its event type (amoCRM contract §15) and its hooks (§14). Every way of changing the
CRM (a person's hand, the API, chat traffic) ends here, so none is forgotten. Promises: an account nobody subscribed to
costs one event per change; a hook holds the values of the moment of the change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from dealgram.sandbox.amocrm import crm_bodies
from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.conversations import SimMessage, SimTalk, SimUnsorted
from dealgram.sandbox.amocrm.records import SimContact, SimEvent, SimLead, SimNote
from dealgram.sandbox.amocrm.world import World

ROBOT = 0
_NOTE_EVENTS = {
    "common": "common_note_added",
    "attachment": "attachment_note_added",
    "service_message": "service_note_added",
    "extended_service_message": "service_note_added",
}


class Before(NamedTuple):
    """The fields of a deal or a contact that events and hooks report the old value of; 0 where it has none."""

    name: str
    responsible_user_id: int
    price: int
    status_id: int
    pipeline_id: int


def before(one: SimLead | SimContact) -> Before:
    """To be taken before a change and given to `lead_changed` or `contact_changed` after it."""
    if isinstance(one, SimLead):
        return Before(one.name, one.responsible_user_id, one.price, one.status_id, one.pipeline_id)
    return Before(one.name, one.responsible_user_id, 0, 0, 0)


def lead_added(world: World, account: SimAccount, lead: SimLead, by: int) -> None:
    lead.updated_by = by
    _event(world, account, "lead_added", "lead", lead.id, by)
    _tell_lead(world, account, "add", lead)
    world.events.publish("lead", account_id=account.id, lead_id=lead.id)


def lead_changed(world: World, account: SimAccount, lead: SimLead, was: Before, by: int) -> None:
    """Tells a new status, a new responsible user, and that the deal was changed at all, each as amoCRM does."""
    lead.updated_by, lead.updated_at = by, world.seconds
    _named_fields(world, account, "lead", lead, was, by)
    if lead.price != was.price:
        prices = [{"sale_field_value": {"sale": price}} for price in (lead.price, was.price)]
        _event(world, account, "sale_field_changed", "lead", lead.id, by, prices[:1], prices[1:])
    if (lead.status_id, lead.pipeline_id) != (was.status_id, was.pipeline_id):
        after = [{"lead_status": {"id": lead.status_id, "pipeline_id": lead.pipeline_id}}]
        old = [{"lead_status": {"id": was.status_id, "pipeline_id": was.pipeline_id}}]
        _event(world, account, "lead_status_changed", "lead", lead.id, by, after, old)
        more = {"old_status_id": was.status_id, "old_pipeline_id": was.pipeline_id}
        _tell_lead(world, account, "status", lead, **more)
    if lead.responsible_user_id != was.responsible_user_id:
        _tell_lead(world, account, "responsible", lead, old_responsible_user_id=was.responsible_user_id)
    _tell_lead(world, account, "update", lead)
    world.events.publish("lead", account_id=account.id, lead_id=lead.id)


def lead_deleted(world: World, account: SimAccount, lead: SimLead, by: int) -> None:
    _event(world, account, "lead_deleted", "lead", lead.id, by)
    more = {"status_id": lead.status_id, "pipeline_id": lead.pipeline_id}
    _tell_deleted(world, account, "lead", lead.id, more)
    world.events.publish("lead", account_id=account.id, lead_id=lead.id)


def lead_restored(world: World, account: SimAccount, lead: SimLead, by: int) -> None:
    lead.updated_by, lead.updated_at = by, world.seconds
    _event(world, account, "lead_restored", "lead", lead.id, by)
    _tell_lead(world, account, "restore", lead)
    world.events.publish("lead", account_id=account.id, lead_id=lead.id)


def contact_added(world: World, account: SimAccount, contact: SimContact, by: int) -> None:
    contact.updated_by = by
    _event(world, account, "contact_added", "contact", contact.id, by)
    _tell_contact(world, account, "add", contact)
    world.events.publish("contact", account_id=account.id)


def contact_changed(world: World, account: SimAccount, contact: SimContact, was: Before, by: int) -> None:
    contact.updated_by, contact.updated_at = by, world.seconds
    _named_fields(world, account, "contact", contact, was, by)
    if contact.responsible_user_id != was.responsible_user_id:
        _tell_contact(world, account, "responsible", contact, old_responsible_user_id=was.responsible_user_id)
    _tell_contact(world, account, "update", contact)
    world.events.publish("contact", account_id=account.id)


def contact_deleted(world: World, account: SimAccount, contact: SimContact, by: int) -> None:
    _event(world, account, "contact_deleted", "contact", contact.id, by)
    _tell_deleted(world, account, "contact", contact.id, {"type": "contact"})
    world.events.publish("contact", account_id=account.id)


def contact_restored(world: World, account: SimAccount, contact: SimContact, by: int) -> None:
    contact.updated_by, contact.updated_at = by, world.seconds
    _event(world, account, "contact_restored", "contact", contact.id, by)
    _tell_contact(world, account, "restore", contact)
    world.events.publish("contact", account_id=account.id)


def linked(world: World, account: SimAccount, lead: SimLead, contact: SimContact, by: int) -> None:
    """A contact came to a deal. Whether hooks tell of it is a switch."""
    after = [{"link": {"entity": {"type": "contact", "id": contact.id}}}]
    _event(world, account, "entity_linked", "lead", lead.id, by, after)
    _tell_link(world, account, lead, contact, by)


def unlinked(world: World, account: SimAccount, lead: SimLead, contact: SimContact, by: int) -> None:
    old = [{"link": {"entity": {"type": "contact", "id": contact.id}}}]
    _event(world, account, "entity_unlinked", "lead", lead.id, by, [], old)
    _tell_link(world, account, lead, contact, by)


def merged(world: World, account: SimAccount, kind: Literal["lead", "contact"], entity_id: int, by: int) -> None:
    """The survivor of a merge; the event does not say what was merged into it."""
    _event(world, account, "entity_merged", kind, entity_id, by)


def note_added(world: World, account: SimAccount, note: SimNote) -> None:
    kind: Literal["lead", "contact"] = "lead" if note.entity == "leads" else "contact"
    after = [{"note": {"id": note.id}}]
    _event(world, account, _NOTE_EVENTS[note.note_type], kind, note.entity_id, note.created_by, after)
    _tell(
        world,
        account,
        f"note_{kind}",
        note.entity_id,
        lambda: _one(note.entity, "note", crm_bodies.note(account, note)),
    )
    lead_id = note.entity_id if note.entity == "leads" else None
    world.events.publish("note", account_id=account.id, lead_id=lead_id)


def talk_added(world: World, account: SimAccount, talk: SimTalk) -> None:
    _tell_talk(world, account, "add", talk)


def talk_changed(world: World, account: SimAccount, talk: SimTalk) -> None:
    _tell_talk(world, account, "update", talk)


def unsorted_added(world: World, account: SimAccount, unsorted: SimUnsorted) -> None:
    _tell(
        world,
        account,
        "add_unsorted",
        unsorted.uid,
        lambda: _one("unsorted", "add", crm_bodies.unsorted(account, unsorted)),
    )


def unsorted_settled(
    world: World, account: SimAccount, unsorted: SimUnsorted, verdict: str, lead_id: int, contact_id: int
) -> None:
    def render() -> dict[str, Any]:
        return _one("unsorted", "delete", crm_bodies.settled_unsorted(unsorted, verdict, [lead_id], [contact_id]))

    _tell(world, account, "delete_unsorted", unsorted.uid, render)


def chat_message(world: World, account: SimAccount, message: SimMessage, by: int) -> None:
    """A message became visible. Its event belongs to the talk's deal, else to the contact."""
    talk = message.talk
    if talk is not None and (talk.lead_id is not None or talk.contact_id is not None):
        name = "incoming_chat_message" if message.direction == "in" else "outgoing_chat_message"
        kind: Literal["lead", "contact"] = "lead" if talk.lead_id is not None else "contact"
        entity_id = talk.lead_id if talk.lead_id is not None else talk.contact_id
        assert entity_id is not None
        after = [{"message": {"id": message.id}}]
        _event(world, account, name, kind, entity_id, by, after, talk_contact_id=talk.contact_id)
    if message.direction == "in":
        origin = world.channel.code
        _tell(
            world,
            account,
            "add_message",
            message.id,
            lambda: _one("message", "add", crm_bodies.message(account, message, origin=origin)),
        )


def _event(
    world: World,
    account: SimAccount,
    name: str,
    kind: Literal["lead", "contact"],
    entity_id: int,
    by: int,
    after: Sequence[dict[str, Any]] = (),
    old: Sequence[dict[str, Any]] = (),
    *,
    talk_contact_id: int | None = None,
) -> None:
    account.events.append(
        SimEvent(
            id=f"01{world.ids.number('event'):024x}",
            type=name,
            entity_type=kind,
            entity_id=entity_id,
            created_by=by,
            created_at=world.seconds,
            value_after=list(after),
            value_before=list(old),
            talk_contact_id=talk_contact_id,
        )
    )


def _named_fields(
    world: World,
    account: SimAccount,
    kind: Literal["lead", "contact"],
    one: SimLead | SimContact,
    was: Before,
    by: int,
) -> None:
    if one.name != was.name:
        named = [{"name_field_value": {"name": name}} for name in (one.name, was.name)]
        _event(world, account, "name_field_changed", kind, one.id, by, named[:1], named[1:])
    if one.responsible_user_id != was.responsible_user_id:
        users = [{"responsible_user": {"id": user}} for user in (one.responsible_user_id, was.responsible_user_id)]
        _event(world, account, "entity_responsible_changed", kind, one.id, by, users[:1], users[1:])


def _one(entity: str, action: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {entity: {action: [fields]}}


def _tell_lead(world: World, account: SimAccount, action: str, lead: SimLead, **more: Any) -> None:
    _tell(
        world, account, f"{action}_lead", lead.id, lambda: _one("leads", action, crm_bodies.lead(account, lead, **more))
    )


def _tell_contact(world: World, account: SimAccount, action: str, contact: SimContact, **more: Any) -> None:
    def render() -> dict[str, Any]:
        return _one("contacts", action, crm_bodies.contact(account, contact, **more))

    _tell(world, account, f"{action}_contact", contact.id, render)


def _tell_deleted(world: World, account: SimAccount, kind: str, entity_id: int, more: dict[str, Any]) -> None:
    def render() -> dict[str, Any]:
        if world.switches.delete_hook == "bare":
            return {f"{kind}s": {"delete": entity_id}}
        return _one(f"{kind}s", "delete", {"id": entity_id, **more})

    _tell(world, account, f"delete_{kind}", entity_id, render)


def _tell_link(world: World, account: SimAccount, lead: SimLead, contact: SimContact, by: int) -> None:
    if world.switches.link_hooks:
        for one in (lead, contact):
            one.updated_by, one.updated_at = by, world.seconds
        _tell_lead(world, account, "update", lead)
        _tell_contact(world, account, "update", contact)
    world.events.publish("link", account_id=account.id, lead_id=lead.id)


def _tell_talk(world: World, account: SimAccount, action: str, talk: SimTalk) -> None:
    def render() -> dict[str, Any]:
        entity_type = world.switches.talk_entity_type
        fields = crm_bodies.talk(account, talk, origin=world.channel.code, entity_type=entity_type)
        return _one("talk", action, fields)

    _tell(world, account, f"{action}_talk", talk.id, render)


def _tell(
    world: World, account: SimAccount, setting: str, subject: int | str, render: Callable[[], dict[str, Any]]
) -> None:
    wanted = [one for one in account.webhooks.values() if setting in one.settings and not one.disabled]
    if not wanted:
        return
    whose = {
        "subdomain": account.subdomain,
        "id": account.id,
        "_links": {"self": world.base_url_of(account)},
    }
    body = crm_bodies.encode({**render(), "account": whose})
    for webhook in wanted:
        world.crm_hooks.queue(account, webhook, setting=setting, subject=str(subject), body=body)
