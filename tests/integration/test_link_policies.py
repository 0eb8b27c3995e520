"""What becomes of a group's links when people close, delete, merge, move and restore deals in amoCRM: every policy both
ways, with hooks lost, doubled and out of order, and with messages on their way. docs/link-policies.md in tests."""

from __future__ import annotations

import random

import pytest
import trio

from dealgram.actors import texts
from dealgram.actors.accounts.account_orders import SetUp, order_entry
from dealgram.actors.cards import deal_texts
from dealgram.persistence import accounts, links
from dealgram.sandbox.amocrm import Switches


class Deals:
    """The account's life as the tests play it."""

    def __init__(self, play) -> None:
        self.play = play
        self.stage = play.stage
        self.amo = play.stage.amo
        self.account = play.stage.world.account

    async def choose(self, **choices) -> None:
        await accounts.change_settings(self.stage.service.services.db, self.account.id, choices)
        await self.stage.service.refresh()

    async def settled(self) -> None:
        """Wait until amoCRM has told everything and nothing more follows from it."""
        with trio.fail_after(30):
            while True:
                await self.stage.quiet()
                if not self.amo.crm_hooks_pending:
                    break
                await trio.sleep(0.01)
        await self.stage.quiet()

    async def link(self, deal):
        found = await links.for_deal(self.stage.service.services.db, self.account.id, deal, unlinked=True)
        return found[0] if found else None

    def notes(self, deal) -> list[str]:
        return [note.params["text"] for note in self.amo.notes(self.account, deal)]

    def said(self, words: str) -> list[str]:
        return [message["text"] for message in self.play.said(words)]

    async def listed(self) -> str:
        """The list of deals as the menu shows it now."""
        person = self.stage.world.anna
        menu = await self.play.menu(person)
        await self.play.press(person, menu, "Список")
        await self.stage.until(lambda: "Что сделать?" not in self.play.shown(menu)["text"], "the list")
        return self.play.shown(menu)["text"]

    async def review(self) -> None:
        """A check-up, as the service makes them by and by."""
        order = order_entry(self.account.id, SetUp(reason="check_up"))
        await self.stage.service.services.journal.accept([order])
        await self.settled()

    def everywhere(self, text: str) -> int:
        """How often a text stands in any card of the account."""
        return sum(
            item.text == text or item.text.endswith(f": {text}")
            for deal in self.account.leads
            for item in self.amo.feed(self.account, deal)
        )


@pytest.fixture
def amo_switches(request) -> Switches:
    return Switches(rest_rate_per_s=None, **getattr(request, "param", {}))


BOTH_ORDERS = pytest.mark.parametrize(
    "amo_switches",
    [
        {"merge_hooks": "delete_first", "delete_hook": "listed"},
        {"merge_hooks": "update_first", "delete_hook": "bare"},
    ],
    indirect=True,
    ids=["delete-first", "update-first"],
)


@pytest.fixture
async def deals(play) -> Deals:
    deals = Deals(play)
    await deals.settled()
    return deals


async def clean(deals: Deals, *, races: bool = False) -> None:
    """``races``: a deal may go between our decision to write into it and the writing."""
    if races:
        gone = ("no such deal", "no such entity among the leads")
        assert all(one.endswith(gone) for one in deals.amo.violations), deals.amo.violations
        deals.stage.telegram.assert_clean()
    else:
        deals.stage.assert_clean()
    await deals.stage.assert_undisturbed()


# Closed


@pytest.mark.parametrize(("won", "mark"), [(True, "успешно реализована"), (False, "не реализована")])
async def test_a_closed_deal_keeps_its_group_and_amocrm_makes_no_new_deal_of_a_message(deals, won, mark):
    play, world = deals.play, deals.stage.world
    await play.link(world.cafe)
    await play.words(world.igor, "До закрытия", world.cafe)
    known = set(deals.account.leads)
    deals.amo.close_lead(deals.account, world.cafe, won=won)
    await deals.settled()
    await play.words(world.igor, "После закрытия", world.cafe)
    assert set(deals.account.leads) == known
    assert mark in await deals.listed()
    answer = play.answer(world.cafe, "Спасибо!")
    assert (await deals.stage.status(answer)).status == "delivered"
    said = ["До закрытия", "После закрытия", "Спасибо!"]
    assert [text for text in deals.stage.texts(world.cafe) if text in said] == said
    deals.amo.reopen_lead(deals.account, world.cafe)
    await deals.settled()
    assert mark not in await deals.listed()
    await clean(deals)


