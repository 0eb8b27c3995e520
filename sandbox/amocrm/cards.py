"""What a deal card shows: which talk belongs to which deal, the feed, the chat selector, the unsorted.

Owns the account's own rule for incoming messages (amoCRM contract §10, §12, §12a, §13): a chat with no contact makes an
unsorted in its source's pipeline, unless duplication control finds its deal. A chat whose contact is known follows the
account's rule: its talk is bound to the open deal linked to the contact last, and without one a deal or an unsorted is
made; or every new talk makes a deal. Promises: without duplication control, deciding costs the same whatever the
account holds.
"""

from __future__ import annotations

from typing import Literal

from dealgram.sandbox.amocrm import bubbles, chronicle, duplicates
from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.conversations import (
    BotAnswer,
    BotQuestion,
    ChatOption,
    FeedItem,
    Participant,
    SimChat,
    SimMessage,
    SimTalk,
    SimUnsorted,
)
from dealgram.sandbox.amocrm.records import SimContact, SimLead, SimPipeline, SimSource
from dealgram.sandbox.amocrm.world import World


def source_of(world: World, account: SimAccount, chat: SimChat) -> SimSource | None:
    """The chat's own source, else the default one; None stands for the integration itself."""
    named = account.sources_by_external.get(chat.source_external_id or "")
    if named is None and chat.source_external_id is not None and world.switches.unknown_source == "integration":
        return None
    return named or account.default_source


def take_source(account: SimAccount, chat: SimChat, external_id: str) -> None:
    """A source that came with a message or with the chat. One that is known stays until another known one comes."""
    if external_id in account.sources_by_external or chat.source_external_id not in account.sources_by_external:
        chat.source_external_id = external_id


def show(world: World, account: SimAccount, message: SimMessage, *, lead_id: int | None = None) -> None:
    """Makes an accepted message visible: finds or opens its talk, creating a deal or an unsorted where due.

    `lead_id` is the card a manager writes from; it decides where a talk without a deal belongs.
    """
    chat = message.chat
    message.visible = True
    is_import = message.direction == "out" and message.msgid is not None
    counts = not message.silent and (message.direction == "in" or (is_import and world.switches.outgoing_unsorted))
    contact = account.contacts.get(chat.contact_id) if chat.contact_id is not None else None
    if contact is None or contact.is_deleted:
        if counts and not _join_duplicate(world, account, chat):
            _make_unsorted(world, account, message, None)
    else:
        _bind(world, account, message, contact, may_create=counts and not contact.is_hidden, lead_id=lead_id)
    talk = chat.talk or _open_talk(world, account, chat, None)
    talk.updated_at = world.seconds
    talk.is_read = message.direction == "out"
    message.talk = talk
    if talk.is_new:
        talk.is_new = False
        chronicle.talk_added(world, account, talk)
    else:
        chronicle.talk_changed(world, account, talk)
    author = account.users_by_amojo.get(message.sender.uuid)
    chronicle.chat_message(world, account, message, author.id if author is not None else chronicle.ROBOT)
    if chat.bot_waits is not None and message.direction == "in" and not message.silent:
        _answer_bot(world, account, message, chat.bot_waits)
    if chat.unsorted_uid is not None and message.direction == "in":
        account.unsorted[chat.unsorted_uid].last_text = message.content.get("text", "")
    world.events.publish("message", account_id=account.id, lead_id=talk.lead_id, chat_uuid=chat.uuid)


def _answer_bot(world: World, account: SimAccount, message: SimMessage, question: BotQuestion) -> None:
    """The Salesbot that waits goes on with the client's next message, whatever it is."""
    message.chat.bot_waits = None
    text = message.content.get("text", "")
    exact = world.switches.button_match == "exact"
    same = (one for one in question.labels if one == text or (not exact and one.casefold() == text.strip().casefold()))
    answer = BotAnswer(text=text, button=next(same, None), amo_id=message.id)
    account.keep_answer(question.message_id, answer)


def _bind(
    world: World,
    account: SimAccount,
    message: SimMessage,
    contact: SimContact,
    *,
    may_create: bool,
    lead_id: int | None,
) -> None:
    """The account's rule for a contact that is known: which deal the talk belongs to."""
    chat = message.chat
    talk = chat.talk
    if talk is not None and talk.is_in_work and talk.lead_id is not None and account.leads[talk.lead_id].is_open:
        return
    rule = account.incoming_rule or world.switches.incoming_rule
    target = account.leads[lead_id] if lead_id is not None and lead_id in contact.leads else None
    if chat.unsorted_uid is not None:
        target = account.leads[account.unsorted[chat.unsorted_uid].lead_id]
    elif (target is None or not target.is_open) and not (rule == "new_deal" and may_create):
        target = _open_deal(account, contact)
    if target is None and may_create:
        if rule == "unsorted":
            _make_unsorted(world, account, message, contact)
            return
        target = _make_lead(world, account, chat, contact)
    if target is None:
        return
    if talk is not None and talk.lead_id is None and talk.is_in_work:
        _give(talk, target)
    else:
        _open_talk(world, account, chat, target)


