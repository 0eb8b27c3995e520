"""What people do with places on the map: a point, and a live location that moves until it ends.

A move is an `edited_message` with the same live_period, the end is one without it (Bot API: Location.live_period, "for
active live locations only").
"""

from __future__ import annotations

from dealgram.sandbox.telegram.hands import Hands, Place
from dealgram.sandbox.telegram.messages import Stored
from dealgram.sandbox.telegram.world import Json, SimUser


class LocationControls(Hands):
    def share_location(
        self,
        person: SimUser,
        place: Place,
        longitude: float,
        latitude: float,
        *,
        live_period: int | None = None,
        reply_to: int | None = None,
        thread: int | None = None,
    ) -> Json:
        """A point; with `live_period` (seconds) one that is going to move."""
        chat = self._writable(person, place)
        target = self._target(person, chat, reply_to=reply_to, thread=thread)
        content = _location(longitude, latitude, live_period)
        message = self._cloud.post(chat, person, content, reply_to=target.message, topic=target.topic)
        return message.as_message(None)

    def move_location(
        self,
        person: SimUser,
        place: Place,
        message_id: int,
        longitude: float,
        latitude: float,
        heading: int | None = None,
    ) -> Json:
        """The next point of a live location; `heading` in degrees."""
        message = self._live(person, place, message_id)
        content = _location(longitude, latitude, message.content["location"]["live_period"])
        if heading is not None:
            content["location"]["heading"] = heading
        self._cloud.edit(message, content, message.markup)
        return message.as_message(None)

    def stop_location(self, person: SimUser, place: Place, message_id: int) -> Json:
        """The live location ends where it is."""
        message = self._live(person, place, message_id)
        last = message.content["location"]
        self._cloud.edit(message, _location(last["longitude"], last["latitude"], None), message.markup)
        return message.as_message(None)

    def _live(self, person: SimUser, place: Place, message_id: int) -> Stored:
        message = self._message(self._writable(person, place), message_id)
        if message.sender is not person or "live_period" not in message.content.get("location", {}):
            raise ValueError(f"message {message_id} is no live location of {person.name}")
        return message


def _location(longitude: float, latitude: float, live_period: int | None) -> Json:
    location: Json = {"latitude": latitude, "longitude": longitude}
    if live_period is not None:
        location["live_period"] = live_period
    return {"location": location}