async def test_a_closed_deal_is_unlinked_if_the_account_wants_it_and_linked_again_when_reopened(deals):
    play, world = deals.play, deals.stage.world
    await deals.choose(on_deal_closed="unlink")
    await play.link(world.cafe)
    await play.link(world.office)
    deals.amo.close_lead(deals.account, world.cafe)
    await deals.settled()
    assert (await deals.link(world.cafe)).reason == "deal_closed"
    assert "сделка закрыта" in deals.said("Группа отвязана от сделки")[0]
    assert deal_texts.ended_card_line(play.chat.title, "deal_closed") in deals.stage.texts(world.cafe)
    assert any("отвязана от этой сделки автоматически: сделка закрыта" in note for note in deals.notes(world.cafe))
    assert not play.own_chats(world.cafe)
    shown = await deals.listed()
    assert deal_texts.ENDED_HEADER in shown
    assert ": закрыта" in shown
    await play.words(world.igor, "Только в офис", world.office)
    assert "Только в офис" not in play.written(world.cafe)

    deals.amo.reopen_lead(deals.account, world.cafe)
    await deals.settled()
    assert (await deals.link(world.cafe)).status == "linked"
    assert deals.said("Сделка снова открыта, группа опять связана с ней")
    await play.words(world.igor, "Снова в обе", world.cafe, world.office)
    assert play.own_chats(world.cafe)
    assert "Сделка снова открыта" in await deals.listed()
    await clean(deals)


async def test_a_reopened_deal_stays_unlinked_if_the_account_wants_it(deals):
    play, world = deals.play, deals.stage.world
    await deals.choose(on_deal_closed="unlink", on_deal_restored="stay")
    await play.link(world.cafe)
    deals.amo.close_lead(deals.account, world.cafe)
    await deals.settled()
    deals.amo.reopen_lead(deals.account, world.cafe)
    await deals.settled()
    link = await deals.link(world.cafe)
    assert (link.status, link.reason) == ("unlinked", None)
    assert any("осталась отвязанной" in note for note in deals.notes(world.cafe))
    await clean(deals)


# Deleted


async def test_a_deleted_deal_is_unlinked_and_linked_again_when_restored(deals):
    play, world = deals.play, deals.stage.world
    await play.link(world.cafe)
    await play.words(world.igor, "Раз", world.cafe)
    deals.amo.delete_lead(deals.account, world.cafe)
    await deals.settled()
    link = await deals.link(world.cafe)
    assert (link.status, link.reason, link.deal_state) == ("unlinked", "deal_deleted", "deleted")
    assert len(deals.said("сделка удалена")) == 1
    assert ": удалена" in await deals.listed()

    deals.amo.restore_lead(deals.account, world.cafe)
    await deals.settled()
    assert (await deals.link(world.cafe)).status == "linked"
    assert deals.said("Сделка восстановлена, группа опять связана с ней")
    assert any("Сделка восстановлена" in note for note in deals.notes(world.cafe))
    await play.words(world.igor, "Два", world.cafe)
    assert play.written(world.cafe) == ["Раз", "Два"]
    assert len(play.own_chats(world.cafe)) == 1
    assert "Сделка восстановлена" in await deals.listed()
    await clean(deals)


async def test_a_restored_deal_stays_unlinked_if_the_account_wants_it(deals):
    play, world = deals.play, deals.stage.world
    await deals.choose(on_deal_restored="stay")
    await play.link(world.cafe)
    deals.amo.delete_lead(deals.account, world.cafe)
    await deals.settled()
    deals.amo.restore_lead(deals.account, world.cafe)
    await deals.settled()
    link = await deals.link(world.cafe)
    assert (link.status, link.reason, link.deal_state) == ("unlinked", None, "open")
    assert any("осталась отвязанной" in note for note in deals.notes(world.cafe))
    await clean(deals)