def _open_deal(account: SimAccount, contact: SimContact) -> SimLead | None:
    """The open deal that was linked to the contact last."""
    leads = (account.leads[known] for known in reversed(contact.leads))
    return next((lead for lead in leads if lead.is_open and not lead.is_unsorted), None)


def _join_duplicate(world: World, account: SimAccount, chat: SimChat) -> bool:
    """Duplication control: the chat of somebody unknown joins a deal that exists, if the pipeline looks for such."""
    pipeline, _ = _pipeline(world, account, chat)
    if not pipeline.duplicate_keys:
        return False
    name, phone = (chat.client.name, chat.client.phone) if chat.client is not None else (chat.title, "")
    found = duplicates.by_chat(account, pipeline, name, phone)
    if not found or (len(found) > 1 and world.switches.several_duplicates == "new"):
        return False
    lead = found[0]
    earlier = chat.talk if chat.talk is not None and chat.talk.lead_id is None else None
    account.link_chat(chat, account.contacts[next(number for number, is_main in lead.contacts.items() if is_main)])
    if earlier is not None:
        chat.talk = earlier
        _give(earlier, lead)
    else:
        _open_talk(world, account, chat, lead)
    chronicle.lead_changed(world, account, lead, chronicle.before(lead), chronicle.ROBOT)
    return True


def _give(talk: SimTalk, lead: SimLead) -> None:
    talk.lead_id = lead.id
    lead.talks.append(talk.id)


def _open_talk(world: World, account: SimAccount, chat: SimChat, lead: SimLead | None) -> SimTalk:
    talk = SimTalk(
        id=world.ids.number("talk"),
        chat_uuid=chat.uuid,
        contact_id=chat.contact_id,
        lead_id=None,
        created_at=world.seconds,
        updated_at=world.seconds,
    )
    account.talks[talk.id] = talk
    chat.talk = talk
    if lead is not None:
        _give(talk, lead)
    return talk


def _pipeline(world: World, account: SimAccount, chat: SimChat) -> tuple[SimPipeline, SimSource | None]:
    source = source_of(world, account, chat)
    pipeline = account.pipelines.get(source.pipeline_id) if source is not None else None
    return pipeline or account.main_pipeline, source


def _make_lead(world: World, account: SimAccount, chat: SimChat, contact: SimContact) -> SimLead:
    pipeline, source = _pipeline(world, account, chat)
    source_id = source.id if source is not None else None
    lead = account.add_lead(name="", pipeline_id=pipeline.id, now=world.seconds, created_by=0, source_id=source_id)
    account.link(lead, contact)
    chronicle.lead_added(world, account, lead, chronicle.ROBOT)
    return lead


def _make_unsorted(world: World, account: SimAccount, message: SimMessage, known: SimContact | None) -> None:
    """Into «Неразобранное», with the contact that is `known`, else with a new one that nobody sees yet."""
    chat = message.chat
    pipeline, source = _pipeline(world, account, chat)
    client = chat.client
    name = (client.name if client is not None else "") or chat.title or message.sender.name
    contact = known or _hidden_contact(world, account, client, name)
    lead = account.add_lead(
        name="",
        pipeline_id=pipeline.id,
        status_id=pipeline.unsorted_status,
        now=world.seconds,
        created_by=0,
        source_id=source.id if source is not None else None,
        is_unsorted=True,
    )
    account.link(lead, contact)
    earlier = chat.talk if chat.talk is not None and chat.talk.lead_id is None and chat.talk.is_in_work else None
    account.link_chat(chat, contact)
    unsorted = SimUnsorted(
        uid=world.ids.secret(40),
        chat_uuid=chat.uuid,
        contact_id=contact.id,
        lead_id=lead.id,
        pipeline_id=pipeline.id,
        created_at=world.seconds,
        source_uid=source.external_id if source is not None else None,
        source_name=source.name if source is not None else world.channel.title,
        client_name=name,
        client_avatar=client.avatar if client is not None else "",
        last_text="",
    )
    account.unsorted[unsorted.uid] = unsorted
    chat.unsorted_uid = unsorted.uid
    if earlier is not None:  # imported silently before: it is the history of the same talk
        _give(earlier, lead)
    else:
        _open_talk(world, account, chat, lead)
    chronicle.unsorted_added(world, account, unsorted)
    world.events.publish("unsorted", account_id=account.id, lead_id=lead.id, chat_uuid=chat.uuid)


