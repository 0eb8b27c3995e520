"""What managers read about answers on their way to Telegram, besides refusals (see ``refusals``)."""

from __future__ import annotations


def wait_line(moment: str) -> str:
    """Telegram makes the chat wait. amoCRM shows this as an error that may stay, so it must be true later as well."""
    return f"Telegram просит подождать до {moment}. Сообщение уйдёт само."


def slow_mode_line(moment: str) -> str:
    """The same, where it is known that the group's slow mode is the reason."""
    return (
        f"В группе включён медленный режим, Telegram просит подождать до {moment}. Сообщение уйдёт само. "
        "Администраторов группы медленный режим не касается: сделайте бота администратором, чтобы не ждать."
    )
