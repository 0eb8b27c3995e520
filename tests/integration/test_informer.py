"""Registering the widget: before and after the installation, with the seller's controller up, down and unwilling."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import httpx
import pytest
import trio

from dealgram.actors.accounts import connecting
from dealgram.persistence import dead_letters, records, registrations, subscriptions
from dealgram.persistence.records import Registration
from dealgram.playground import ENUM_ID, INTEGRATION, WIDGET_NAME
from dealgram.sandbox.amocrm import disposable
from dealgram.service import open_service

NAME, PHONE = "Анна Киммерийская", "+7 (999) 123-45-67"
PERSONAL = (NAME, "Киммерийск", "9991234567", "123-45-67")


@dataclass
class Modal:
    """The widget's settings window in one account: what its form sends to the service."""

    stage: object
    account: object
    browser: httpx.AsyncClient

    @property
    def origin(self) -> str:
        return self.stage.playground.url_of(self.account)

    @property
    def token(self) -> str:
        user = next(iter(self.account.users.values()))
        return disposable.mint(self.stage.amo.world, self.account, user)

    async def send(self, *, token: bool, origin: str | None = None, **form) -> httpx.Response:
        said = {
            "userName": NAME,
            "userPhone": PHONE,
            "account": str(self.account.id),
            "accountSubdomain": self.account.subdomain,
            "widgetName": "as the widget says",
            "termsOfUse": True,
            "widgetStatus": "Y",
            "client_uuid": INTEGRATION.client_id,
            "enumId": 1,
        }
        headers = {"Origin": origin or self.origin} | ({"X-Auth-Token": self.token} if token else {})
        url = f"{self.stage.service.services.public_url}/widget_controller/informer"
        return await self.browser.post(url, json=said | form, headers=headers)

    async def save(self, *, token: bool = True, **form) -> None:
        answer = await self.send(token=token, **form)
        assert (answer.status_code, answer.json()) == (200, {"ok": True}), answer.text
        assert answer.headers["access-control-allow-origin"] == self.origin

    async def row(self) -> Registration:
        """The verified registration."""
        found = await registrations.get(self.stage.service.services.db, registrations.key_of_account(self.account.id))
        assert found is not None
        return found

    async def trial(self):
        return await subscriptions.get(self.stage.service.services.db, self.account.id)


@pytest.fixture
async def modal(empty_stage):
    await empty_stage.playground.open_host(empty_stage.world.account)
    async with httpx.AsyncClient(timeout=30) as browser:
        yield Modal(empty_stage, empty_stage.world.account, browser)


@pytest.fixture(autouse=True)
def _nothing_personal_is_logged(caplog, capsys):
    caplog.set_level(logging.DEBUG)
    yield
    logged = "\n".join(f"{record.getMessage()} {record.exc_text or ''}" for record in caplog.records)
    printed = capsys.readouterr()  # where structlog writes as long as nobody has configured it
    logged += printed.out + printed.err
    assert "stopp" in logged, "nothing was logged at all"
    for word in PERSONAL:
        assert word not in logged, word


