"""What people do in amoCRM besides writing in chats: users, pipelines, deals, contacts, links, sources, unsorted.

Owns `People`, the half of `AmoSimulator` that changes the CRM by hand. Every method is synchronous and takes the
account it acts in; an id of another account raises KeyError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dealgram.sandbox.amocrm import chronicle, merging
from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.cards import settle_unsorted
from dealgram.sandbox.amocrm.records import LOST, WON, SimNote, SimPipeline, SimSource, SimUser, SimWebhook
from dealgram.sandbox.amocrm.world import World


class People:
    """Mixed into `AmoSimulator`, which has the world."""

    world: World

    def add_user(self, account: SimAccount, name: str, is_admin: bool = False, *, has_chats: bool = True) -> SimUser:
        """A user; without `has_chats` the user has no chat id until writing for the first time."""
        return account.add_user(name, is_admin=is_admin, has_chats=has_chats)

    def add_pipeline(self, account: SimAccount, name: str) -> SimPipeline:
        pipeline = account.add_pipeline(name)
        self._changed("account", account)
        return pipeline

    def rename_pipeline(self, account: SimAccount, pipeline_id: int, name: str) -> None:
        account.pipelines[pipeline_id].name = name
        self._changed("account", account)

    def archive_pipeline(self, account: SimAccount, pipeline_id: int, archived: bool = True) -> None:
        """Into the archive or out of it; its sources and deals keep it."""
        pipeline = account.pipelines[pipeline_id]
        if pipeline.is_main and archived:
            raise ValueError("the main pipeline cannot be archived")
        pipeline.is_archive = archived
        self._changed("account", account)

    def delete_pipeline(self, account: SimAccount, pipeline_id: int) -> None:
        """Raises ValueError for the last one and for one with deals, as amoCRM refuses it."""
        pipeline = account.pipelines[pipeline_id]
        if len(account.pipelines) == 1:
            raise ValueError("the last pipeline cannot be deleted")
        if any(lead.pipeline_id == pipeline_id and not lead.is_deleted for lead in account.leads.values()):
            raise ValueError("a pipeline with deals cannot be deleted")
        del account.pipelines[pipeline_id]
        if pipeline.is_main:
            account.pipelines[next(iter(account.pipelines))].is_main = True
        for source in account.sources.values():
            if source.pipeline_id == pipeline_id and self.world.switches.deleted_pipeline_source == "main":
                source.pipeline_id = account.main_pipeline.id
        self._changed("account", account)

    def add_lead(self, account: SimAccount, name: str, pipeline_id: int | None = None) -> int:
        """A deal in the first stage of the pipeline (the main one when None); returns its id."""
        pipeline = account.pipelines[pipeline_id] if pipeline_id is not None else account.main_pipeline
        lead = account.add_lead(name=name, pipeline_id=pipeline.id, now=self.world.seconds)
        chronicle.lead_added(self.world, account, lead, account.owner.id)
        return lead.id

    def rename_lead(self, account: SimAccount, lead_id: int, name: str) -> None:
        lead = account.leads[lead_id]
        was = chronicle.before(lead)
        lead.name = name
        chronicle.lead_changed(self.world, account, lead, was, account.owner.id)

    def close_lead(self, account: SimAccount, lead_id: int, *, won: bool = True) -> None:
        self._set_status(account, lead_id, WON if won else LOST)

    def reopen_lead(self, account: SimAccount, lead_id: int) -> None:
        self._set_status(account, lead_id, account.pipelines[account.leads[lead_id].pipeline_id].first_status)

    def move_lead(
        self, account: SimAccount, lead_id: int, pipeline_id: int | None = None, status_id: int | None = None
    ) -> None:
        """Into another stage, or another pipeline (its first stage when None is given)."""
        lead = account.leads[lead_id]
        pipeline = account.pipelines[lead.pipeline_id if pipeline_id is None else pipeline_id]
        status_id = pipeline.first_status if status_id is None else pipeline.statuses[status_id].id
        was = chronicle.before(lead)
        lead.pipeline_id = pipeline.id
        account.set_status(lead, status_id, self.world.seconds)
        chronicle.lead_changed(self.world, account, lead, was, account.owner.id)

    def set_responsible(self, account: SimAccount, lead_id: int, user: SimUser) -> None:
        lead = account.leads[lead_id]
        was = chronicle.before(lead)
        lead.responsible_user_id = account.users[user.id].id
        chronicle.lead_changed(self.world, account, lead, was, account.owner.id)

    def delete_lead(self, account: SimAccount, lead_id: int) -> None:
        """Into the trash: not found by the API, not open for chats."""
        lead = account.leads[lead_id]
        lead.is_deleted = True
        chronicle.lead_deleted(self.world, account, lead, account.owner.id)

    def restore_lead(self, account: SimAccount, lead_id: int) -> None:
        lead = account.leads[lead_id]
        if lead.merged_into is not None:
            raise ValueError("a merged deal cannot be restored")
        lead.is_deleted = False
        chronicle.lead_restored(self.world, account, lead, account.owner.id)

    def add_contact(self, account: SimAccount, name: str, values: dict[str, str] | None = None) -> int:
        """A contact with `values` by field code; returns its id."""
        contact = account.add_contact(name=name, now=self.world.now())
        for code, value in (values or {}).items():
            field = account.field("contacts", code=code)
            if field is None:
                raise KeyError(code)
            contact.values[field.id] = [{"value": value}]
        account.index(contact)
        chronicle.contact_added(self.world, account, contact, account.owner.id)
        return contact.id

    def delete_contact(self, account: SimAccount, contact_id: int) -> None:
        """Into the trash; its deals and chats lose it."""
        contact = account.contacts[contact_id]
        contact.links_in_trash = list(contact.leads), list(contact.chats)
        for lead_id in list(contact.leads):
            account.unlink(account.leads[lead_id], contact)
        for chat_uuid in list(contact.chats):
            account.unlink_chat(account.chats[chat_uuid])
            account.chats[chat_uuid].talk = None
        contact.is_deleted = True
        chronicle.contact_deleted(self.world, account, contact, account.owner.id)

    def restore_contact(self, account: SimAccount, contact_id: int) -> None:
        """Out of the trash. Whether its deals and chats (those that nobody else has by now) come back is a switch."""
        contact = account.contacts[contact_id]
        if contact.merged_into is not None:
            raise ValueError("a merged contact cannot be restored")
        leads, chats = contact.links_in_trash or ([], [])
        contact.is_deleted, contact.links_in_trash = False, None
        if self.world.switches.restored_contact_links:
            for lead_id in leads:
                account.link(account.leads[lead_id], contact)
            for chat_uuid in chats:
                if account.chats[chat_uuid].contact_id is None:
                    account.link_chat(account.chats[chat_uuid], contact)
        chronicle.contact_restored(self.world, account, contact, account.owner.id)

    def rename_contact(self, account: SimAccount, contact_id: int, name: str) -> None:
        contact = account.contacts[contact_id]
        was = chronicle.before(contact)
        contact.name = name
        account.index(contact)
        chronicle.contact_changed(self.world, account, contact, was, account.owner.id)

    def merge_leads(self, account: SimAccount, keep: int, others: Sequence[int]) -> None:
        """Merges deals into `keep`. Raises ValueError for deleted ones, and for a deal with itself."""
        merged = [account.leads[one] for one in others]
        merging.merge_leads(self.world, account, account.leads[keep], merged, account.owner.id)

    def merge_contacts(self, account: SimAccount, keep: int, others: Sequence[int]) -> None:
        """Merges contacts into `keep`; their chats and deals become its own."""
        merged = [account.contacts[one] for one in others]
        merging.merge_contacts(self.world, account, account.contacts[keep], merged, account.owner.id)

    def add_contact_field(self, account: SimAccount, name: str, code: str, type: str = "text") -> int:  # noqa: A002
        return account.add_field("contacts", name=name, type=type, code=code).id

    def link(self, account: SimAccount, lead_id: int, contact_id: int, *, main: bool | None = None) -> None:
        lead, contact = account.leads[lead_id], account.contacts[contact_id]
        account.link(lead, contact, main=main)
        chronicle.linked(self.world, account, lead, contact, account.owner.id)

    def unlink(self, account: SimAccount, lead_id: int, contact_id: int) -> None:
        lead, contact = account.leads[lead_id], account.contacts[contact_id]
        account.unlink(lead, contact)
        chronicle.unlinked(self.world, account, lead, contact, account.owner.id)

    def link_chat(self, account: SimAccount, chat_uuid: str, contact_id: int) -> None:
        """Moves a chat to a contact."""
        account.link_chat(account.chats[chat_uuid], account.contacts[contact_id])
        self._changed("link", account)

    def contacts_of_lead(self, account: SimAccount, lead_id: int) -> dict[int, bool]:
        """Contact id → whether it is the main one, in the order of linking."""
        return dict(account.leads[lead_id].contacts)

    def contact_value(self, account: SimAccount, contact_id: int, code: str) -> str | None:
        """The first value of a contact's field by its code."""
        field = account.field("contacts", code=code)
        values = account.contacts[contact_id].values.get(field.id, []) if field is not None else []
        return str(values[0]["value"]) if values else None

    def tags_of_lead(self, account: SimAccount, lead_id: int) -> list[str]:
        return list(account.leads[lead_id].tags.values())

    def notes(self, account: SimAccount, lead_id: int) -> list[SimNote]:
        """The notes of a deal's card, oldest first."""
        return list(account.notes.get(("leads", lead_id), ()))

    def sources(self, account: SimAccount) -> list[SimSource]:
        return list(account.sources.values())

    def delete_source(self, account: SimAccount, source_id: int) -> None:
        """A person removes the source in the settings of the pipeline."""
        account.forget_sources([source_id])
        self._changed("source", account)

    def accept_unsorted(self, account: SimAccount, uid: str) -> int:
        """Takes an incoming chat into work; returns the deal's id."""
        unsorted = account.unsorted[uid]
        settle_unsorted(self.world, account, unsorted, "accept", by=account.owner.id)
        return unsorted.lead_id

    def decline_unsorted(self, account: SimAccount, uid: str) -> None:
        settle_unsorted(self.world, account, account.unsorted[uid], "decline", by=account.owner.id)

    def link_unsorted(self, account: SimAccount, uid: str, lead_id: int, contact_id: int | None = None) -> None:
        """Attaches an incoming chat to a deal that exists."""
        contact: Any = account.contacts[contact_id] if contact_id is not None else None
        target = account.leads[lead_id]
        unsorted, by = account.unsorted[uid], account.owner.id
        settle_unsorted(self.world, account, unsorted, "link", by=by, target=target, contact=contact)

    def add_webhook(self, account: SimAccount, destination: str, *settings: str) -> SimWebhook:
        """An administrator enters a webhook in the settings, where messages and the unsorted can be chosen too."""
        webhook = SimWebhook(
            id=self.world.ids.number("webhook"),
            destination=destination,
            settings=list(settings),
            sort=len(account.webhooks) + 1,
            created_by=account.owner.id,
            created_at=self.world.seconds,
            updated_at=self.world.seconds,
        )
        account.webhooks[destination] = webhook
        return webhook

    def enable_webhook(self, account: SimAccount, destination: str) -> None:
        """An administrator switches a webhook on again that failed too often."""
        self.world.crm_hooks.enable(account.webhooks[destination])

    def set_paid(self, account: SimAccount, is_paid: bool) -> None:
        """An unpaid account answers 402 to everything."""
        account.is_paid = is_paid

    def _set_status(self, account: SimAccount, lead_id: int, status_id: int) -> None:
        lead = account.leads[lead_id]
        was = chronicle.before(lead)
        account.set_status(lead, status_id, self.world.seconds)
        chronicle.lead_changed(self.world, account, lead, was, account.owner.id)

    def _changed(self, kind: str, account: SimAccount, lead_id: int | None = None) -> None:
        self.world.events.publish(kind, account_id=account.id, lead_id=lead_id)
