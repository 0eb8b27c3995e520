"""How a bot is, for whoever runs the account: the badge, what it stands for, and what to do about it. Pure.

What stops a bot makes it red, what keeps it from all that it could do makes it orange (`bot_troubles.WARNINGS` draws
the line). Promises: there is always a title; every detail says what to do; what amoCRM says of the pipeline at this
moment counts for more than what the last check-up has noted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from dealgram.actors.bots import bot_texts, bot_troubles
from dealgram.actors.desk import desk_texts
from dealgram.actors.desk.views import Action, Detail, Level, PipelineView, Status
from dealgram.gateways.amocrm import Pipeline

CONNECTING = "connecting"
Hold = Literal["lapsed", "reauthorise", "amocrm_trouble"]
"""Why nothing goes to amoCRM for the account as a whole."""

ACTIONS: Mapping[str, Action] = {
    bot_troubles.TOKEN_REVOKED: "replace_token",
    bot_troubles.OTHER_POLLER: "replace_token",
    bot_troubles.FOREIGN_WEBHOOK: "take_back",
    bot_troubles.PIPELINE_ARCHIVED: "choose_pipeline",
    bot_troubles.WEBHOOK_UNSET: "check",
    bot_troubles.SOURCE_LIMIT: "check",
    bot_troubles.SOURCE_REFUSED: "check",
    bot_troubles.PRIVACY_MODE: "check",
    bot_troubles.CANNOT_JOIN_GROUPS: "check",
    bot_troubles.PROFILE: "check",
}
NO_INTAKE = frozenset(
    {bot_troubles.TOKEN_REVOKED, bot_troubles.FOREIGN_WEBHOOK, bot_troubles.WEBHOOK_UNSET, CONNECTING}
)
"""With one of these the bot hears nothing, in none of its groups."""
_HOLDS: Mapping[Hold, str] = {
    "lapsed": desk_texts.LAPSED,
    "reauthorise": desk_texts.REAUTHORISE,
    "amocrm_trouble": desk_texts.AMOCRM_TROUBLE,
}
_WORST_FIRST: tuple[Level, ...] = ("error", "warning", "ok")


@dataclass(frozen=True, slots=True, kw_only=True)
class BotFacts:
    """What is known of a bot. ``troubles`` as stored: code → ``detail`` and ``since``. ``is_trusted``: it has groups,
    and is an administrator of each: Telegram shows it every message there, whatever its privacy mode."""

    username: str
    status: str
    pipeline: PipelineView
    troubles: Mapping[str, Any] = field(default_factory=dict)
    hold: Hold | None = None
    is_trusted: bool = False


def pipeline_view(
    pipeline_id: int | None, known: Sequence[Pipeline] | None, troubles: Mapping[str, Any]
) -> PipelineView:
    """The bot's pipeline as amoCRM has it now; as the last check-up found it, while amoCRM does not say."""
    found = next((one for one in known or () if one.id == pipeline_id), None)
    if found is not None:
        return PipelineView(id=pipeline_id, name=found.name, state="archived" if found.is_archive else "ok")
    if pipeline_id is not None and known is not None:
        return PipelineView(id=pipeline_id, name=None, state="deleted")
    noted = bot_troubles.PIPELINE_ARCHIVED in troubles
    return PipelineView(id=pipeline_id, name=None, state="archived" if noted else "unknown")


def bot_status(facts: BotFacts) -> Status:
    """The bot's badge with everything that stands behind it."""
    found = [(_level(detail.code), detail) for detail in _details(facts)]
    found.sort(key=lambda each: (_WORST_FIRST.index(each[0]), _weight(each[1].code)))
    if not found:
        return Status(level="ok", title=desk_texts.CONNECTED)
    level, first = found[0]
    title = desk_texts.BOT_TITLES.get(first.code, desk_texts.ATTENTION)
    return Status(level=level, title=title, details=tuple(detail for _, detail in found))


def hears_nothing(status: Status) -> bool:
    """Whether no message of any group reaches the bot."""
    return any(detail.code in NO_INTAKE for detail in status.details)


def _details(facts: BotFacts) -> list[Detail]:
    if facts.status == "connecting":
        return [Detail(code=CONNECTING, text=desk_texts.CONNECTING)]
    troubles = {code: _sentence(code, kept) for code, kept in facts.troubles.items()}
    if facts.is_trusted:
        troubles.pop(bot_troubles.PRIVACY_MODE, None)
    if facts.status == "revoked":
        troubles.setdefault(bot_troubles.TOKEN_REVOKED, bot_texts.token_revoked(facts.username))
        # Whatever else was wrong with it: nothing is, until it has a token.
        troubles = {code: troubles[code] for code in troubles if code not in bot_troubles.OF_CHECKUP - _TOKEN}
        troubles.pop(bot_troubles.OTHER_POLLER, None)
    match facts.pipeline.state:
        case "ok":
            troubles.pop(bot_troubles.PIPELINE_ARCHIVED, None)
        case "archived" if facts.pipeline.name is not None:
            troubles[bot_troubles.PIPELINE_ARCHIVED] = bot_texts.bots_pipeline_archived(facts.pipeline.name)
        case "deleted":
            troubles[bot_troubles.PIPELINE_ARCHIVED] = bot_texts.bots_pipeline_gone()
        case _:
            pass
    details = [Detail(code=code, text=text, action=ACTIONS.get(code)) for code, text in troubles.items()]
    if facts.hold is not None:
        details.append(Detail(code=facts.hold, text=_HOLDS[facts.hold]))
    return details


_TOKEN = frozenset({bot_troubles.TOKEN_REVOKED})
_ORDER = tuple(desk_texts.BOT_TITLES)


def _weight(code: str) -> tuple[int, str]:
    return (_ORDER.index(code) if code in _ORDER else len(_ORDER), code)


def _level(code: str) -> Level:
    return "warning" if code in bot_troubles.WARNINGS or code == CONNECTING or code in _HOLDS else "error"


def _sentence(code: str, kept: Any) -> str:
    said = str(kept.get("detail") or "") if isinstance(kept, Mapping) else ""
    advice = desk_texts.ADVICE.get(code) or (desk_texts.UNKNOWN_ADVICE if code not in ACTIONS or not said else "")
    if said and said[-1] not in ".!?…":
        said += "."
    return " ".join(part for part in (said, advice) if part)
