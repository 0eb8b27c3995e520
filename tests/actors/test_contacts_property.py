"""However many groups and bots look for people at once, whatever breaks off, and however late amoCRM's search is:
a Telegram person never gets two contacts, and nobody else's contact."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from dealgram.actors.accounts import contact_creation
from dealgram.actors.accounts.account_contacts import AccountContacts
from dealgram.actors.asking import AdoptContact, FindContact, FindContacts
from dealgram.actors.choices import AccountSettings
from dealgram.gateways.amocrm import Contact
from dealgram.gateways.amocrm.contacts import FieldValue, FieldValues
from dealgram.gateways.errors import GatewayError, NotSent, OutcomeUnknown, Refused, ServiceFailed
from dealgram.persistence import Database, contact_claims, contacts
from dealgram.runtime import Transient

FIELD, LINK = 11, 12
_accounts = itertools.count(1)


@dataclass
class FakeAmo:
    """amoCRM's contacts: a search that finds parts of values, and finds nothing before its time."""

    lag: int = 0
    faults: list[str] = field(default_factory=list)
    made: list[dict] = field(default_factory=list)
    asked: int = 0
    stuck: trio.Event = field(default_factory=trio.Event)

    def add(self, value: str, *, searchable: bool = True) -> int:
        known_at = self.asked if searchable else self.asked + self.lag
        self.made.append({"id": 100 + len(self.made), "value": value, "from": known_at})
        return self.made[-1]["id"]

    async def find_contacts(self, query: str) -> list[Contact]:
        self.asked += 1
        await trio.lowlevel.checkpoint()
        return [_contact(one) for one in self.made if query in one["value"] and one["from"] <= self.asked]

    async def newest_contacts(self, *, created_since_s: float) -> list[Contact]:
        await trio.lowlevel.checkpoint()
        return [_contact(one) for one in reversed(self.made)]

    async def contact(self, contact_id: int) -> Contact | None:
        await trio.lowlevel.checkpoint()
        return next((_contact(one) for one in self.made if one["id"] == contact_id), None)

    async def create_contacts(self, drafts) -> list[int]:
        await trio.lowlevel.checkpoint()
        fault = self.faults.pop(0) if self.faults else "none"
        if fault == "not sent":
            raise NotSent("the connection failed")
        if fault == "refused":
            raise Refused("bad request")
        if fault == "partial":
            if len(drafts) == 1:
                raise Refused("bad request")  # what is partly done of one is not done
            self.add(drafts[0].fields[FIELD], searchable=False)
            raise Refused("one of them is bad")
        ids = [self.add(draft.fields[FIELD], searchable=False) for draft in drafts]
        if fault == "lost":
            raise OutcomeUnknown("the answer never came")
        if fault == "failed":
            raise ServiceFailed("502")
        if fault == "stuck":
            self.stuck.set()
            await trio.sleep_forever()  # until the process is killed
        await trio.lowlevel.checkpoint()
        return ids

    async def update_contacts(self, drafts) -> None:
        await trio.lowlevel.checkpoint()
        for draft in drafts:
            next(one for one in self.made if one["id"] == draft.id)["value"] = draft.fields[FIELD]

    async def add_notes(self, *_args, **_more) -> None:
        await trio.lowlevel.checkpoint()


def _contact(one: dict) -> Contact:
    values = (FieldValues(field_id=FIELD, values=(FieldValue(value=one["value"]),)),) if one["value"] else ()
    return Contact(id=one["id"], name="кто-то", custom_fields_values=values)


def services_over(db: Database, amo: FakeAmo, account_id: int):
    account = SimpleNamespace(
        row=SimpleNamespace(telegram_field_id=FIELD, link_field_id=LINK, host="https://a.amocrm.ru"),
        settings=AccountSettings(),
    )
    return SimpleNamespace(
        db=db,
        registry=SimpleNamespace(account=lambda _: account),
        amocrm=lambda _: amo,
        now=lambda: dt.datetime.now(dt.UTC),
    )


def person(user_id: int) -> FindContact:
    return FindContact(value=str(user_id), name=f"Человек {user_id}", user_id=user_id)


USERS = (5, 55, 555, 56)  # each other's parts: what amoCRM's search mistakes for one another
fault = st.sampled_from(["none", "not sent", "refused", "partial", "lost", "failed", "stuck"])
step = st.one_of(
    st.tuples(st.just("find"), st.lists(st.sampled_from(USERS), min_size=1, max_size=4), st.booleans()),
    st.tuples(st.just("adopt"), st.sampled_from(USERS), st.none()),
    st.tuples(st.just("group"), st.integers(1, 2), st.none()),
)


@pytest.fixture
def hasty(monkeypatch):
    """Nobody waits for doubts to settle: only looking well keeps twins away."""
    monkeypatch.setattr(contact_creation, "SETTLE_S", 0.0)


