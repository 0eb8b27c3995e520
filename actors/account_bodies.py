"""Bodies of outbox rows about an account itself: its installation, its setup, its end, the mending of gaps,
and what the seller's controller is told of it."""

from __future__ import annotations

from typing import ClassVar, Literal

from dealgram.actors.body_parts import Body


class ExchangeCode(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Turn the code of an installation into tokens (lane: the installation). ``code`` is sealed."""

    kind: ClassVar[str] = "install.exchange"

    install_key: str
    host: str
    code: bytes


class ReadGrant(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Look at the account that new tokens belong to, and connect it (lane: the installation). The tokens are sealed."""

    kind: ClassVar[str] = "install.read"

    install_key: str
    host: str
    access_token: bytes
    refresh_token: bytes
    expires_in_s: int
    granted_at_s: float


class SetUpStep(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Carry out one step of an account's setup (lane ``setup``)."""

    kind: ClassVar[str] = "setup.step"

    step: str


class TryAccess(Body, frozen=True, kw_only=True, omit_defaults=True):
    """See whether amoCRM still refuses the tokens of an account that waits for its authorisation (lane ``setup``)."""

    kind: ClassVar[str] = "setup.access"


class NoteRemoval(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Find out whether the integration really was removed, and if so, end the account's connection (lane ``life``)."""

    kind: ClassVar[str] = "account.removal"

    told: bool = True


class DropWebhook(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Take off the webhook of a bot whose account was removed (lane ``life``)."""

    kind: ClassVar[str] = "account.webhook"

    bot_id: int


class PlanRepair(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Choose the chats that are to be compared after an outage (lane: the account's repair). Times are Unix ms."""

    kind: ClassVar[str] = "repair.plan"

    since_ms: int
    until_ms: int


class CompareChat(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Compare a chat of amoCRM with what was taken in, and take in what is missing (lane: the account's repair)."""

    kind: ClassVar[str] = "repair.chat"

    conversation: str
    chat_uuid: str
    since_ms: int
    until_ms: int


class CountGivenUp(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Count a comparison that ended as a dead letter (lane: the account's repair). ``since_ms``: the plan itself ended
    so, and the gap that began then (Unix ms) is left to the next comparison."""

    kind: ClassVar[str] = "repair.given_up"

    since_ms: int | None = None


class ForwardRegistration(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Tell the seller's controller of a registration as it then is (lane ``controller``). ``status`` is that of the
    revision which caused it, so that the controller hears of every switching on and off."""

    kind: ClassVar[str] = "controller.registration"

    registration_key: str
    revision: int
    status: Literal["Y", "N"]


class TellConnected(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Tell the seller's controller that an account was connected (lane ``controller``)."""

    kind: ClassVar[str] = "controller.connected"

    told_account: int


class NoteNotForwarded(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Note that a registration was not passed on, for it ended as a dead letter (lane ``controller``)."""

    kind: ClassVar[str] = "controller.given_up"

    registration_key: str
    revision: int


class GiveTask(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Tell an administrator, by a task in amoCRM, that the account's time is nearly or wholly over (lane: the user's
    tasks). Times in Unix seconds or, of the period's end, milliseconds."""

    kind: ClassVar[str] = "account.task"

    user_id: int
    phase: Literal["ending", "lapsed"]
    until_ms: int
    text: str
    complete_till_s: int
