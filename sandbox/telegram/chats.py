"""Methods about chats and their members: getChat, getChatMember, getChatAdministrators,
getChatMemberCount, leaveChat."""

from __future__ import annotations

from dealgram.sandbox.telegram.access import chat_for
from dealgram.sandbox.telegram.cloud import Cloud
from dealgram.sandbox.telegram.errors import bad_request
from dealgram.sandbox.telegram.files import Files
from dealgram.sandbox.telegram.methods import ChatCall, Method
from dealgram.sandbox.telegram.world import PERMISSIONS, Json, Member, SimBot

_GIFTS = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")


class GetChatMember(ChatCall, kw_only=True):
    user_id: int


class GetChatAdministrators(ChatCall, kw_only=True):
    return_bots: bool = False


class Chats:
    def __init__(self, cloud: Cloud, files: Files) -> None:
        self._cloud = cloud
        self._files = files

    def methods(self) -> dict[str, Method]:
        return {
            "getChat": Method(ChatCall, self.get_chat),
            "getChatMember": Method(GetChatMember, self.get_member),
            "getChatAdministrators": Method(GetChatAdministrators, self.get_administrators),
            "getChatMemberCount": Method(ChatCall, self.get_member_count),
            "leaveChat": Method(ChatCall, self.leave),
        }

    def get_chat(self, bot: SimBot, call: ChatCall) -> Json:
        chat = chat_for(self._cloud.world, bot, call.chat_id)
        full = chat.as_chat() | {
            "accent_color_id": abs(chat.id) % 7,
            "max_reaction_count": 11,
            "accepted_gift_types": dict.fromkeys(_GIFTS, False),
        }
        photo = self._files.photo_of(chat, bot)
        if photo is not None:
            full["photo"] = photo
        if chat.kind != "private":
            full["permissions"] = {name: name not in chat.forbidden for name in PERMISSIONS}
        if chat.allowed_reactions is not None:
            full["available_reactions"] = [
                {"type": "emoji", "emoji": emoji} for emoji in sorted(chat.allowed_reactions)
            ]
        if chat.slow_mode_s:
            full["slow_mode_delay"] = chat.slow_mode_s
        return full

    def get_member(self, bot: SimBot, call: GetChatMember) -> Json:
        chat = chat_for(self._cloud.world, bot, call.chat_id)
        member = chat.members.get(call.user_id)
        if member is not None:
            return member.as_chat_member(chat)
        party = self._cloud.world.people.get(call.user_id) or self._cloud.world.bots.get(call.user_id)
        if party is None:
            raise bad_request("invalid user_id specified")
        return Member(party, "left").as_chat_member(chat)

    def get_administrators(self, bot: SimBot, call: GetChatAdministrators) -> list[Json]:
        chat = chat_for(self._cloud.world, bot, call.chat_id)
        if chat.kind == "private":
            raise bad_request("there are no administrators in the private chat")
        return [
            member.as_chat_member(chat)
            for member in chat.members.values()
            if member.status in ("creator", "administrator")
            and (call.return_bots or member.party is bot or not isinstance(member.party, SimBot))
        ]

    def get_member_count(self, bot: SimBot, call: ChatCall) -> int:
        return sum(1 for _ in chat_for(self._cloud.world, bot, call.chat_id).present())

    def leave(self, bot: SimBot, call: ChatCall) -> bool:
        chat = chat_for(self._cloud.world, bot, call.chat_id)
        if chat.kind == "private":
            raise bad_request("chat member status can't be changed in private chats")
        self._cloud.leave(chat, bot, by=bot)
        return True
