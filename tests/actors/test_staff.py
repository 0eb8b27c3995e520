"""Who may be named as an employee, and what is known of employees; settings that may be stored."""

from __future__ import annotations

import pytest

from dealgram.actors.accounts import preferences, staff
from dealgram.actors.accounts.preferences import BadChoiceError
from dealgram.actors.accounts.staff import StaffError
from dealgram.persistence import Account, Employee, Group, Participant, User, accounts, employees, records


@pytest.fixture
async def filled(db):
    await records.upsert(
        db,
        Account(account_id=1, host="https://a.amocrm.ru", subdomain="a", settings={"notes": False}),
        User(account_id=1, user_id=11, name="Ольга", amojo_id="u"),
        User(account_id=1, user_id=12, name="Дмитрий"),
        Group(group_id=4, account_id=1, bot_id=3, chat_id=-7, title="Группа"),
        Group(group_id=5, account_id=1, bot_id=3, chat_id=-8, title="Вторая"),
        Participant(group_id=4, user_id=700, account_id=1, name="Анна", username="Anna"),
        Participant(group_id=4, user_id=701, account_id=1, name="Игорь", username="shared"),
        Participant(group_id=5, user_id=702, account_id=1, name="Мария", username="Shared"),
        User(account_id=2, user_id=21, name="Чужая"),
        Group(group_id=40, account_id=2, bot_id=30, chat_id=-7, title="Чужая"),
        Participant(group_id=40, user_id=703, account_id=2, name="Чужой", username="stranger"),
    )
    return db


async def test_a_person_is_named_by_id_or_by_the_username_of_somebody_seen(filled):
    by_name = await staff.add(filled, 1, "@ANNA", 11)
    assert (by_name.user_id, by_name.name, by_name.username, by_name.amo_user_name) == (700, "Анна", "Anna", "Ольга")
    assert by_name.has_chats
    unseen = await staff.add(filled, 1, "9001", 12)
    assert (unseen.user_id, unseen.name, unseen.username, unseen.has_chats) == (9001, "", None, False)
    assert await staff.everyone(filled, 1) == [by_name, unseen]
    changed = await staff.add(filled, 1, "700", 12)
    assert [one.amo_user_id for one in await staff.everyone(filled, 1)] == [12, 12]
    assert changed.amo_user_name == "Дмитрий"
    assert await staff.remove(filled, 1, 700)
    assert not await staff.remove(filled, 1, 700)
    assert not await staff.remove(filled, 2, 9001)
    assert await staff.everyone(filled, 1) == [unseen]


@pytest.mark.parametrize(
    ("person", "amo_user_id", "reason", "people"),
    [
        ("700", 99, "unknown_user", ()),
        ("700", 21, "unknown_user", ()),
        ("@nobody", 11, "unknown_person", ()),
        ("@stranger", 11, "unknown_person", ()),
        ("@shared", 11, "several_people", (701, 702)),
        ("0", 11, "bad_person", ()),
        (str(2**52), 11, "bad_person", ()),
        ("9" * 5000, 11, "bad_person", ()),
        ("anna", 11, "bad_person", ()),
        ("@", 11, "bad_person", ()),
        ("", 11, "bad_person", ()),
        ("٧", 11, "bad_person", ()),
    ],
)
async def test_who_cannot_be_named_changes_nothing(filled, person, amo_user_id, reason, people):
    with pytest.raises(StaffError) as refused:
        await staff.add(filled, 1, person, amo_user_id)
    assert refused.value.reason == reason
    assert tuple(sorted(refused.value.people)) == people
    assert await employees.everyone(filled) == []


async def test_an_employee_whose_user_went_is_still_shown(filled):
    await records.upsert(filled, Employee(account_id=1, user_id=700, amo_user_id=99))
    [one] = await staff.everyone(filled, 1)
    assert (one.amo_user_name, one.has_chats) == ("", False)


async def test_settings_are_changed_singly_and_only_as_they_may_be(filled):
    changed = await preferences.change(filled, 1, {"contact_tag": "Клиент"})
    assert (changed.contact_tag, changed.notes) == ("Клиент", False)
    for wrong in ({"notes": 1}, {"contact_tag": "x" * 65}, {"nothing": True}, {"policy": "none"}):
        with pytest.raises(BadChoiceError):
            await preferences.change(filled, 1, {"service_lines": False, **wrong})
    assert (await accounts.get(filled, 1)).settings == {"notes": False, "contact_tag": "Клиент"}
    assert await preferences.change(filled, 99, {"notes": True}) is None
