"""Contacts that people delete, merge, restore and edit in amoCRM: one live contact per Telegram person, and every
message in the card, whatever the order of things."""

from __future__ import annotations

import random

import pytest
import trio

from dealgram.actors.accounts.account_orders import SetUp, order_entry
from dealgram.persistence import contacts
from dealgram.sandbox.amocrm import Switches


@pytest.fixture
def amo_switches(request) -> Switches:
    return Switches(rest_rate_per_s=None, **getattr(request, "param", {}))


class People:
    def __init__(self, play) -> None:
        self.play = play
        self.stage = play.stage
        self.amo = play.stage.amo
        self.account = play.stage.world.account

    async def settled(self) -> None:
        with trio.fail_after(30):
            while True:
                await self.stage.quiet()
                if not self.amo.crm_hooks_pending:
                    break
                await trio.sleep(0.01)
        await self.stage.quiet()

    async def review(self) -> None:
        await self.stage.service.services.journal.accept([order_entry(self.account.id, SetUp(reason="check_up"))])
        await self.settled()

    async def indexed(self, person) -> int | None:
        row = await contacts.get(self.stage.service.services.db, self.account.id, person.id)
        return row.contact_id if row is not None else None

    def live(self, person) -> list[int]:
        """The live contacts that carry the person's Telegram ID."""
        return [one for one in self.play.contacts(person) if not self.account.contacts[one].is_deleted]

    def clean(self) -> None:
        """A contact may go between our decision to use it and its use; nothing else is refused."""
        told = [one for one in self.amo.violations if "no such contact" not in one]
        assert told == []
        self.stage.telegram.assert_clean()


@pytest.fixture
async def people(play) -> People:
    people = People(play)
    await play.link(play.stage.world.cafe)
    await people.settled()
    return people


async def test_a_deleted_contact_is_made_anew_with_the_next_words(people):
    play, world = people.play, people.stage.world
    await play.words(world.igor, "Раз", world.cafe)
    (old,) = people.live(world.igor)
    people.amo.delete_contact(people.account, old)
    await people.settled()
    assert await people.indexed(world.igor) is None
    assert people.live(world.igor) == []
    await play.words(world.igor, "Два", world.cafe)
    (new,) = people.live(world.igor)
    assert new != old
    assert await people.indexed(world.igor) == new
    assert new in people.amo.contacts_of_lead(people.account, world.cafe)
    assert people.amo.unsorted(people.account) == []
    people.clean()
    await people.stage.assert_undisturbed()


async def test_words_that_come_before_we_hear_of_the_deletion_are_taken_out_of_the_unsorted(people):
    play, world = people.play, people.stage.world
    await play.words(world.igor, "Раз", world.cafe)
    (old,) = people.live(world.igor)
    people.amo.crm_hook_faults.drop(times=None)
    people.amo.delete_contact(people.account, old)
    play.write(world.igor, "Два")
    await people.stage.until(lambda: people.amo.unsorted(people.account), "amoCRM put the chat among the unsorted")
    await people.stage.quiet()
    people.amo.crm_hook_faults.clear()
    await people.review()
    await play.words(world.igor, "Три", world.cafe)
    await people.settled()
    assert people.amo.unsorted(people.account) == []
    assert "Два" in people.stage.texts(world.cafe)
    assert len(people.live(world.igor)) == 1
    people.clean()
    await people.stage.assert_undisturbed()


@pytest.mark.parametrize(
    "amo_switches",
    [
        {"merge_hooks": "delete_first", "delete_hook": "listed"},
        {"merge_hooks": "update_first", "delete_hook": "bare"},
    ],
    indirect=True,
    ids=["delete-first", "update-first"],
)
@pytest.mark.parametrize("lost", [False, True])
async def test_a_merged_contact_is_followed(people, lost):
    play, world = people.play, people.stage.world
    await play.words(world.igor, "Раз", world.cafe)
    (ours,) = people.live(world.igor)
    keeper = people.amo.add_contact(people.account, "Игорь Петров, директор")
    await people.settled()
    if lost:
        people.amo.crm_hook_faults.drop(times=None)
    people.amo.merge_contacts(people.account, keeper, [ours])
    await people.settled()
    people.amo.crm_hook_faults.clear()
    if lost:
        await people.review()
    await play.words(world.igor, "Два", world.cafe)
    assert await people.indexed(world.igor) == keeper
    assert people.live(world.igor) == [keeper]
    assert [text for text in people.stage.texts(world.cafe) if text in ("Раз", "Два")] == ["Раз", "Два"]
    people.clean()
    await people.stage.assert_undisturbed()


async def test_two_people_whose_contacts_were_merged_share_one(people):
    play, world = people.play, people.stage.world
    await play.words(world.igor, "Раз", world.cafe)
    await play.words(world.maria, "Два", world.cafe)
    (igor,), (maria,) = people.live(world.igor), people.live(world.maria)
    people.amo.merge_contacts(people.account, maria, [igor])
    await people.settled()
    await play.words(world.igor, "Три", world.cafe)
    await play.words(world.maria, "Четыре", world.cafe)
    await people.settled()
    assert await people.indexed(world.igor) == await people.indexed(world.maria) == maria
    assert people.live(world.maria) == [maria]
    people.clean()


async def test_a_contact_that_comes_back_after_another_took_its_place_gives_the_id_up(people):
    play, world = people.play, people.stage.world
    await play.words(world.igor, "Раз", world.cafe)
    (old,) = people.live(world.igor)
    people.amo.delete_contact(people.account, old)
    await people.settled()
    await play.words(world.igor, "Два", world.cafe)
    (new,) = people.live(world.igor)
    people.amo.restore_contact(people.account, old)
    await people.settled()
    assert people.live(world.igor) == [new]
    notes = people.account.notes[("contacts", old)]
    assert "Telegram ID" in notes[-1].params["text"]
    await play.words(world.igor, "Три", world.cafe)
    assert people.live(world.igor) == [new]
    people.clean()
    await people.stage.assert_undisturbed()