async def test_a_deleted_deal_may_keep_its_group_and_nothing_stops_because_of_it(deals):
    play, world = deals.play, deals.stage.world
    await deals.choose(on_deal_deleted="keep")
    await play.link(world.cafe)
    await play.link(world.office)
    await play.words(world.igor, "Раз", world.cafe, world.office)
    known = set(deals.account.leads)
    deals.amo.delete_lead(deals.account, world.cafe)
    await deals.settled()
    link = await deals.link(world.cafe)
    assert (link.status, link.deal_state) == ("linked", "deleted")
    await play.words(world.igor, "Два", world.office)
    await play.words(world.maria, "Три", world.office)
    await deals.settled()
    assert set(deals.account.leads) == known, "amoCRM was not made to begin a new deal"
    assert "Сделка удалена" in await deals.listed()
    deals.amo.restore_lead(deals.account, world.cafe)
    await deals.settled()
    await play.words(world.igor, "Четыре", world.cafe, world.office)
    assert play.written(world.office) == ["Раз", "Два", "Три", "Четыре"]
    assert play.written(world.cafe) == ["Раз", "Четыре"]
    await clean(deals)


async def test_a_message_that_waits_for_a_deal_that_was_deleted_holds_nothing_up_and_is_not_lost(deals):
    play, world = deals.play, deals.stage.world
    await play.link(world.cafe)
    await play.link(world.office)
    known = set(deals.account.leads)
    deals.amo.crm_hook_faults.drop(times=None)  # we learn of it by the refused call alone
    deals.amo.delete_lead(deals.account, world.cafe)
    await play.words(world.maria, "Кто здесь?", world.office)
    await deals.settled()
    link = await deals.link(world.cafe)
    assert (link.status, link.reason) == ("unlinked", "deal_deleted")
    assert set(deals.account.leads) == known
    assert play.written(world.office) == ["Кто здесь?"]
    deals.amo.crm_hook_faults.clear()
    await clean(deals, races=True)


async def test_a_deal_that_is_merely_hidden_from_us_keeps_its_group(deals):
    play, world = deals.play, deals.stage.world
    await play.link(world.cafe)
    hidden = deals.amo.faults.answer("leads.get", status=204, times=None)
    deals.amo.rename_lead(deals.account, world.cafe, "Кофейня на углу")
    await deals.settled()
    assert hidden.hits > 0
    hidden.cancel()
    assert (await deals.link(world.cafe)).status == "linked"
    await clean(deals)


# Moved, renamed


async def test_a_deal_keeps_its_group_in_another_pipeline_and_under_another_name(deals):
    play, world = deals.play, deals.stage.world
    await play.link(world.cafe)
    other = deals.amo.add_pipeline(deals.account, "Опт")
    deals.amo.move_lead(deals.account, world.cafe, other.id)
    deals.amo.rename_lead(deals.account, world.cafe, "Кофейня <опт>")
    await deals.settled()
    link = await deals.link(world.cafe)
    assert (link.status, link.pipeline_id, link.deal_name) == ("linked", other.id, "Кофейня <опт>")
    assert "Кофейня <опт>" in await deals.listed()
    assert not deals.said("отвязана")
    await clean(deals)


async def test_a_deal_loses_its_group_in_another_pipeline_if_the_account_wants_it(deals):
    play, world = deals.play, deals.stage.world
    await deals.choose(on_deal_moved="unlink")
    await play.link(world.cafe)
    deals.amo.rename_lead(deals.account, world.cafe, "Только имя")
    await deals.settled()
    assert (await deals.link(world.cafe)).status == "linked"
    other = deals.amo.add_pipeline(deals.account, "Опт")
    deals.amo.move_lead(deals.account, world.cafe, other.id)
    await deals.settled()
    link = await deals.link(world.cafe)
    assert (link.status, link.reason) == ("unlinked", "deal_moved")
    assert "перенесена в другую воронку" in deals.said("отвязана")[0]
    assert any("перенесена в другую воронку" in note for note in deals.notes(world.cafe))
    await clean(deals)


# Merged


@BOTH_ORDERS
async def test_the_link_follows_a_merged_deal(deals):
    play, world = deals.play, deals.stage.world
    await play.link(world.cafe)
    await play.words(world.igor, "До объединения", world.cafe)
    deals.amo.merge_leads(deals.account, world.office, [world.cafe])
    await deals.settled()
    link = await deals.link(world.cafe)
    assert (link.status, link.reason, link.merged_into) == ("unlinked", "deal_merged", world.office)
    assert (await deals.link(world.office)).status == "linked"
    assert deals.said(f"Сделка № {world.cafe} объединена со сделкой")
    assert deal_texts.followed_card_line(play.chat.title, world.cafe) in deals.stage.texts(world.office)
    assert any(f"Сделка № {world.cafe} объединена с этой" in note for note in deals.notes(world.office))
    shown = await deals.listed()
    assert f"С ней объединена сделка № {world.cafe}" in shown
    assert deal_texts.ENDED_HEADER not in shown
    await play.words(world.igor, "После объединения", world.office)
    assert play.written(world.office) == ["До объединения", "После объединения"]
    answer = play.answer(world.office, "Да, мы здесь")
    assert (await deals.stage.status(answer)).status == "delivered"
    await clean(deals)


