"""The widget's archive as amoCRM unpacks it: files at the root, a manifest, one file of texts per language.

Owns `WidgetArchive`. Nothing is written to disk: every file is served straight out of the archive's bytes.
"""

from __future__ import annotations

import io
import mimetypes
import zipfile
from collections.abc import Mapping
from typing import Any

import orjson

_TYPES = {".js": "text/javascript", ".twig": "text/html", ".json": "application/json", ".css": "text/css"}


class WidgetArchive:
    """An opened `widget.zip`.

    Raises:
        ValueError: what amoCRM would not take: no archive, no manifest, texts missing; in one sentence.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                self._files = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
        except zipfile.BadZipFile as error:
            raise ValueError("the widget is no zip archive") from error
        self.manifest: Mapping[str, Any] = self._json("manifest.json")
        if "script.js" not in self._files:
            raise ValueError("the archive has no script.js at its root")
        self.languages = tuple(self.manifest["widget"]["locale"])

    @property
    def version(self) -> str:
        return str(self.manifest["widget"].get("version", ""))

    def texts(self, language: str) -> Mapping[str, Any]:
        """The texts of a language, or of the archive's first one where it does not speak it."""
        chosen = language if language in self.languages else self.languages[0]
        return self._json(f"i18n/{chosen}.json")

    def file(self, path: str) -> tuple[bytes, str] | None:
        """A file and its content type; None where the archive has none of this name."""
        data = self._files.get(path)
        if data is None:
            return None
        suffix = path[path.rfind(".") :] if "." in path else ""
        kind = _TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
        return data, kind

    def _json(self, path: str) -> Mapping[str, Any]:
        if path not in self._files:
            raise ValueError(f"the archive has no {path}")
        try:
            found = orjson.loads(self._files[path])
        except orjson.JSONDecodeError as error:
            raise ValueError(f"{path} is not JSON: {error}") from error
        if not isinstance(found, dict):
            raise ValueError(f"{path} is not a JSON object")
        return found
