"""What administrators read about their bots, and what a bot says of itself at Telegram: the Russian sentences.

Commands and descriptions keep to the limits of the Bot API: 32 and 256 characters of a command, 512 of a description,
120 of a short one.
"""

from __future__ import annotations

PRIVATE_COMMANDS = (("start", "Начать переписку"),)
GROUP_COMMANDS = (("menu", "Сделки, с которыми связана группа"),)
ADMINISTRATOR_COMMANDS = (("menu", "Связать группу со сделкой или отвязать её"),)
DESCRIPTION = (
    "Напишите нам прямо здесь: ответит живой человек из нашей команды.\n\n"
    "Бота можно добавить и в рабочую группу: тогда переписка группы будет видна менеджеру."
)
SHORT_DESCRIPTION = "Связь с нашей командой: напишите, и мы ответим"

# Refusals of a connection

MALFORMED = (
    "Это не похоже на токен бота. Токен выглядит так: 1234567890:AAF…; скопируйте его целиком из чата с @BotFather."
)
REFUSED = (
    "Telegram не принимает этот токен: он отозван или скопирован с ошибкой. "
    "Возьмите действующий токен у @BotFather командой /token."
)
TELEGRAM_UNAVAILABLE = "Telegram сейчас не отвечает. Бот не подключён; попробуйте ещё раз через несколько минут."
TELEGRAM_SILENT = "Telegram сейчас не отвечает. Попробуйте ещё раз через минуту."
AMOCRM_UNAVAILABLE = "amoCRM сейчас не отвечает. Бот не подключён; попробуйте ещё раз через несколько минут."
AMOCRM_REFUSES = (
    "amoCRM не пускает интеграцию к источникам. Проверьте, что интеграция установлена администратором аккаунта "
    "и не отключена."
)
NOT_CONNECTED = "Такой бот не подключён."
NO_PUBLIC_URL = "публичный адрес dealgram не задан (DEALGRAM_PUBLIC_URL)"
PIPELINE_UNKNOWN = "В аккаунте нет такой воронки."
NO_BOTS_YET = "Во время проверки ботов ещё не было; новый бот проверяется сразу при подключении."


def other_bot(username: str) -> str:
    """The new token of a bot is another bot's."""
    return f"Это токен другого бота. Вставьте токен бота @{username}: его даёт @BotFather по команде /token."


def connected_here(username: str) -> str:
    """The bot is in this account already."""
    return f"Бот @{username} уже подключён к этому аккаунту."


def connected_elsewhere(username: str) -> str:
    """The bot is in another account, whose name is nobody's business here."""
    return f"Бот @{username} подключён к другому аккаунту amoCRM. Сначала отключите его там."


def being_connected(username: str) -> str:
    """Somebody is connecting the bot at this moment."""
    return f"Бота @{username} прямо сейчас кто-то подключает. Подождите две минуты и проверьте список ботов."


def foreign_webhook(username: str, host: str) -> str:
    """Another service takes the bot's updates."""
    return (
        f"Сообщения бота @{username} получает другой сервис ({host}). "
        "Отключите бота там или подтвердите, что его нужно переключить на dealgram: тот сервис перестанет их получать."
    )


def pipeline_archived(name: str) -> str:
    """The pipeline asked for is in the archive."""
    return f"Воронка «{name}» в архиве. Выберите другую воронку или верните эту из архива."


def source_limit(count: int) -> str:
    """amoCRM allows no more sources."""
    return (
        f"amoCRM не даёт создать ещё один источник: их уже {count}, и это предел. "
        "Отключите бота, который больше не нужен, и повторите."
    )


def source_refused(words: str) -> str:
    """amoCRM refuses the source for a reason of its own."""
    return f"amoCRM не создаёт источник для бота: {words}"


# Troubles of a connected bot


def privacy_mode(username: str) -> str:
    """Telegram hides a group's messages from the bot."""
    return (
        f"У бота @{username} включён режим приватности: в группах он видит только команды и ответы на свои сообщения. "
        "Выключите его у @BotFather: /setprivacy → выберите бота → Disable. "
        "Затем удалите бота из каждой группы и добавьте снова или сделайте его администратором группы."
    )


def cannot_join_groups(username: str) -> str:
    """BotFather forbids groups."""
    return (
        f"Бота @{username} нельзя добавлять в группы. Разрешите это у @BotFather: "
        "/setjoingroups → выберите бота → Enable."
    )


def profile_unset() -> str:
    """Commands or texts are not set at Telegram yet."""
    return "Команды и описание бота пока не записаны в Telegram: он просит подождать. Мы повторим сами."


def token_revoked(username: str) -> str:
    """The token is good no more."""
    return (
        f"Telegram больше не принимает токен бота @{username}: токен отозван или бот удалён. "
        "Подключите бота ещё раз с новым токеном: группы, сделки и переписка останутся."
    )


def webhook_taken(host: str) -> str:
    """Another service took the updates of a connected bot."""
    return (
        f"Сообщения бота забрал другой сервис ({host}), сюда они не приходят. Так бывает, когда тот же токен подключён "
        "во встроенном канале Telegram в amoCRM или у другой программы. Отключите бота там или верните его сюда."
    )


def webhook_unset(words: str) -> str:
    """The webhook is gone and cannot be set."""
    return f"Telegram не принимает адрес для сообщений бота: {words}"


def other_poller() -> str:
    """Somebody else fetches the bot's updates with the same token."""
    return (
        "Сообщения этого бота одновременно забирает другая программа с тем же токеном, и часть из них сюда не доходит. "
        "Остановите её или выпустите новый токен у @BotFather (/revoke) и подключите бота с ним."
    )


def source_gone_limit(count: int) -> str:
    """The bot's source was deleted and amoCRM allows no new one."""
    return f"Источник бота удалён в amoCRM, а создать новый нельзя: источников уже {count}, и это предел."


def bots_pipeline_archived(name: str) -> str:
    """The pipeline of a connected bot is in the archive."""
    return f"Воронка «{name}», в которую бот создаёт сделки, в архиве. Выберите для бота другую воронку."


def bots_pipeline_gone() -> str:
    """The pipeline of a connected bot does not exist any more, or is in the archive."""
    return "Воронка, в которую бот создаёт сделки, удалена или в архиве. Выберите для бота другую воронку."


def many_sources(count: int, limit: int) -> str:
    """More bots than amoCRM promises to serve."""
    return (
        f"К аккаунту подключено ботов: {count}. amoCRM обещает работу {limit} источников в одном аккаунте: "
        "бот сверх этого числа может работать с перебоями."
    )


def sources_done(bots: int, created: int, limits: int) -> str:
    """What came of comparing the sources with amoCRM."""
    if not bots:
        return NO_BOTS_YET
    parts = [f"Проверено ботов: {bots}"]
    if created:
        parts.append(f"создано источников: {created}")
    if limits:
        parts.append(f"без источника: {limits}")
    return ", ".join(parts) + "."