def _hidden_contact(world: World, account: SimAccount, client: Participant | None, name: str) -> SimContact:
    contact = account.add_contact(name=name, now=world.now(), is_hidden=True, created_by=0)
    for code, value in (("PHONE", client.phone if client else ""), ("EMAIL", client.email if client else "")):
        known = account.field("contacts", code=code)
        if value and known is not None:
            contact.values[known.id] = [{"value": value, "enum_code": "WORK"}]
    account.index(contact)
    return contact


def settle_unsorted(
    world: World,
    account: SimAccount,
    unsorted: SimUnsorted,
    verdict: Literal["accept", "decline", "link"],
    *,
    by: int,
    status_id: int | None = None,
    target: SimLead | None = None,
    contact: SimContact | None = None,
) -> None:
    """Takes the unsorted off the list: it becomes a deal, goes to the trash, or joins the deal `target`."""
    del account.unsorted[unsorted.uid]
    lead, hidden = account.leads[unsorted.lead_id], account.contacts[unsorted.contact_id]
    chat = account.chats[unsorted.chat_uuid]
    is_ours = chat.unsorted_uid == unsorted.uid
    was_hidden = hidden.is_hidden
    if is_ours:
        chat.unsorted_uid = None
    if verdict == "accept":
        lead.is_unsorted = hidden.is_hidden = False
        was = chronicle.before(lead)
        account.set_status(lead, status_id or account.pipelines[lead.pipeline_id].first_status, world.seconds)
        if world.switches.unsorted_accepted == "add_lead":
            chronicle.lead_added(world, account, lead, by)
        else:
            chronicle.lead_changed(world, account, lead, was, by)
        if was_hidden:
            chronicle.contact_added(world, account, hidden, by)
    else:
        lead.is_deleted = True
        if verdict == "link" and target is not None and is_ours:
            keeper = contact or hidden
            account.unlink(lead, hidden)
            account.link(target, keeper)
            talk = chat.talk
            account.link_chat(chat, keeper)
            chat.talk = talk
            if talk is not None:
                talk.contact_id = keeper.id
                _give(talk, target)
            hidden.is_hidden = False
            hidden.is_deleted = was_hidden and keeper is not hidden
            if was_hidden and keeper is hidden:
                chronicle.contact_added(world, account, hidden, by)
            chronicle.linked(world, account, target, keeper, by)
            if talk is not None:
                chronicle.talk_changed(world, account, talk)
        else:
            hidden.is_deleted = was_hidden
            if is_ours:
                if was_hidden:
                    account.unlink_chat(chat)
                chat.talk = None
    kept = (target.id, (contact or hidden).id) if verdict == "link" and target is not None else (lead.id, hidden.id)
    chronicle.unsorted_settled(world, account, unsorted, verdict, *kept)
    world.events.publish("unsorted", account_id=account.id, lead_id=lead.id, chat_uuid=chat.uuid)


def feed(world: World, account: SimAccount, lead_id: int) -> list[FeedItem]:
    """The messages of the deal's card, by their own time, equal times by arrival."""
    lead = account.leads[lead_id]
    shown: list[SimMessage] = []
    if world.switches.chat_lead == "every_lead":
        until = float("inf") if lead.closed_at is None else lead.closed_at  # a closed deal gets nothing new
        for contact_id in lead.contacts:
            for chat_uuid in account.contacts[contact_id].chats:
                messages = account.chats[chat_uuid].messages
                shown.extend(one for one in messages if one.visible and one.timestamp <= until)
    else:
        for talk_id in lead.talks:
            talk = account.talks[talk_id]
            if talk.lead_id == lead_id:
                messages = account.chats[talk.chat_uuid].messages
                shown.extend(one for one in messages if one.visible and one.talk is talk)
    window = world.switches.history_window_s
    if window is not None:
        shown = [one for one in shown if one.msec_timestamp >= (lead.created_at - window) * 1000]
    shown.sort(key=lambda one: (one.msec_timestamp, one.seq))
    return [bubbles.item(world, account, one) for one in shown]


def chats_of_lead(world: World, account: SimAccount, lead_id: int) -> list[ChatOption]:
    """The chat selector: every chat of the deal's contacts that has a visible message, the latest first."""
    options: list[ChatOption] = []
    for contact_id in account.leads[lead_id].contacts:
        contact = account.contacts[contact_id]
        for chat_uuid in contact.chats:
            chat = account.chats[chat_uuid]
            last = next((one for one in reversed(chat.messages) if one.visible), None)
            if last is not None:
                source = source_of(world, account, chat)
                options.append(
                    ChatOption(
                        chat_uuid=chat.uuid,
                        conversation=chat.client_id,
                        name=chat.title,
                        contact_id=contact.id,
                        contact_name=contact.name,
                        source_name=source.name if source is not None else "",
                        last_message_at=last.msec_timestamp / 1000,
                    )
                )
    options.sort(key=lambda one: -one.last_message_at)
    return options
