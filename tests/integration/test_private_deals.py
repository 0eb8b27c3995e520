"""Whose deal a private chat belongs to: new people, the unsorted and its adoption, and the account's own rule."""

from __future__ import annotations

import dataclasses

import pytest
import trio

from dealgram.persistence import bots, records

RULES = ("open_deal", "new_deal", "unsorted")


def contacts_of(stage, person) -> list[int]:
    """The live contacts whose «Telegram ID» is the person's."""
    account = stage.world.account
    return [
        contact_id
        for contact_id, contact in account.contacts.items()
        if not contact.is_deleted and stage.amo.contact_value(account, contact_id, "TELEGRAM_ID") == str(person.id)
    ]


def deals_by_us(stage) -> list[str]:
    """Requests that made deals, moved chats or changed deals' contacts: what we may only do for new people."""
    ours = ("leads.create", "contacts.link_chats", "leads.link")
    return [request.operation for request in stage.amo.requests if request.operation in ours]


def new_deals(stage) -> list:
    return [
        lead
        for lead in stage.world.account.leads.values()
        if lead.id not in stage.world.deals and not lead.is_deleted and not lead.is_unsorted
    ]


async def choose(stage, bot=None, **settings) -> None:
    """Set the choices for a bot, as its administrator does."""
    services = stage.service.services
    row = await bots.of_account(services.db, stage.account.account_id, (bot or stage.world.sales_bot).id)
    await records.upsert(services.db, dataclasses.replace(row, settings=settings))
    await services.registry.refresh()


async def write(stage, person, text, bot=None) -> None:
    stage.telegram.write(person, bot or stage.world.sales_bot, text)
    await stage.in_card(person, text, bot)
    await stage.quiet()


# New people


async def test_a_new_deal_is_named_and_tagged_as_the_bot_is_set_up(stage):
    world = stage.world
    await choose(
        stage, deal_title="{name} {username} из {bot}, {pipeline} {name.__class__}", deal_tags=["Telegram", "Н"]
    )
    await write(stage, world.anna, "Добрый день")
    (deal,) = new_deals(stage)
    username = f"@{world.anna.username}" if world.anna.username else ""
    expected = f"Анна Смирнова {username} из {world.sales_bot.name}, {world.sales.name} {{name.__class__}}"
    assert deal.name == " ".join(expected.split())
    assert sorted(stage.amo.tags_of_lead(world.account, deal.id)) == ["Telegram", "Н"]
    stage.assert_clean()


async def test_a_deal_is_made_though_its_place_is_refused(stage):
    world = stage.world
    order = stage.amo.faults.answer("leads.create", status=400, body={"title": "Bad Request", "status": 400})
    await write(stage, world.anna, "Добрый день")
    assert order.hits == 1
    (deal,) = new_deals(stage)
    assert stage.texts(deal.id) == ["Добрый день"]
    await stage.assert_undisturbed()


async def test_contacts_are_tagged_and_link_to_the_profile(stage):
    world = stage.world
    world.anna.username = "anna_s"
    await write(stage, world.anna, "Добрый день")
    (contact_id,) = contacts_of(stage, world.anna)
    account = world.account
    assert list(account.contacts[contact_id].tags.values()) == ["Telegram"]
    assert stage.amo.contact_value(account, contact_id, "TELEGRAM_LINK") == "https://t.me/anna_s"
    assert account.participants[f"tgu-{world.anna.id}"].profile_link == "https://t.me/anna_s"
    stage.assert_clean()


async def test_a_contact_follows_its_person_as_long_as_it_has_the_name_we_gave(stage):
    world, account = stage.world, stage.world.account
    world.anna.username = "anna_s"
    await write(stage, world.anna, "Добрый день")
    (contact_id,) = contacts_of(stage, world.anna)
    world.anna.last_name, world.anna.username = "Иванова", "anna_i"
    await write(stage, world.anna, "Я вышла замуж")
    assert account.contacts[contact_id].name == "Анна Иванова"
    assert stage.amo.contact_value(account, contact_id, "TELEGRAM_LINK") == "https://t.me/anna_i"
    assert account.participants[f"tgu-{world.anna.id}"].name == "Анна Иванова"

    account.contacts[contact_id].name = "Аня, бухгалтерия"
    world.anna.last_name = "Петрова"
    await write(stage, world.anna, "И снова")
    world.anna.last_name = "Сидорова"
    await write(stage, world.anna, "И опять")
    assert account.contacts[contact_id].name == "Аня, бухгалтерия"
    stage.assert_clean()
    await stage.assert_undisturbed()


# «Неразобранное»


async def in_unsorted(stage, text="Сколько стоит?"):
    """Anna writes to a bot that leaves new people to the unsorted."""
    await choose(stage, unsorted=True)
    await write(stage, stage.world.anna, text)
    (unsorted,) = stage.amo.unsorted(stage.world.account)
    return unsorted


