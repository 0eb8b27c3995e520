"""A deal that is linked later is given the last messages of its group: silently, with their times, and once."""

from __future__ import annotations

import pytest

from dealgram.actors import texts
from dealgram.persistence.records import Employee, upsert
from dealgram.sandbox.amocrm import Switches


@pytest.fixture
def amo_switches():
    return Switches(rest_rate_per_s=None, history_window_s=None)


def shown(play, deal: int) -> list[tuple[str, str]]:
    """Author and text of what the card shows, without dealgram's own lines and events."""
    lines = [(item.author, item.text) for item in play.stage.feed(deal)]
    return [line for line in lines if line[1] != play.linked_line and not line[1].startswith(("➕", "👋", "✂️"))]


async def test_the_last_messages_come_with_their_times_and_authors_before_what_is_said_next(play, choose):
    world, stage = play.stage.world, play.stage
    await choose(import_last_messages=3)
    for number in range(1, 5):
        play.write(world.igor if number % 2 else world.maria, f"Раньше {number}")
    await stage.settled()
    await play.link(world.cafe)
    await play.words(world.igor, "Теперь", world.cafe)

    assert shown(play, world.cafe) == [
        ("Мария Кузнецова", "Раньше 2"),
        ("Игорь Петров", "Раньше 3"),
        ("Мария Кузнецова", "Раньше 4"),
        ("Игорь Петров", "Теперь"),
    ]
    written = {message["text"]: message["date"] for message in play.messages() if message.get("text")}
    for item in stage.feed(world.cafe):
        if item.text.startswith("Раньше"):
            assert int(item.at) == written[item.text]
            assert item.silent
    assert stage.amo.unsorted(world.account) == []
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_without_the_setting_nothing_is_imported(play):
    play.write(play.stage.world.igor, "Раньше")
    await play.stage.settled()
    await play.link(play.stage.world.cafe)
    assert shown(play, play.stage.world.cafe) == []


async def test_words_to_the_bot_are_not_imported_and_edits_are_in_their_final_text(play, choose):
    world, stage = play.stage.world, play.stage
    await choose(import_last_messages=100)
    message = play.write(world.igor, "С ошибкой")
    play.write(world.maria, f"@{play.bot.username}")
    await stage.until(lambda: play.said("Что сделать?"), "the menu")
    stage.telegram.edit(world.igor, play.chat, message, "Без ошибки")
    await stage.settled()
    await play.link(world.cafe)
    assert shown(play, world.cafe) == [("Игорь Петров", "Без ошибки")]
    # What was imported is edited where it stands.
    stage.telegram.edit(world.igor, play.chat, message, "Совсем без ошибок")
    await stage.until(lambda: shown(play, world.cafe) == [("Игорь Петров", "Совсем без ошибок")], "the edit")
    stage.assert_clean()


async def test_managers_answers_and_quotations_come_along(play, choose):
    world, stage = play.stage.world, play.stage
    await choose(import_last_messages=100)
    await play.link(world.cafe)
    await play.words(world.igor, "Сколько стоит?", world.cafe)
    answer = play.answer(world.cafe, "Сто рублей")
    assert (await stage.status(answer)).status == "delivered"
    await stage.quiet()
    (sent,) = play.said("Сто рублей")
    play.write(world.igor, "Беру", reply_to=sent["message_id"])
    await stage.settled()
    await play.link(world.office)
    cards = [sorted(shown(play, deal)) for deal in (world.cafe, world.office)]
    assert (
        cards[0]
        == cards[1]
        == sorted(
            [
                ("Игорь Петров", "Сколько стоит?"),
                ("Игорь Петров", "↩️ Менеджер: Сто рублей\nБеру"),
                ("Ольга Белова", "Сто рублей"),
            ]
        )
    )
    assert stage.group_texts().count("Сто рублей") == 1
    stage.assert_clean()