async def test_a_contact_that_comes_back_in_time_is_used_again(people):
    play, world = people.play, people.stage.world
    await play.words(world.igor, "Раз", world.cafe)
    (old,) = people.live(world.igor)
    people.amo.delete_contact(people.account, old)
    await people.settled()
    people.amo.restore_contact(people.account, old)
    await people.settled()
    await play.words(world.igor, "Два", world.cafe)
    assert people.live(world.igor) == [old]
    assert await people.indexed(world.igor) == old
    people.clean()


@pytest.mark.parametrize("value", [None, "1"])
async def test_a_telegram_id_that_somebody_changed_is_put_right(people, value):
    play, world = people.play, people.stage.world
    await play.words(world.igor, "Раз", world.cafe)
    (contact,) = people.live(world.igor)
    field = people.account.field("contacts", code="TELEGRAM_ID").id
    if value is None:
        people.account.contacts[contact].values.pop(field)
    else:
        people.account.contacts[contact].values[field] = [{"value": value}]
    people.amo.rename_contact(people.account, contact, "Игорь (проверен)")
    await people.settled()
    assert people.amo.contact_value(people.account, contact, "TELEGRAM_ID") == str(world.igor.id)
    await play.words(world.igor, "Два", world.cafe)
    assert people.live(world.igor) == [contact]
    people.clean()


async def test_a_contact_that_is_back_before_we_look_loses_no_words(people):
    """Deleted when amoCRM refused to give it the chat, restored by the time we ask what became of it."""
    play, world, faults = people.play, people.stage.world, people.amo.faults
    await play.words(world.igor, "Раз", world.cafe)
    (contact,) = people.live(world.igor)
    people.amo.crm_hook_faults.drop(times=None)
    await play.link(world.office)
    given = faults.hold("contacts.link_chats")
    play.write(world.igor, "Два")
    await people.stage.taken(given)
    people.amo.delete_contact(people.account, contact)
    looked = faults.hold("contacts.get")
    given.release()
    await people.stage.taken(looked)
    people.amo.restore_contact(people.account, contact)
    looked.release()
    await people.settled()
    assert "Два" in people.stage.texts(world.office)
    assert people.live(world.igor) == [contact]
    assert any("no such contact" in one for one in people.amo.violations), "the call was refused"
    people.clean()


async def test_the_groups_own_contact_is_made_anew_at_once(people):
    play, world = people.play, people.stage.world
    (own,) = play.own_chats(world.cafe)
    people.amo.delete_contact(people.account, own.contact_id)
    await people.settled()
    (again,) = play.own_chats(world.cafe)
    assert again.contact_id != own.contact_id
    answer = play.answer(world.cafe, "Слышно?")
    assert (await people.stage.status(answer)).status == "delivered"
    people.clean()
    await people.stage.assert_undisturbed()


async def test_a_private_chat_goes_on_after_its_contact_was_deleted(people):
    stage, world = people.stage, people.stage.world
    chat = stage.telegram.private_chat(world.igor, world.sales_bot)
    stage.telegram.write(world.igor, chat, "Здравствуйте")
    await stage.in_card(world.igor, "Здравствуйте")
    await people.settled()
    for contact in people.live(world.igor):
        people.amo.delete_contact(people.account, contact)
    await people.settled()
    stage.telegram.write(world.igor, chat, "Ещё вопрос")
    await stage.in_card(world.igor, "Ещё вопрос")
    await people.settled()
    assert len(people.live(world.igor)) == 1
    assert await people.indexed(world.igor) == people.live(world.igor)[0]
    people.clean()


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_the_order_a_person_has_one_contact_and_every_word_is_in_a_card(people, seed):
    play, world = people.play, people.stage.world
    rng = random.Random(seed)
    persons = [world.igor, world.maria]
    written, deleted = [], []
    await play.words(world.igor, "Начало", world.cafe)
    for step in range(14):
        person = rng.choice(persons)
        match rng.choice(["write", "write", "delete", "merge", "restore"]):
            case "write":
                text = f"Слово {step}"
                written.append(text)
                play.write(person, text)
            case "delete" if live := people.live(person):
                deleted.append(live[0])
                people.amo.delete_contact(people.account, live[0])
            case "merge" if live := people.live(person):
                keeper = people.amo.add_contact(people.account, f"{person.name} {step}")
                people.amo.merge_contacts(people.account, keeper, live[:1])
            case "restore" if deleted:
                contact = deleted.pop(rng.randrange(len(deleted)))
                if people.account.contacts[contact].merged_into is None:
                    people.amo.restore_contact(people.account, contact)
        if rng.random() < 0.6:
            await trio.sleep(rng.random() * 0.1)
        else:
            await people.settled()
    await people.settled()
    await people.review()
    for person in persons:
        await play.words(person, f"Конец, {person.name}", world.cafe)
    await people.settled()
    for person in persons:
        live = people.live(person)
        assert len(live) <= 1, (person.name, live)
        assert await people.indexed(person) in people.account.contacts
        assert not people.account.contacts[await people.indexed(person)].is_deleted
    shown = [item.text for deal in people.account.leads for item in people.amo.feed(people.account, deal)]
    for text in written:
        assert text in shown, text
    people.clean()
    await people.stage.assert_undisturbed()