async def test_an_answer_from_an_old_chat_of_a_merged_deal_still_reaches_the_group_once(deals):
    play, world = deals.play, deals.stage.world
    await play.link(world.cafe)
    await play.link(world.repair)
    await play.words(world.igor, "Вопрос", world.cafe, world.repair)
    deals.amo.merge_leads(deals.account, world.office, [world.cafe])
    await deals.settled()
    old = deals.amo.chat(deals.account, f"g{(await deals.link(world.cafe)).group_id}-d{world.cafe}")
    answer = deals.amo.answer(deals.account, old.uuid, world.olga, "Ответ из старого чата")
    assert (await deals.stage.status(answer)).status == "delivered"
    await deals.settled()
    assert deals.stage.group_texts().count("Ответ из старого чата") == 1
    assert play.written(world.office).count("Ответ из старого чата") == 1
    assert play.written(world.repair).count("Ответ из старого чата") == 1
    await clean(deals)


async def test_unlinking_the_survivor_takes_the_groups_own_chats_of_both_deals_away(deals):
    play, world = deals.play, deals.stage.world
    await play.link(world.cafe)
    deals.amo.merge_leads(deals.account, world.office, [world.cafe])
    await deals.settled()
    await play.unlink(world.office)
    await deals.settled()
    account = deals.account
    own = [one for one in deals.amo.chats_of_lead(account, world.office) if "-u" not in one.conversation]
    assert own == []
    await clean(deals)


@BOTH_ORDERS
async def test_a_merger_of_two_linked_deals_leaves_one_link_and_doubles_nothing(deals):
    play, world = deals.play, deals.stage.world
    await play.link(world.cafe)
    await play.link(world.office)
    await play.words(world.igor, "Раз", world.cafe, world.office)
    deals.amo.merge_leads(deals.account, world.office, [world.cafe])
    await deals.settled()
    assert deals.said("Группа уже связана с ней")
    await play.words(world.igor, "Два", world.office)
    await deals.settled()
    assert deals.everywhere("Два") == 1
    await clean(deals)


async def test_a_merged_deal_is_unlinked_if_the_account_wants_it(deals):
    play, world = deals.play, deals.stage.world
    await deals.choose(on_deal_merged="unlink")
    await play.link(world.cafe)
    await play.words(world.igor, "Раз", world.cafe)
    deals.amo.merge_leads(deals.account, world.office, [world.cafe])
    await deals.settled()
    link = await deals.link(world.cafe)
    assert (link.status, link.reason, link.merged_into) == ("unlinked", "deal_merged", world.office)
    assert await deals.link(world.office) is None
    assert f"объединена со сделкой № {world.office}" in await deals.listed()
    assert any("была связана с ней и отвязана" in note for note in deals.notes(world.office))
    own = [one for one in deals.amo.chats_of_lead(deals.account, world.office) if "-u" not in one.conversation]
    assert own == [], "the group's own contact has left the survivor"
    await clean(deals)


async def test_a_merger_is_found_out_without_the_groups_own_contact(deals):
    play, world = deals.play, deals.stage.world
    await play.link(world.cafe)
    await play.words(world.igor, "Раз", world.cafe)
    await play.words(world.maria, "Два", world.cafe)
    deals.amo.crm_hook_faults.drop(times=None)
    (own,) = play.own_chats(world.cafe)
    deals.amo.delete_contact(deals.account, own.contact_id)
    deals.amo.merge_leads(deals.account, world.office, [world.cafe])
    deals.amo.crm_hook_faults.clear()
    await deals.review()
    # The own contact is gone and counts for no match; the survivor has everybody else.
    link = await deals.link(world.cafe)
    assert link.status == "unlinked"
    await clean(deals)