@pytest.mark.parametrize("policy", ["deal_participant", "deal", "participant"])
async def test_a_deal_that_is_linked_again_gets_what_it_missed_and_nothing_twice(play, choose, policy):
    world, stage = play.stage.world, play.stage
    await choose(import_last_messages=100, policy=policy)
    await play.link(world.cafe)
    await play.words(world.igor, "Раз", world.cafe)
    await play.unlink(world.cafe)
    play.write(world.igor, "Два")
    await stage.settled()
    assert [text.rpartition(": ")[2] for _, text in shown(play, world.cafe)] == ["Раз"]
    await play.link(world.cafe)
    await play.words(world.igor, "Три", world.cafe)
    assert [text.rpartition(": ")[2] for _, text in shown(play, world.cafe)] == ["Раз", "Два", "Три"]
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_what_is_said_while_the_deal_is_looked_up_is_neither_lost_nor_doubled(play, choose):
    world, stage = play.stage.world, play.stage
    await choose(import_last_messages=100)
    play.write(world.igor, "До вопроса")
    question = await play.ask(world.anna)
    slow = stage.amo.faults.delay("leads.get", seconds=1.0)
    play.write(world.anna, str(world.cafe), reply_to=question)
    await stage.taken(slow)
    message = play.write(world.maria, "Пока бот ищет")
    stage.telegram.edit(world.maria, play.chat, message, "Пока бот искал")
    await stage.until(lambda: stage.texts(world.cafe).count(play.linked_line), "the link")
    await play.words(world.igor, "После", world.cafe)
    assert shown(play, world.cafe) == [
        ("Игорь Петров", "До вопроса"),
        ("Мария Кузнецова", "Пока бот искал"),
        ("Игорь Петров", "После"),
    ]
    stage.assert_clean()


async def test_the_queries_of_the_import_read_their_indexes(stage):
    db = stage.service.services.db
    await db.execute(
        "INSERT INTO inbox (account_id, shard, address_kind, address_key, source, source_key, payload, done_at, result)"
        " SELECT 1, 1, 'group', (n % 50)::text, 't', n::text, '', now(), 'said' FROM generate_series(1, 20000) AS n"
    )
    await db.execute("ANALYZE inbox")
    plan = await db.fetch(
        "EXPLAIN SELECT id, payload FROM inbox WHERE address_kind = 'group' AND result IN ('said', 'edited')"
        " AND address_key = '7' AND account_id = 1 AND id < 100000 ORDER BY id DESC LIMIT 100"
    )
    text = "\n".join(record[0] for record in plan)
    assert "inbox_said" in text
    assert "Sort" not in text


def test_texts_of_an_answered_message():
    assert texts.quoted_line("Мария", "Какой   цвет?") == "↩️ Мария: Какой цвет?"
    assert texts.quoted_line("Мария", "") == "↩️ Мария"
    assert texts.quoted_line("", "цвет") == "↩️ цвет"


async def crm_told(stage) -> None:
    """Wait until amoCRM has told of everything that happened to its deals, and it is done."""
    await stage.until(lambda: not stage.amo.crm_hooks_pending, "the CRM hooks")
    await stage.quiet()


async def test_a_deal_that_comes_back_gets_what_was_said_meanwhile(play, choose):
    world, stage = play.stage.world, play.stage
    await choose(import_last_messages=100)
    await play.link(world.cafe)
    await play.words(world.igor, "Раз", world.cafe)
    stage.amo.delete_lead(world.account, world.cafe)
    await crm_told(stage)
    play.write(world.igor, "Два")
    await stage.settled()
    stage.amo.restore_lead(world.account, world.cafe)
    await crm_told(stage)
    await play.words(world.igor, "Три", world.cafe)
    words = [text for _, text in shown(play, world.cafe) if text in ("Раз", "Два", "Три")]
    assert words == ["Раз", "Два", "Три"]
    await stage.assert_undisturbed()


async def test_the_survivor_of_a_merger_shows_everything_once(play, choose):
    world, stage = play.stage.world, play.stage
    await choose(import_last_messages=100)
    play.write(world.maria, "До связи")
    await stage.settled()
    await choose(import_last_messages=0)
    await play.link(world.cafe)
    await play.words(world.igor, "Раз", world.cafe)
    await choose(import_last_messages=100)
    stage.amo.merge_leads(world.account, world.office, [world.cafe])
    await crm_told(stage)
    await play.words(world.igor, "Два", world.office)
    words = sorted(text for _, text in shown(play, world.office) if text in ("До связи", "Раз", "Два"))
    assert words == ["Два", "До связи", "Раз"]
    await stage.assert_undisturbed()


async def test_an_employees_lines_are_imported_as_the_amocrm_users_own(play, choose):
    world, stage = play.stage.world, play.stage
    employee = Employee(account_id=stage.account.account_id, user_id=world.maria.id, amo_user_id=world.olga.id)
    await upsert(stage.service.services.db, employee)
    await choose(import_last_messages=100)
    play.write(world.igor, "Кто-нибудь есть?")
    play.write(world.maria, "Я здесь")
    await stage.settled()
    await play.link(world.cafe)
    assert shown(play, world.cafe) == [("Игорь Петров", "Кто-нибудь есть?"), ("Ольга Белова", "Я здесь")]
    assert play.contacts(world.maria) == []
    stage.assert_clean()
