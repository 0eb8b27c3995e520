"""What the documentation leaves open about amoCRM's page, one switch each (amoCRM widget, "to verify").

Owns `ShellSwitches`. The address of a page may set them otherwise: `?work_area=0&on_save_rejection=closed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args, get_type_hints


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellSwitches:
    """How this amoCRM behaves where it is not said how it does."""

    token_reuse: bool = False
    """`$authorizedAjax` puts one token into many requests, until it expires, instead of a new one into each."""
    token_before_install: bool = False
    """Tokens are given before the integration is installed; else `$authorizedAjax` fails until then."""
    work_area: bool = True
    """The settings page holds `#work-area-<code>` inside `#list_page_holder`."""
    include_control_escapes: bool = True
    """`include_control` escapes the texts that it is given."""
    on_save_rejection: Literal["kept", "closed"] = "kept"
    """When `onSave` refuses: the form stays as it is, or the window closes, unsaved."""
    save_before_oauth: bool = False
    """On installing, `onSave` is called before amoCRM's server has asked the redirect URI."""
    reuse_instance: bool = False
    """The widget's object outlives a change of the area; else every area makes a new one."""
    select_keys: bool = False
    """The native select is moved through with the arrow keys."""
    string_ids: bool = True
    """`APP.constant("account").id` is a text."""
    second_widget: bool = True
    """Another widget, whose styles leak, is on the page."""

    def asked(self, query: Mapping[str, str]) -> ShellSwitches:
        """These switches with those that a page's address names; others are left alone.

        Raises:
            ValueError: a switch has no such position.
        """
        changed: dict[str, Any] = {}
        types = get_type_hints(ShellSwitches)
        for field in fields(self):
            if field.name not in query:
                continue
            given = query[field.name]
            if types[field.name] is bool:
                if given not in ("0", "1"):
                    raise ValueError(f"{field.name} is 0 or 1, not {given!r}")
                changed[field.name] = given == "1"
            else:
                if given not in get_args(types[field.name]):
                    raise ValueError(f"{field.name} is one of {get_args(types[field.name])}, not {given!r}")
                changed[field.name] = given
        return replace(self, **changed)