async def test_by_the_bots_choice_a_new_person_goes_to_the_unsorted_of_its_pipeline(stage):
    world = stage.world
    unsorted = await in_unsorted(stage)
    assert unsorted.pipeline_id == world.sales.id
    assert unsorted.client_name == "Анна Смирнова"
    assert contacts_of(stage, world.anna) == []
    assert deals_by_us(stage) == []
    stage.assert_clean()
    await stage.assert_undisturbed()


@pytest.mark.parametrize("hooks", [True, False], ids=["told", "not told"])
async def test_an_accepted_chats_contact_is_the_persons_from_then_on(stage, hooks):
    world, account = stage.world, stage.world.account
    if not hooks:
        account.webhooks.clear()
    unsorted = await in_unsorted(stage)
    lead_id = stage.amo.accept_unsorted(account, unsorted.uid)
    if not hooks:
        await write(stage, world.anna, "Вы приняли?")
    with trio.fail_after(20):
        while not contacts_of(stage, world.anna):  # noqa: ASYNC110 - a REST change publishes no event of its own
            await trio.sleep(0.02)
    await stage.quiet()
    assert contacts_of(stage, world.anna) == [unsorted.contact_id]

    await write(stage, world.anna, "Ещё вопрос")
    assert "Ещё вопрос" in stage.texts(lead_id)
    await stage.link(world.cafe)
    stage.telegram.write(world.anna, world.group, "А это в группе")
    await stage.until(lambda: "А это в группе" in stage.texts(world.cafe), "the group's message")
    assert contacts_of(stage, world.anna) == [unsorted.contact_id]
    assert "leads.create" not in deals_by_us(stage)
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_a_chat_joined_to_a_deal_is_followed_to_the_contact_that_got_it(stage):
    world, account = stage.world, stage.world.account
    keeper = stage.amo.add_contact(account, "Анна из кофейни")
    stage.amo.link(account, world.cafe, keeper)
    unsorted = await in_unsorted(stage)
    stage.amo.link_unsorted(account, unsorted.uid, world.cafe, keeper)
    await write(stage, world.anna, "Это я")
    assert contacts_of(stage, world.anna) == [keeper]
    assert account.contacts[keeper].name == "Анна из кофейни"
    assert "Это я" in stage.texts(world.cafe)
    assert deals_by_us(stage) == []
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_duplication_control_may_put_the_chat_into_a_deal_by_itself(stage):
    world, account = stage.world, stage.world.account
    known = stage.amo.add_contact(account, "Анна Смирнова")
    stage.amo.link(account, world.cafe, known, main=True)
    pipeline = account.pipelines[account.leads[world.cafe].pipeline_id]
    pipeline.duplicate_keys.add("big_data")
    world.sales.duplicate_keys.add("big_data")
    await choose(stage, unsorted=True)
    await write(stage, world.anna, "Я уже ваш клиент")
    if stage.amo.unsorted(account):
        pytest.skip("the deal is in another pipeline than the bot's: duplication control looks in one only")
    assert contacts_of(stage, world.anna) == [known]
    assert deals_by_us(stage) == []
    stage.assert_clean()


async def test_a_declined_chat_comes_back_with_the_next_message(stage):
    world, account = stage.world, stage.world.account
    first = await in_unsorted(stage)
    stage.amo.decline_unsorted(account, first.uid)
    await write(stage, world.anna, "Вы меня слышите?")
    (second,) = stage.amo.unsorted(account)
    assert second.uid != first.uid
    assert contacts_of(stage, world.anna) == []
    lead_id = stage.amo.accept_unsorted(account, second.uid)
    await write(stage, world.anna, "Спасибо")
    assert "Спасибо" in stage.texts(lead_id)
    assert contacts_of(stage, world.anna) == [second.contact_id]
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_a_person_met_in_a_group_while_their_chat_waits_gets_no_second_id(stage):
    world, account = stage.world, stage.world.account
    unsorted = await in_unsorted(stage)
    await stage.link(world.cafe)
    stage.telegram.write(world.anna, world.group, "Привет из группы")
    await stage.until(lambda: "Привет из группы" in stage.texts(world.cafe), "the group's message")
    (from_group,) = contacts_of(stage, world.anna)
    stage.amo.accept_unsorted(account, unsorted.uid)
    await write(stage, world.anna, "Лично")
    await write(stage, world.anna, "Ещё раз лично")
    assert contacts_of(stage, world.anna) == [from_group]
    notes = account.notes.get(("contacts", unsorted.contact_id), ())
    assert [str(from_group) in note.params["text"] for note in notes] == [True]
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_a_person_met_in_a_group_after_an_acceptance_that_nobody_told_of_is_the_accepted_contact(stage):
    world, account = stage.world, stage.world.account
    account.webhooks.clear()
    unsorted = await in_unsorted(stage)
    stage.amo.accept_unsorted(account, unsorted.uid)
    await stage.link(world.cafe)
    stage.telegram.write(world.anna, world.group, "Привет из группы")
    await stage.until(lambda: "Привет из группы" in stage.texts(world.cafe), "the group's message")
    await write(stage, world.anna, "И лично")
    assert contacts_of(stage, world.anna) == [unsorted.contact_id]
    assert account.notes.get(("contacts", unsorted.contact_id), ()) == ()
    assert unsorted.contact_id in stage.amo.contacts_of_lead(account, world.cafe)
    stage.assert_clean()
    await stage.assert_undisturbed()


