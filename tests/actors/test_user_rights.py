"""Rights are amoCRM's to give: remembered for a minute, a missing one for seconds, asked once however many want it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import trio

from dealgram.actors.accounts import user_rights
from dealgram.actors.accounts.user_rights import GOOD_FOR_S, MISSING_FOR_S, UserBook
from dealgram.gateways.amocrm import User
from dealgram.gateways.amocrm.accounts import UserRights
from dealgram.gateways.errors import NotSent


def user(user_id: int = 7, **rights) -> User:
    return User(id=user_id, name="Ольга", rights=UserRights(**rights))


@dataclass
class Amo:
    """The clients of all accounts, and what they were asked."""

    users: dict[tuple[int, int], User | None] = field(default_factory=dict)
    asked: list[tuple[int, int]] = field(default_factory=list)
    error: Exception | None = None

    def amocrm(self, account_id: int):
        @dataclass
        class Client:
            async def user(_, user_id: int) -> User | None:  # noqa: N805
                self.asked.append((account_id, user_id))
                await trio.sleep(1)
                if self.error is not None:
                    raise self.error
                return self.users.get((account_id, user_id))

        return Client()


async def test_a_right_is_good_for_a_minute_and_no_longer(autojump_clock):
    amo = Amo({(1, 7): user(is_admin=True)})
    book = UserBook(amo)
    assert await book.is_admin(1, 7)
    amo.users[1, 7] = user(is_admin=False)
    await trio.sleep(GOOD_FOR_S - 1)
    assert await book.is_admin(1, 7)
    await trio.sleep(1)
    assert not await book.is_admin(1, 7)
    assert len(amo.asked) == 2


async def test_a_new_administrator_need_not_wait(autojump_clock):
    amo = Amo({(1, 7): user(is_admin=False)})
    book = UserBook(amo)
    assert not await book.is_admin(1, 7)
    amo.users[1, 7] = user(is_admin=True)
    assert not await book.is_admin(1, 7)
    await trio.sleep(MISSING_FOR_S)
    assert await book.is_admin(1, 7)


@pytest.mark.parametrize(
    "found", [None, user(is_admin=True, is_active=False), user(is_admin=False), user(8, is_admin=True)]
)
async def test_nobody_else_administers(autojump_clock, found):
    """Nobody of that name, a user who is switched off, a plain one, and an answer about somebody else."""
    assert not await UserBook(Amo({(1, 7): found})).is_admin(1, 7)


async def test_accounts_and_users_are_kept_apart(autojump_clock):
    book = UserBook(Amo({(1, 7): user(is_admin=True)}))
    assert await book.is_admin(1, 7)
    assert not await book.is_admin(2, 7)
    assert not await book.is_admin(1, 8)


async def test_many_who_ask_at_once_ask_once(autojump_clock):
    amo = Amo({(1, 7): user(is_admin=True)})
    book, found = UserBook(amo), []

    async def ask() -> None:
        found.append(await book.is_admin(1, 7))

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(ask)
    assert found == [True] * 20
    assert len(amo.asked) == 1


async def test_a_failure_is_not_remembered(autojump_clock):
    amo = Amo({(1, 7): user(is_admin=True)}, error=NotSent("away", service="amocrm", operation="user"))
    book = UserBook(amo)
    with pytest.raises(NotSent):
        await book.is_admin(1, 7)
    amo.error = None
    assert await book.is_admin(1, 7)


async def test_only_so_many_are_remembered(autojump_clock, monkeypatch):
    monkeypatch.setattr(user_rights, "_REMEMBERED", 3)
    book = UserBook(Amo())
    for user_id in range(1, 10):
        await book.is_admin(1, user_id)
    assert len(book._known) == 3
