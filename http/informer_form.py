"""The form of a registration (amocrm-widget §1.7): read from JSON, checked, its phone brought to digits.

Pure. Owns the rules and the Russian words for what is wrong, each with the field that it is about. Fields that the
contract does not know are tolerated: the seller's template may send more. Who switches the widget off fills in nothing,
so then nothing is asked for.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Literal

import msgspec

from dealgram.http.api.problems import ApiProblem, invalid
from dealgram.http.seller_ports import NewRegistration

LARGEST = 16 * 1024
"""Bytes of a body."""
MOST_FIELDS = 64
LONGEST_NAME = 255
LONGEST_PHONE = 64
PHONE_DIGITS = range(10, 16)
"""E.164 has fifteen digits at most; ten is a Russian number without its country."""
_PHONE = re.compile(r"\+?[0-9 ().\-/\u00a0\u2010-\u2015]*")
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_AGREED = frozenset({"true", "1", "y", "yes", "on"})
_MOST = 2**63 - 1


def read_registration(raw: bytes) -> NewRegistration:
    """Read a body.

    Raises:
        ApiProblem: 422 with the field that is wrong.
    """
    said = _object(raw)
    status = said.get("widgetStatus")
    if status not in ("Y", "N"):
        raise invalid("widgetStatus", "Состояние виджета должно быть Y или N.")
    is_on = status == "Y"
    return NewRegistration(
        name=_name(said.get("userName"), needed=is_on),
        phone=_phone(said.get("userPhone"), needed=is_on),
        has_consent=_consent(said.get("termsOfUse"), needed=is_on),
        status=_status(is_on),
        account=_account(said.get("account")),
        subdomain=_subdomain(said.get("accountSubdomain")),
        client_uuid=_short(said, "client_uuid", 64),
        widget_name=_short(said, "widgetName", 255),
        enum_id=_short(said, "enumId", 64),
    )


def digits_of(phone: str) -> str | None:
    """The digits of a phone number as people write them; None for what is none."""
    if len(phone) > LONGEST_PHONE or not _PHONE.fullmatch(phone.strip()):
        return None
    digits = re.sub(r"[^0-9]", "", phone)
    return digits if len(digits) in PHONE_DIGITS else None


def _object(raw: bytes) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise invalid(None, "Тело запроса — не JSON.") from None
    if not isinstance(said, dict):
        raise invalid(None, "Тело запроса должно быть объектом JSON.")
    if len(said) > MOST_FIELDS:
        raise invalid(None, "В запросе слишком много полей.")
    return said


def _status(is_on: bool) -> Literal["Y", "N"]:
    return "Y" if is_on else "N"


def _name(value: object, *, needed: bool) -> str:
    name = " ".join(value.split()) if isinstance(value, str) else ""
    is_good = len(name) <= LONGEST_NAME and not any(unicodedata.category(each) in ("Cc", "Cs") for each in name)
    if name and is_good:
        return name
    if not needed:
        return ""
    if name:
        raise invalid("userName", f"Имя должно быть не длиннее {LONGEST_NAME} символов и без служебных знаков.")
    raise invalid("userName", "Укажите имя.")


def _phone(value: object, *, needed: bool) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    digits = digits_of(value) if isinstance(value, str) else None
    if digits is not None:
        return digits
    if not needed:
        return ""
    if not isinstance(value, str) or not value.strip():
        raise invalid("userPhone", "Укажите номер телефона.")
    raise invalid("userPhone", "Проверьте номер телефона: в нём должно быть от 10 до 15 цифр.")


def _consent(value: object, *, needed: bool) -> bool:
    agreed = value is True or (isinstance(value, str | int) and str(value).strip().lower() in _AGREED)
    if needed and not agreed:
        raise invalid("termsOfUse", "Нужно согласие на передачу и обработку персональных данных.")
    return agreed


def _account(value: object) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _MOST:
        raise invalid("account", "Такого номера аккаунта не бывает.")
    return value


def _subdomain(value: object) -> str:
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or not _SUBDOMAIN.fullmatch(value):
        raise invalid("accountSubdomain", "Такого адреса аккаунта не бывает.")
    return value.lower()


def _short(said: dict[str, Any], name: str, longest: int) -> str:
    value = said.get(name)
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise invalid(name, "Значение не подходит.")
    return value.strip()


__all__ = ["LARGEST", "ApiProblem", "digits_of", "read_registration"]
