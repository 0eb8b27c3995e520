"""What the settings page says of bots and groups: a badge for everything, and never a problem without what to do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors.bots import bot_texts, bot_troubles
from dealgram.actors.desk import desk_texts, search
from dealgram.actors.desk.bot_status import (
    ACTIONS,
    CONNECTING,
    BotFacts,
    bot_status,
    hears_nothing,
    pipeline_view,
)
from dealgram.actors.desk.group_status import GroupFacts, group_status
from dealgram.actors.desk.views import DealView, PipelineView
from dealgram.gateways.amocrm import Pipeline

SENTENCES = {
    bot_troubles.PRIVACY_MODE: bot_texts.privacy_mode("a_bot"),
    bot_troubles.CANNOT_JOIN_GROUPS: bot_texts.cannot_join_groups("a_bot"),
    bot_troubles.PROFILE: bot_texts.profile_unset(),
    bot_troubles.TOKEN_REVOKED: bot_texts.token_revoked("a_bot"),
    bot_troubles.FOREIGN_WEBHOOK: bot_texts.webhook_taken("other.example"),
    bot_troubles.WEBHOOK_UNSET: bot_texts.webhook_unset("bad webhook: HTTPS url must be provided"),
    bot_troubles.OTHER_POLLER: bot_texts.other_poller(),
    bot_troubles.SOURCE_LIMIT: bot_texts.source_gone_limit(50),
    bot_troubles.SOURCE_REFUSED: bot_texts.source_refused("no rights"),
    bot_troubles.PIPELINE_ARCHIVED: bot_texts.bots_pipeline_gone(),
    bot_troubles.MANY_SOURCES: bot_texts.many_sources(51, 50),
}
"""Every trouble, as it is stored."""
WHAT_TO_DO = (
    "провер",
    "напишите",
    "отключите",
    "выключите",
    "включите",
    "разреш",
    "выберите",
    "подключите",
    "добавьте",
    "остановите",
    "повторим",
    "продлена",
    "сохраняются",
    "верните",
    "восстановите",
    "сделайте",
    "свяжите",
    "что делать",
)
"""Every detail has one of these words: it tells somebody to do something, or that it mends itself."""
PIPELINE = PipelineView(id=1, name="Продажи", state="ok")
pipelines = st.sampled_from(
    [
        PIPELINE,
        PipelineView(id=1, name="Старая", state="archived"),
        PipelineView(id=1, name=None, state="archived"),
        PipelineView(id=1, name=None, state="deleted"),
        PipelineView(id=None, name=None, state="unknown"),
    ]
)
troubles = st.sets(st.sampled_from([*SENTENCES, "of_a_newer_version"])).map(
    lambda codes: {code: {"since": "2026-01-01", "detail": SENTENCES.get(code, "Новая беда")} for code in codes}
)
bots = st.builds(
    BotFacts,
    username=st.just("a_bot"),
    status=st.sampled_from(["active", "revoked", "connecting"]),
    pipeline=pipelines,
    troubles=troubles,
    hold=st.sampled_from([None, "lapsed", "reauthorise", "amocrm_trouble"]),
    is_trusted=st.booleans(),
)


def active(*codes: str, pipeline: PipelineView = PIPELINE, **more) -> BotFacts:
    kept = {code: {"detail": SENTENCES[code]} for code in codes}
    return BotFacts(**{"username": "a_bot", "status": "active", "pipeline": pipeline, "troubles": kept, **more})


def test_every_trouble_that_is_kept_is_known_here():
    assert set(SENTENCES) == bot_troubles.OF_CHECKUP | bot_troubles.OF_SOURCES | {bot_troubles.OTHER_POLLER}
    assert set(SENTENCES) <= set(desk_texts.BOT_TITLES)


@given(bots)
def test_there_is_always_a_badge_and_every_detail_says_what_to_do(facts):
    status = bot_status(facts)
    assert 0 < len(status.title) <= 30
    assert (status.level == "ok") == (status.details == ())
    assert (status.title == desk_texts.CONNECTED) == (status.level == "ok")
    codes = [detail.code for detail in status.details]
    assert len(codes) == len(set(codes))
    for detail in status.details:
        assert any(word in detail.text.lower() for word in WHAT_TO_DO), detail
        assert detail.text[-1] in ".!?", detail
        assert detail.action == ACTIONS.get(detail.code)


@given(bots)
def test_a_bot_is_red_when_something_stops_it_and_orange_when_something_limits_it(facts):
    status = bot_status(facts)
    codes = {detail.code for detail in status.details}
    mild = bot_troubles.WARNINGS | {CONNECTING, "lapsed", "reauthorise", "amocrm_trouble"}
    assert status.level == ("error" if codes - mild else "warning" if codes else "ok")
    if codes - mild:
        assert status.details[0].code not in mild, "the worst comes first"
    assert hears_nothing(status) == bool(
        codes & {bot_troubles.TOKEN_REVOKED, bot_troubles.FOREIGN_WEBHOOK, bot_troubles.WEBHOOK_UNSET, CONNECTING}
    )


@given(bots)
def test_nothing_is_hidden_that_can_be_done_something_about(facts):
    codes = {detail.code for detail in bot_status(facts).details}
    if facts.status == "active":
        hidden = set(facts.troubles) - codes
        expected = {bot_troubles.PIPELINE_ARCHIVED} if facts.pipeline.state == "ok" else set()
        # An administrator of all its groups is shown every message, whatever the bot's privacy mode is.
        assert hidden <= expected | ({bot_troubles.PRIVACY_MODE} if facts.is_trusted else set())
        if facts.pipeline.state == "deleted":
            assert bot_troubles.PIPELINE_ARCHIVED in codes
    if facts.status == "revoked":
        assert bot_troubles.TOKEN_REVOKED in codes
    if facts.status != "connecting" and facts.hold is not None:
        assert facts.hold in codes


@pytest.mark.parametrize(
    ("facts", "level", "title", "action"),
    [
        (active(), "ok", "Подключён", None),
        (active(bot_troubles.PRIVACY_MODE), "warning", "Видит не всё в группах", "check"),
        (active(bot_troubles.PRIVACY_MODE, is_trusted=True), "ok", "Подключён", None),
        (
            active(bot_troubles.PRIVACY_MODE, bot_troubles.FOREIGN_WEBHOOK),
            "error",
            "Бота забрал другой сервис",
            "take_back",
        ),
        (active(status="revoked"), "error", "Токен не действует", "replace_token"),
        (
            active(pipeline=PipelineView(id=1, name=None, state="deleted")),
            "error",
            "Нужна другая воронка",
            "choose_pipeline",
        ),
        (active(bot_troubles.PIPELINE_ARCHIVED), "ok", "Подключён", None),
        (active(hold="lapsed"), "warning", "Приостановлен: нет оплаты", None),
        (active(status="connecting"), "warning", "Подключается", None),
    ],
    ids=["ok", "privacy", "trusted", "taken", "revoked", "deleted", "back from the archive", "lapsed", "connecting"],
)
def test_badges(facts, level, title, action):
    status = bot_status(facts)
    assert (status.level, status.title) == (level, title)
    assert [detail.action for detail in status.details][:1] == ([action] if status.details else [])


def test_the_pipeline_is_as_amocrm_has_it_now():
    known = [Pipeline(id=1, name="Продажи"), Pipeline(id=2, name="Старая", is_archive=True)]
    noted = {bot_troubles.PIPELINE_ARCHIVED: {"detail": "…"}}
    assert pipeline_view(1, known, noted) == PipelineView(id=1, name="Продажи", state="ok")
    assert pipeline_view(2, known, {}) == PipelineView(id=2, name="Старая", state="archived")
    assert pipeline_view(3, known, {}) == PipelineView(id=3, name=None, state="deleted")
    assert pipeline_view(1, None, {}) == PipelineView(id=1, name=None, state="unknown")
    assert pipeline_view(1, None, noted) == PipelineView(id=1, name=None, state="archived")
    assert pipeline_view(None, known, {}) == PipelineView(id=None, name=None, state="unknown")


def deal(state: str = "open") -> DealView:
    return DealView(
        deal_id=5, name="Кухня", url="https://a.amocrm.ru/leads/detail/5", state=state, topic=None, linked_at=None
    )


groups = st.builds(
    GroupFacts,
    state=st.sampled_from(["member", "administrator", "left"]),
    username=st.just("a_bot"),
    sees_everything=st.booleans(),
    bot_down=st.sampled_from([None, "Токен не действует"]),
)
deals = st.lists(st.sampled_from(["open", "won", "lost", "deleted"]).map(deal), max_size=6)


@given(groups, deals)
def test_a_group_has_a_badge_and_every_detail_says_what_to_do(facts, linked):
    status = group_status(facts, linked)
    codes = [detail.code for detail in status.details]
    assert 0 < len(status.title) <= 30
    for detail in status.details:
        assert any(word in detail.text.lower() for word in WHAT_TO_DO), detail
        assert detail.action is None
    assert ("left" in codes) == (facts.state == "left")
    assert ("bot_down" in codes) == (facts.bot_down is not None)
    assert ("sees_little" in codes) == (facts.state == "member" and not facts.sees_everything)
    assert ("deal_deleted" in codes) == any(one.state == "deleted" for one in linked)
    assert ("not_linked" in codes) == (not linked)
    worst = "error" if {"left", "bot_down"} & set(codes) else "warning" if set(codes) - {"not_linked"} else "ok"
    assert status.level == worst
    if worst == "ok":
        assert status.title == ("Связана" if linked else "Не связана")


def test_a_group_without_rights_under_privacy_mode_is_told_what_to_do():
    facts = GroupFacts(state="member", username="a_bot", sees_everything=False)
    (detail,) = group_status(facts, [deal()]).details
    assert "администратором" in detail.text
    assert "/setprivacy" in detail.text


# Search


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("кофе", "Кофейня «Полдень»"),
        ("КОФЕ", "кофейня"),
        ("елка", "Ёлка и К°"),
        ("ЁЛК", "елка"),
        ("полд кофе", "Кофейня «Полдень»"),
        ("  кофе  ", "Кофейня"),
        ("қаз", "ҚАЗАҚ тобы"),
        ("@sever", "Север\n@sever_bot"),
        ("straße", "STRASSE"),
        ("\u0438\u0306од", "Йод"),
    ],
)
def test_a_part_of_the_name_is_found_however_it_is_typed(query, text):
    assert search.matches(search.words_of(query), text)


@pytest.mark.parametrize(
    ("query", "text"), [("чай", "Кофейня"), ("кофе чай", "Кофейня"), ("%", "Кофейня"), ("_", "Кофе")]
)
def test_what_is_not_there_is_not_found(query, text):
    assert not search.matches(search.words_of(query), text)


@given(st.text(max_size=40), st.data())
def test_every_part_of_a_title_finds_it(title, data):
    normal = search.normal(title)
    start = data.draw(st.integers(0, len(normal)))
    end = data.draw(st.integers(start, len(normal)))
    assert search.matches(search.words_of(normal[start:end]), title)


def test_a_query_of_blanks_asks_for_nothing():
    assert search.words_of(" \t\n ") == ()
    assert search.words_of(None) == ()
