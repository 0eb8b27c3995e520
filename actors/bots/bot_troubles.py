"""What can be wrong with a bot's connection, by code.

Owns the codes under which troubles are kept in ``bots.troubles`` (code → since when, and a Russian sentence), who may
set which, and which are only warnings: the bot works, but not as far as it could. Several writers keep troubles (the
check-up, the comparison of sources, the pollers), so each clears only codes of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PRIVACY_MODE = "privacy_mode"
CANNOT_JOIN_GROUPS = "cannot_join_groups"
PROFILE = "profile"
TOKEN_REVOKED = "token_revoked"  # noqa: S105 - the name of a trouble
FOREIGN_WEBHOOK = "foreign_webhook"
WEBHOOK_UNSET = "webhook_unset"
OTHER_POLLER = "other_poller"
SOURCE_LIMIT = "source_limit"
SOURCE_REFUSED = "source_refused"
PIPELINE_ARCHIVED = "pipeline_archived"
MANY_SOURCES = "many_sources"

WARNINGS = frozenset({PRIVACY_MODE, CANNOT_JOIN_GROUPS, PROFILE, MANY_SOURCES})
OF_WEBHOOK = frozenset({FOREIGN_WEBHOOK, WEBHOOK_UNSET})
"""What a look at the bot's webhook finds or finds gone."""
OF_CHECKUP = frozenset({PRIVACY_MODE, CANNOT_JOIN_GROUPS, PROFILE, TOKEN_REVOKED}) | OF_WEBHOOK
"""What a check-up at Telegram finds or finds gone."""
OF_SOURCES = frozenset({SOURCE_LIMIT, SOURCE_REFUSED, PIPELINE_ARCHIVED, MANY_SOURCES})
"""What the comparison with amoCRM's sources finds or finds gone."""


def sentences(troubles: Mapping[str, Any]) -> list[str]:
    """The stored troubles as people read them: what stops the bot first, then warnings."""
    ordered = sorted(troubles, key=lambda code: (code in WARNINGS, code))
    return [str(troubles[code].get("detail") or code) for code in ordered]