@BOTH_ORDERS
async def test_messages_that_flow_while_deals_are_merged_stand_in_the_survivor_once(deals):
    play, world = deals.play, deals.stage.world
    await play.link(world.cafe)
    await play.link(world.repair)
    rng = random.Random(5)
    written = []
    for number in range(24):
        person = rng.choice([world.igor, world.maria, world.anna])
        text = f"Слово {number}"
        written.append(text)
        play.write(person, text)
        if number == 8:
            deals.amo.merge_leads(deals.account, world.office, [world.cafe])
        if number == 16:
            deals.amo.merge_leads(deals.account, world.repair, [world.office])
        await trio.sleep(rng.random() * 0.02)
    await play.words(world.igor, "Последнее", world.repair)
    await deals.settled()
    feed = [item.text for item in deals.stage.feed(world.repair)]
    for text in written:
        assert text in feed, text
    late = [text for text in feed if text == "Последнее"]
    assert late == ["Последнее"]
    assert (await deals.link(world.repair)).status == "linked"
    await clean(deals, races=True)


# Hooks


@pytest.mark.parametrize("trouble", ["drop", "duplicate", "reorder", "delay"])
@pytest.mark.parametrize("seed", [1, 2])
async def test_the_end_is_the_same_whatever_becomes_of_the_hooks(deals, trouble, seed):
    play, world = deals.play, deals.stage.world
    await play.link(world.cafe)
    await play.link(world.office)
    rng = random.Random(seed)
    if trouble == "delay":
        deals.amo.crm_hook_faults.delay(0.05, times=None, when=lambda _: rng.random() < 0.5)
    else:
        getattr(deals.amo.crm_hook_faults, trouble)(times=None, when=lambda _: rng.random() < 0.7)
    steps = [
        lambda: deals.amo.close_lead(deals.account, world.cafe),
        lambda: deals.amo.delete_lead(deals.account, world.office),
        lambda: deals.amo.reopen_lead(deals.account, world.cafe),
        lambda: deals.amo.restore_lead(deals.account, world.office),
        lambda: deals.amo.rename_lead(deals.account, world.cafe, "Новое имя"),
        lambda: deals.amo.merge_leads(deals.account, world.repair, [world.office]),
    ]
    for step in steps:
        step()
        await trio.sleep(rng.random() * 0.1)
    deals.amo.crm_hook_faults.clear()
    await deals.settled()
    await deals.review()
    cafe, office, repair = [await deals.link(deal) for deal in (world.cafe, world.office, world.repair)]
    assert (cafe.status, cafe.deal_state, cafe.deal_name) == ("linked", "open", "Новое имя")
    assert (office.status, office.merged_into) == ("unlinked", world.repair)
    assert repair.status == "linked"
    await play.words(world.igor, "Всё на месте", world.cafe, world.repair)
    await clean(deals, races=True)


async def test_a_review_finds_what_hooks_have_missed_and_leaves_the_rest_alone(deals):
    play, world = deals.play, deals.stage.world
    for deal in (world.cafe, world.office, world.repair):
        await play.link(deal)
    await deals.settled()
    deals.amo.crm_hook_faults.drop(times=None)
    deals.amo.delete_lead(deals.account, world.cafe)
    deals.amo.close_lead(deals.account, world.office)
    await deals.settled()
    looked = len([one for one in deals.amo.requests if one.operation == "leads.get"])
    await deals.review()
    assert (await deals.link(world.cafe)).reason == "deal_deleted"
    assert (await deals.link(world.office)).deal_state == "won"
    assert (await deals.link(world.repair)).deal_state == "open"
    again = [one for one in deals.amo.requests if one.operation == "leads.get"][looked:]
    assert not any(f"/{world.repair}" in str(one) for one in again)
    await clean(deals)


async def test_the_groups_own_contact_comes_back_when_somebody_takes_it_out_of_the_deal(deals):
    play, world = deals.play, deals.stage.world
    await play.link(world.cafe)
    (own,) = play.own_chats(world.cafe)
    deals.amo.unlink(deals.account, world.cafe, own.contact_id)
    await deals.settled()
    (again,) = play.own_chats(world.cafe)
    assert again.contact_id == own.contact_id
    answer = play.answer(world.cafe, "Слышно?")
    assert (await deals.stage.status(answer)).status == "delivered"
    await clean(deals)


