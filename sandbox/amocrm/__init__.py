"""A simulated amoCRM, held to the documentation: OAuth, REST v4, Chats API, and the people who work in it."""

from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.attachments import Attachment
from dealgram.sandbox.amocrm.conversations import (
    BotAnswer,
    ChatOption,
    FeedItem,
    Quoted,
    Reaction,
    SimChat,
    SimMessage,
    SimUnsorted,
)
from dealgram.sandbox.amocrm.crm_hooks import CrmHookRecord
from dealgram.sandbox.amocrm.events import Change, Subscription
from dealgram.sandbox.amocrm.file_host import FileHost
from dealgram.sandbox.amocrm.hook_faults import HookFaults
from dealgram.sandbox.amocrm.hooks import HookRecord
from dealgram.sandbox.amocrm.records import SimChannel, SimIntegration, SimPipeline, SimSource, SimUser
from dealgram.sandbox.amocrm.server_calls import ServerCall
from dealgram.sandbox.amocrm.simulator import AmoSimulator
from dealgram.sandbox.amocrm.switches import Switches

__all__ = [
    "AmoSimulator",
    "Attachment",
    "BotAnswer",
    "Change",
    "ChatOption",
    "CrmHookRecord",
    "FeedItem",
    "FileHost",
    "HookFaults",
    "HookRecord",
    "Quoted",
    "Reaction",
    "ServerCall",
    "SimAccount",
    "SimChannel",
    "SimChat",
    "SimIntegration",
    "SimMessage",
    "SimPipeline",
    "SimSource",
    "SimUnsorted",
    "SimUser",
    "Subscription",
    "Switches",
]