async def assert_journal_names_nobody(service) -> None:
    for column, table in (("payload", "inbox"), ("body", "outbox"), ("body", "dead_letters"), ("error", "outbox")):
        for record in await service.services.db.fetch(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL"):
            value = record[column]
            text = value if isinstance(value, str) else value.decode()
            assert not any(word in text for word in (*PERSONAL, "79991234567")), table


async def heard(stage, count: int):
    """Wait until the controller has taken so many news."""
    with trio.fail_after(30):
        await stage.playground.controller.until(lambda: len(stage.playground.controller.news) >= count)
    await stage.quiet()
    assert len(stage.playground.controller.news) == count
    return stage.playground.controller.news


def registration(modal: Modal, **changes) -> dict:
    return {
        "userName": NAME,
        "userPhone": "79991234567",
        "account": modal.account.id,
        "accountSubdomain": modal.account.subdomain,
        "widgetName": WIDGET_NAME,
        "termsOfUse": True,
        "widgetStatus": "Y",
        "client_uuid": INTEGRATION.client_id,
        "enumId": int(ENUM_ID),
    } | changes


async def test_whichever_comes_first_the_form_or_the_installation(empty_stage, running, modal):
    stage, account = empty_stage, modal.account
    connected = {"client_uuid": INTEGRATION.client_id, "account_id": account.id}
    async with running(stage) as service:
        db = service.services.db
        # amoCRM gives no token yet: it is kept, passed on, and begins nothing.
        await modal.save(token=False, userName="Пока неизвестно")
        assert await modal.trial() is None
        assert (await heard(stage, 1))[0] == registration(modal, userName="Пока неизвестно")
        # With a token of an account that has not been connected:
        await modal.save()
        began = await modal.trial()
        assert (await modal.row()).account_id == account.id
        assert (await heard(stage, 2))[1] == registration(modal)
        # The account is connected: what was sent without a token is its own now, and goes when the account goes.
        await stage.playground.connect_account(service, account)
        assert (await heard(stage, 3))[2] == connected
        verified, stranger = await registrations.for_account(db, account.id)
        assert (verified.is_verified, stranger.is_verified) == (True, False)
        assert (verified.client_name, stranger.client_name) == (NAME, "Пока неизвестно")
        # Saved again as it is: nothing changes and nobody is told. The trial began once.
        await modal.save()
        assert await modal.row() == verified
        assert await modal.trial() == began
        # What somebody sends without a token changes nothing of what was proved.
        await modal.save(token=False, userName="Кто-то другой")
        assert await modal.row() == verified
        await heard(stage, 4)
        # Switched off, with an empty form, and on again.
        await modal.save(widgetStatus="N", userName="", userPhone="", termsOfUse=False)
        await modal.save()
        news = await heard(stage, 6)
        assert list(news)[4:] == [registration(modal, widgetStatus="N"), registration(modal)]
        assert (await modal.row()).forward_state == "done"
        assert (await modal.row()).consented_at == verified.consented_at
        assert await modal.trial() == began
        foreign = await modal.send(token=False, origin="https://evil.example")
        assert (foreign.status_code, foreign.json()["error"]["code"]) == (403, "foreign_origin")
        assert "access-control-allow-origin" not in foreign.headers
        await assert_journal_names_nobody(service)
        await stage.assert_undisturbed()
        # Reinstalled: told again, and no second trial.
        await stage.playground.connect_account(service, account)
        assert (await heard(stage, 7))[6] == connected
        assert (await modal.trial()).trial_until == began.trial_until
        # And by the command line.
        await connecting.connect_account(service.services, modal.origin, stage.amo.issue_code(account))
        assert (await heard(stage, 8))[7] == connected
    stage.assert_clean()


async def test_a_controller_that_is_away_is_told_when_it_is_back_and_holds_up_nobody(empty_stage, running, modal):
    stage = empty_stage
    controller = stage.playground.controller
    other = Modal(stage, stage.amo.add_account("other", "Другой аккаунт"), modal.browser)
    await stage.playground.open_host(other.account)
    is_first = lambda facts: facts["body"].get("account") == modal.account.id  # noqa: E731
    held = controller.faults.hold("registration", when=is_first)
    with trio.CancelScope() as life:  # what is cancelled says no good-bye: no drain, no last commit
        async with open_service(stage.settings) as service, trio.open_nursery() as nursery:
            bound = await nursery.start(service.run)
            stage.playground.send_hooks_to(bound.url)
            stage.service = service
            await modal.save()
            await modal.save(widgetStatus="N")
            await modal.save(userName="Анна Новая")
            with trio.fail_after(30):
                await held.taken()
            await other.save()
            with trio.fail_after(30):
                await controller.until(lambda: controller.registrations)
            assert [each["account"] for each in controller.registrations] == [other.account.id]
            assert (await modal.row()).forward_state == "pending"
            life.cancel()
    held.release()
    controller.faults.drop_before("registration")
    controller.faults.answer("registration", status=503)
    controller.faults.drop_after("registration")
    async with running(stage) as service:
        with trio.fail_after(30):
            await controller.until(lambda: is_told(controller, modal, "Y", "N", "Y"))
        await stage.quiet()
        assert controller.clients[modal.account.id].name == "Анна Новая"
        assert (await modal.row()).forward_state == "done"
        await assert_journal_names_nobody(service)
        await stage.assert_undisturbed()
    stage.assert_clean()


def is_told(controller, modal: Modal, *states: str) -> bool:
    """Whether the account's states came in this order; each perhaps again, when its answer was lost."""
    came = [each["widgetStatus"] for each in controller.registrations if each["account"] == modal.account.id]
    once = [state for index, state in enumerate(came) if index == 0 or came[index - 1] != state]
    return once == list(states)


async def test_what_the_controller_does_not_want_is_a_dead_letter_that_names_nobody(empty_stage, running, modal):
    stage, controller = empty_stage, empty_stage.playground.controller
    quoting = f'{{"message": "{NAME} {PHONE} is not wanted"}}'
    async with running(stage) as service:
        db = service.services.db
        controller.faults.answer("registration", status=422, body=quoting)
        await modal.save()
        await stage.quiet()
        (letter,) = await dead_letters.list_open(db)
        assert letter.kind == "controller.registration"
        assert "422" in letter.error
        assert not any(word in letter.error + letter.traceback for word in PERSONAL)
        assert (await modal.row()).forward_state == "failed"
        # The operator tries it again:
        assert await dead_letters.retry(db, letter.id) is not None
        await heard(stage, 1)
        assert (await modal.row()).forward_state == "done"
        # Or the person saves again; what did not arrive goes, though nothing has changed.
        controller.faults.answer("registration", status=422, body=quoting)
        await modal.save(userName="Анна Новая")
        await stage.quiet()
        assert (await modal.row()).forward_state == "failed"
        await modal.save(userName="Анна Новая")
        assert (await heard(stage, 2))[1]["userName"] == "Анна Новая"
        await assert_journal_names_nobody(service)
    stage.assert_clean()


async def test_without_a_controller_it_is_kept_and_an_address_is_always_the_present_accounts(
    empty_stage, running, modal
):
    stage = empty_stage
    stage.settings = stage.settings.model_copy(update={"controller_url": None})
    async with running(stage) as service:
        db = service.services.db
        key = registrations.key_of_host(modal.origin)
        await records.upsert(
            db, Registration(registration_key=key, account_id=999, host=modal.origin, client_name="Прежний владелец")
        )
        await modal.save(token=False, userName="", userPhone="", widgetStatus="N")
        found = await registrations.get(db, key)
        assert (found.account_id, found.client_name, found.revision, found.forward_state) == (0, "", 1, "none")
        await stage.playground.connect_account(service, modal.account)
        await stage.quiet()
        assert (await registrations.get(db, key)).account_id == modal.account.id
        await modal.save()
        assert (await modal.row()).forward_state == "none"
        await stage.quiet()
        await stage.assert_undisturbed()
    assert not stage.playground.controller.news
    stage.assert_clean()


async def test_what_two_processes_save_at_the_same_moment_is_merged(modal, stage, monkeypatch):
    """Another process saves the form between our reading and our writing."""
    assert (await modal.send(token=True)).status_code == 200
    db, key, read = stage.service.services.db, registrations.key_of_account(stage.account.account_id), registrations.get

    async def overtaken(db, asked):
        row = await read(db, asked)
        monkeypatch.setattr(registrations, "get", read)
        await records.upsert(db, replace(row, revision=row.revision + 1, client_name="Пётр", phone="79995550000"))
        return row

    before = await read(db, key)
    monkeypatch.setattr(registrations, "get", overtaken)
    assert (await modal.send(token=True, widgetStatus="N", userName="", userPhone="")).status_code == 200
    row = await read(db, key)
    assert (row.revision, row.client_name, row.phone) == (before.revision + 2, "Пётр", "79995550000")
    assert row.status == "N"
