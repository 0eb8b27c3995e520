"""The simulated Telegram. Public names; `TelegramSimulator` is the way in."""

from dealgram.sandbox.telegram.api import LoggedCall
from dealgram.sandbox.telegram.events import ChangeEvent, Subscription
from dealgram.sandbox.telegram.limits import Limits
from dealgram.sandbox.telegram.served import ServedTelegram, served
from dealgram.sandbox.telegram.simulator import TelegramSimulator
from dealgram.sandbox.telegram.switches import Switches
from dealgram.sandbox.telegram.world import SimBot, SimChat, SimUser

__all__ = [
    "ChangeEvent",
    "Limits",
    "LoggedCall",
    "ServedTelegram",
    "SimBot",
    "SimChat",
    "SimUser",
    "Subscription",
    "Switches",
    "TelegramSimulator",
    "served",
]
