"""`dealgram doctor` against the simulators: a healthy account, sick ones, and what a probe finds out in each position
of the doubtful points."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dealgram.actors.accounts.doctor import EXAMINATIONS, Verdict, examine
from dealgram.actors.accounts.probe import NAME, Probe, ProbeRefusedError, Shown, recommend
from dealgram.actors.groups.plan import Policy
from dealgram.persistence import accounts

pytestmark = pytest.mark.slow


async def look(stage):
    services = stage.service.services
    row = await accounts.get(services.db, stage.account.account_id)
    heard = []
    found = await examine(services, row, heard.append)
    assert heard == found
    return found


def of(findings, subject):
    return [finding for finding in findings if finding.subject == subject]


def verdicts(findings, subject):
    return {finding.verdict for finding in of(findings, subject)}


async def test_a_healthy_account_is_found_healthy(stage):
    findings = await look(stage)
    assert {finding.subject for finding in findings} == {"token", *EXAMINATIONS}
    assert [finding for finding in findings if finding.verdict is Verdict.FAILED] == []
    assert verdicts(findings, "sources") == {Verdict.OK}
    assert len(of(findings, "sources")) == len(stage.world.bots)
    stage.assert_clean()


async def test_what_is_wrong_is_found(stage):
    world, account = stage.world, stage.world.account
    stage.amo.archive_pipeline(account, world.service.id)
    sales = next(one for one in stage.amo.sources(account) if one.pipeline_id == world.sales.id)
    stage.amo.delete_source(account, sales.id)
    field = account.field("contacts", code="TELEGRAM_ID")
    field.code = "SOMETHING_ELSE"
    stage.amo.add_user(account, "Новый Сотрудник", has_chats=False)
    stage.telegram.revoke_token(world.sales_bot)
    stage.amo.disconnect(account)

    findings = await look(stage)
    assert [finding.verdict for finding in of(findings, "sources")] == [Verdict.FAILED, Verdict.FAILED]
    assert any("has no source" in finding.text for finding in of(findings, "sources"))
    assert any("is archived" in finding.text for finding in of(findings, "sources"))
    assert Verdict.FAILED in verdicts(findings, "field")
    assert Verdict.FAILED in verdicts(findings, "channel")
    assert any("Новый Сотрудник" in finding.text for finding in of(findings, "users"))
    assert any("does not accept the token" in finding.text for finding in of(findings, "bots"))
    assert verdicts(findings, "token") == {Verdict.OK}


async def test_without_a_token_the_rest_is_not_guessed(stage):
    stage.amo.uninstall(stage.world.account)
    await accounts.set_status(stage.service.services.db, stage.account.account_id, "reauthorise")
    findings = await look(stage)
    assert verdicts(findings, "token") == {Verdict.FAILED}
    assert verdicts(findings, "rights") == verdicts(findings, "sources") == {Verdict.SKIPPED}
    assert verdicts(findings, "channel") == {Verdict.FAILED}
    assert Verdict.FAILED not in verdicts(findings, "bots")


async def probe(stage):
    services = stage.service.services
    row = await accounts.get(services.db, stage.account.account_id)
    doing = []
    seen = await Probe(services, row, on_progress=doing.append).run()
    assert len(doing) > 3
    return seen


def answer(seen, point, words):
    return next(one for one in seen.answers if one.point == point and words in one.question)


async def test_a_probe_is_for_technical_accounts_only(stage):
    before = len(stage.world.account.contacts)
    with pytest.raises(ProbeRefusedError, match="no technical account"):
        await probe(stage)
    assert len(stage.world.account.contacts) == before


async def test_a_probe_in_the_documented_positions(stage):
    account = stage.world.account
    account.is_technical = True
    deals = set(account.leads)
    seen = await probe(stage)
    assert (seen.follows_latest, seen.stays, seen.link_refreshes) == (True, True, True)
    assert set(account.leads) - deals == set(seen.deals)
    assert {account.leads[deal].name[: len(NAME)] for deal in seen.deals} == {NAME}
    assert all(one.settled for one in seen.answers)
    assert "delivery_status + status_code" in answer(seen, "1", "delivery status").text
    assert "same id" in answer(seen, "6", "msgid").text
    assert "each keeps their name" in answer(seen, "9", "several people").text
    assert recommend(seen)[0] is Policy.DEAL_PARTICIPANT
    seen.shown = Shown.EVERY
    assert recommend(seen)[0] is Policy.DEAL
    assert await stage.count("SELECT count(*) FROM contacts WHERE contact_id = $1", seen.contact) == 0


@pytest.mark.parametrize(
    ("change", "point", "words", "text"),
    [
        ({"repeated_link": "keeps"}, "10", "once more", "changes nothing"),
        ({"duplicate_msgid": "refuse"}, "6", "msgid", "refused"),
        ({"delivery_field": "status_code"}, "1", "delivery status", "accepted: status_code"),
        ({"message_ids": "ours"}, "5", "ids in the answer", "ours"),
        ({"text_limit": 4096}, "18", "characters", "refused"),
        ({"contact_query": "word"}, "16", "match", "whole words"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
async def test_a_probe_tells_the_other_positions(stage, change, point, words, text):
    stage.world.account.is_technical = True
    stage.amo.switches = replace(stage.amo.switches, **change)
    seen = await probe(stage)
    assert text in answer(seen, point, words).text
    expected = Policy.DEAL if "repeated_link" in change else Policy.DEAL_PARTICIPANT
    assert recommend(seen)[0] is expected