async def test_a_person_taken_out_of_the_deal_comes_back_with_their_next_words(deals):
    play, world = deals.play, deals.stage.world
    await play.link(world.cafe)
    await play.words(world.igor, "Раз", world.cafe)
    (contact,) = play.contacts(world.igor)
    deals.amo.unlink(deals.account, world.cafe, contact)
    await deals.settled()
    assert contact not in deals.amo.contacts_of_lead(deals.account, world.cafe)
    await play.words(world.igor, "Два", world.cafe)
    assert contact in deals.amo.contacts_of_lead(deals.account, world.cafe)
    assert play.contacts(world.igor) == [contact]
    await clean(deals)


# Notes


async def test_notes_say_who_linked_and_unlinked(deals):
    play, world = deals.play, deals.stage.world
    await play.link(world.cafe)
    await play.unlink(world.cafe)
    title, bot = play.chat.title, play.bot.username
    assert deals.notes(world.cafe) == [
        deal_texts.linked_note(title, bot, world.anna.name),
        deal_texts.unlinked_note(title, bot, world.anna.name),
    ]
    assert {note.note_type for note in deals.amo.notes(deals.account, world.cafe)} == {"extended_service_message"}
    await clean(deals)


async def test_an_account_that_wants_no_notes_gets_none(deals):
    play, world = deals.play, deals.stage.world
    await deals.choose(notes=False)
    await play.link(world.cafe)
    await play.unlink(world.cafe)
    assert deals.notes(world.cafe) == []
    await clean(deals)


async def test_a_note_of_unknown_outcome_is_looked_for_before_it_is_written_again(deals):
    play, world = deals.play, deals.stage.world
    lost = deals.amo.faults.drop_after("notes.leads.create")
    await play.link(world.cafe)
    await deals.stage.taken(lost)
    await deals.settled()
    assert len(deals.notes(world.cafe)) == 1
    never = deals.amo.faults.drop_before("notes.leads.create")
    await play.unlink(world.cafe)
    await deals.settled()
    assert never.hits == 1
    assert len(deals.notes(world.cafe)) == 2
    await clean(deals)


async def test_notes_tell_of_the_bots_removal_and_of_the_supergroup(deals):
    play, world = deals.play, deals.stage.world
    await play.link(world.cafe)
    deals.stage.telegram.remove_member(play.chat, play.bot)
    await deals.stage.until(lambda: any("удалили" in note for note in deals.notes(world.cafe)), "the note of removal")
    deals.stage.telegram.add_member(play.chat, play.bot)
    await deals.stage.until(lambda: any("снова в" in note for note in deals.notes(world.cafe)), "the note of return")
    deals.stage.telegram.promote(play.chat, play.bot)
    deals.stage.telegram.upgrade_to_supergroup(play.chat)
    await deals.stage.until(lambda: any("супергруппой" in note for note in deals.notes(world.cafe)), "of the upgrade")
    await deals.settled()
    await clean(deals)


# The endpoint in the service


async def test_a_hook_of_another_account_or_of_nobody_changes_nothing(deals):
    import httpx

    play, world = deals.play, deals.stage.world
    await play.link(world.cafe)
    await deals.settled()
    db = deals.stage.service.services.db
    key = await db.fetchval("SELECT hook_key FROM accounts WHERE account_id = $1", deals.account.id)
    base = deals.stage.service.services.place.public_url
    taken = await deals.stage.count("SELECT count(*) FROM inbox WHERE source = 'crm'")
    looked = len(deals.amo.requests)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = f"leads[delete][0][id]={world.cafe}&account[id]="
    async with httpx.AsyncClient() as client:
        for path, raw, status in [
            (key, f"{body}{deals.account.id + 1}", 400),
            (key, f"{body}x&account[subdomain]=other", 400),
            (key, f"leads[delete][0][id]={world.cafe}", 400),
            (key, "{}", 400),
            (key + "x", f"{body}{deals.account.id}", 404),
            (key, "", 200),
            (key, f"account[id]={deals.account.id}", 200),
            (key, f"task[add][0][id]=1&account[id]={deals.account.id}", 200),
        ]:
            answer = await client.post(f"{base}/amocrm/hooks/{path}", content=raw, headers=form)
            assert answer.status_code == status, (path == key, raw)
    assert await deals.stage.count("SELECT count(*) FROM inbox WHERE source = 'crm'") == taken
    await deals.settled()
    assert len(deals.amo.requests) == looked
    assert texts.group_linked_line(play.chat.title) in deals.stage.texts(world.cafe)