# The account's own rule


@pytest.mark.parametrize("rule", RULES)
async def test_a_known_persons_deal_is_amocrms_own_business(stage, rule):
    world, account = stage.world, stage.world.account
    account.incoming_rule = rule
    known = stage.amo.add_contact(account, "Игорь П.", {"TELEGRAM_ID": str(world.igor.id)})
    stage.amo.link(account, world.office, known)
    await write(stage, world.igor, "Это снова я")
    await write(stage, world.igor, "И ещё")

    assert deals_by_us(stage) == ["contacts.link_chats"], "the chat is given to its person, once"
    assert contacts_of(stage, world.igor) == [known]
    if rule == "new_deal":
        (made,) = new_deals(stage)
        assert stage.texts(made.id) == ["Это снова я", "И ещё"]
    else:
        assert new_deals(stage) == []
        assert stage.texts(world.office) == ["Это снова я", "И ещё"]
    stage.assert_clean()
    await stage.assert_undisturbed()


@pytest.mark.parametrize("rule", RULES)
async def test_after_the_deal_was_closed_the_rule_decides_anew(stage, rule):
    world, account = stage.world, stage.world.account
    account.incoming_rule = rule
    known = stage.amo.add_contact(account, "Игорь П.", {"TELEGRAM_ID": str(world.igor.id)})
    stage.amo.link(account, world.office, known)
    await write(stage, world.igor, "Первое")
    before = {lead.id for lead in new_deals(stage)}
    for lead_id in (world.office, *before):
        stage.amo.close_lead(account, lead_id)
    asked = len(deals_by_us(stage))
    await write(stage, world.igor, "После закрытия")

    assert len(deals_by_us(stage)) == asked
    made = [lead for lead in new_deals(stage) if lead.id not in before]
    if rule == "unsorted":
        assert made == []
        assert len(stage.amo.unsorted(account)) == 1
    else:
        assert [stage.texts(lead.id) for lead in made] == [["После закрытия"]]
    assert "После закрытия" not in stage.texts(world.office)
    stage.assert_clean()
    await stage.assert_undisturbed()


@pytest.mark.parametrize("rule", RULES)
async def test_two_bots_of_one_person_follow_the_rule_each(stage, rule):
    world, account = stage.world, stage.world.account
    account.incoming_rule = rule
    known = stage.amo.add_contact(account, "Мария К.", {"TELEGRAM_ID": str(world.maria.id)})
    stage.amo.link(account, world.office, known)
    await write(stage, world.maria, "В продажи", world.sales_bot)
    await write(stage, world.maria, "В сервис", world.service_bot)
    assert deals_by_us(stage) == ["contacts.link_chats"] * 2
    assert contacts_of(stage, world.maria) == [known]
    if rule == "new_deal":
        assert sorted(stage.texts(lead.id) for lead in new_deals(stage)) == [["В продажи"], ["В сервис"]]
        assert {lead.pipeline_id for lead in new_deals(stage)} == {world.sales.id, world.service.id}
    else:
        assert sorted(stage.texts(world.office)) == ["В продажи", "В сервис"]
    stage.assert_clean()


async def test_a_chat_that_a_manager_gave_to_somebody_stays_theirs(stage):
    """Between our steps a manager may have given the chat to a contact of their own."""
    world, account = stage.world, stage.world.account
    other = stage.amo.add_contact(account, "Семья Смирновых")
    stage.amo.link(account, world.cafe, other)
    order = stage.amo.faults.answer("contacts.chats", status=503)
    stage.telegram.write(world.anna, world.sales_bot, "Добрый день")
    await stage.taken(order)
    stage.amo.link_chat(account, stage.amo.chat(account, f"p{world.sales_bot.id}-{world.anna.id}").uuid, other)
    await stage.in_card(world.anna, "Добрый день")
    await stage.quiet()
    assert deals_by_us(stage) == []
    assert stage.texts(world.cafe) == ["Добрый день"]
    assert contacts_of(stage, world.anna) == [other]
    stage.assert_clean()