@settings(max_examples=40)
@given(
    lives=st.lists(st.lists(step, max_size=8), min_size=1, max_size=4),
    faults=st.lists(fault, max_size=8),
    lag=st.sampled_from([0, 3, 10_000]),
)
async def test_a_person_never_gets_two_contacts(database_url, hasty, lives, faults, lag):
    async with Database.open(database_url, min_size=1, max_size=4) as db:
        account_id, amo = next(_accounts), FakeAmo(lag=lag, faults=list(faults))
        services = services_over(db, amo, account_id)
        told: dict[str, set[int]] = {}
        for steps in lives:
            await live(AccountContacts(services, account_id), amo, steps, told)
        amo.faults.clear()
        last = AccountContacts(services, account_id)
        found = await last.find_all(FindContacts(people=tuple(map(person, USERS))))

        values = [one["value"] for one in amo.made if one["value"]]
        assert sorted(values) == sorted(set(values)), "two contacts of one person"
        for user_id in USERS:
            assert values[[one["id"] for one in amo.made if one["value"]].index(found[str(user_id)])] == str(user_id)
        for value, ids in told.items():
            assert len(ids) == 1, f"{value} was said to be {ids}"
        assert await db.fetchval("SELECT count(*) FROM contacts WHERE account_id = $1", account_id) == len(USERS)


async def live(book: AccountContacts, amo: FakeAmo, steps, told) -> None:
    """One life of the account's actor: until all is answered, or it is killed in the middle of a creation."""
    amo.stuck = trio.Event()
    async with trio.open_nursery() as killer:

        async def kill() -> None:
            await amo.stuck.wait()
            killer.cancel_scope.cancel()

        killer.start_soon(kill)
        async with trio.open_nursery() as nursery:
            for one in steps:
                nursery.start_soon(take, book, amo, one, told)
        killer.cancel_scope.cancel()


async def take(book: AccountContacts, amo: FakeAmo, one, told) -> None:
    """One question of a group or bot, as often as it is answered «not now», a few times at most."""
    what, which, create = one
    for _ in range(4):
        try:
            if what == "find":
                for value, contact_id in (
                    await book.find_all(FindContacts(people=tuple(map(person, which)), create=create))
                ).items():
                    told.setdefault(value, set()).add(contact_id)
            elif what == "adopt":
                given = amo.add("")  # amoCRM's own, without our field
                await book.adopt(AdoptContact(user_id=which, contact_id=given, name="Человек"))
            else:
                await book.find(FindContact(value=f"g7-d{which}", name="Группа (Бот)"))
        except (Transient, GatewayError):
            continue
        return


async def test_a_creation_in_doubt_is_waited_for_before_it_is_made_again(db):
    amo = FakeAmo(lag=10_000, faults=["lost"])
    services = services_over(db, amo, next(_accounts))
    book = AccountContacts(services, 900)
    with pytest.raises(OutcomeUnknown):
        await book.find(person(9))
    hidden = amo.made.pop()  # it is not even listed yet
    again = AccountContacts(services, 900)
    for create in (True, False):
        with pytest.raises(Transient, match="not known yet") as caught:
            await again.find_all(FindContacts(people=(person(9),), create=create))
        assert 1 <= caught.value.retry_after_s <= 5
    assert amo.made == []
    amo.made.append(hidden)
    assert await again.find(person(9)) == hidden["id"]
    assert await contact_claims.get(db, 900, ["9"]) == {}


async def test_after_the_wait_a_contact_that_never_came_is_made(db):
    amo = FakeAmo(faults=["lost"])
    book = AccountContacts(services_over(db, amo, 901), 901)
    with pytest.raises(OutcomeUnknown):
        await book.find(person(9))
    amo.made.clear()  # amoCRM lost it
    await db.execute("UPDATE contact_claims SET begun_at = now() - interval '61 seconds'")
    assert await book.find(person(9)) == amo.made[0]["id"]
    assert (await contacts.get(db, 901, 9)).name == "Человек 9"


async def test_many_known_people_cost_one_query_and_no_request(db):
    amo = FakeAmo()
    book = AccountContacts(services_over(db, amo, 902), 902)
    people = tuple(person(user_id) for user_id in range(1000, 1120))
    first = await book.find_all(FindContacts(people=people))
    assert len(set(first.values())) == len(people)
    asked, made = amo.asked, len(amo.made)
    assert await AccountContacts(services_over(db, amo, 902), 902).find_all(FindContacts(people=people)) == first
    assert (amo.asked, len(amo.made)) == (asked, made)


async def test_one_person_whom_amocrm_refuses_spoils_nothing_for_the_others(db):
    amo = FakeAmo(faults=["refused", "none", "refused", "refused", "none"])
    book = AccountContacts(services_over(db, amo, 903), 903)
    found = await book.find_all(FindContacts(people=(person(1), person(2), person(3))))
    assert sorted(found) == ["1", "3"]
    assert await contact_claims.get(db, 903, ["2"]) == {}
