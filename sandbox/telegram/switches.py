"""What can be switched on or off in the simulator, each with the reason why it is not simply on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dealgram.sandbox.telegram.limits import Limits


@dataclass(slots=True, kw_only=True)
class Switches:
    """Defaults are what most tests want; all can be changed while the simulator runs.

    - `limits`: flood control; None lets everything through, so that load tests measure us and not Telegram.
    - `same_offset_throttle`: asking for the same offset again within 3 s is held back (telegram-facts §1.3).
    - `conflict_delay_s`: how late a 409 is answered; the real server takes 3 s when they repeat.
    - `loopback_webhooks`: allow `http://127.0.0.1` addresses, which the real server refuses.
    - `webhook_throttle`: at most one setWebhook a second.
    - `migration_announces_membership`: my_chat_member beside the two service messages of a migration; not documented.
    - `callback_timeout_s`: for how long a button press can be answered; undocumented, about 15 s.
    - `slow_mode_hold_s`: for how long a message that slow mode forbids is held before it is refused; the real server
      holds it up to 10 s (telegram-facts §1.1), 0 refuses at once.
    - `local_files`: a folder makes this a Bot API server of one's own in local mode: getFile names absolute paths in
      it, uploads may have 2000 MB (Bot API: Using a Local Bot API Server).
    """

    limits: Limits | None = None
    same_offset_throttle: bool = False
    conflict_delay_s: float = 0.0
    loopback_webhooks: bool = True
    webhook_throttle: bool = False
    migration_announces_membership: bool = False
    callback_timeout_s: float = 15.0
    slow_mode_hold_s: float = 0.0
    local_files: Path | None = None
