"""The pages that an administrator sees while an account is being connected: Russian, small, without scripts.

Nothing on them comes from the address that was opened; what comes from the database is escaped. They may be shown in
no frame, kept by no cache, and tell no other site where they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from quart import Response

from dealgram.http.account_ports import Progress, StepHealth

_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:3rem auto;padding:0 1rem;color:#1f2d3d;"
    "background:#fff}h1{font-size:1.4rem}ul{list-style:none;padding:0}li{padding:.4rem 0;border-top:1px solid #e3e8ee}"
    "small{display:block;color:#5b6b7b}a{color:#1e63a8}"
    "@media(prefers-color-scheme:dark){body{color:#e6ebf0;background:#14181d}li{border-color:#2b333c}"
    "small{color:#9aa8b5}a{color:#7db6ee}}"
)
_MARKS = {"done": "✓", "failed": "✕", "pending": "…"}
_WORDS = {"done": "готово", "failed": "не получилось", "pending": "выполняется"}
RELOAD_S = 2


def page(
    title: str,
    *paragraphs: str,
    status: int = 200,
    reload_s: int | None = None,
    more: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A page of plain sentences; `more` is HTML that is safe already."""
    refresh = f'<meta http-equiv="refresh" content="{reload_s}">' if reload_s is not None else ""
    body = "".join(f"<p>{escape(text)}</p>" for text in paragraphs)
    html = (
        '<!doctype html><html lang="ru"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{refresh}<title>{escape(title)} · dealgram</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{body}{more}</main></body></html>"
    )
    response = Response(html, status=status, content_type="text/html; charset=utf-8")
    response.headers.update({**_HEADERS, **(headers or {})})
    return response


def again(link: str = "start") -> str:
    """A link that begins anew. Relative, so that it fits behind any proxy."""
    return f'<p><a href="{link}">Подключить аккаунт ещё раз</a></p>'


def progress_page(progress: Progress) -> Response:
    """How far an installation has come; loads itself again until it has ended."""
    if progress.failure is not None:
        return page("Аккаунт не подключён", progress.failure, more=again("../start"))
    if progress.account_name is None:
        return page(
            "Подключаем аккаунт",
            "amoCRM прислал разрешение, и оно сохранено. Сейчас мы получаем доступ к аккаунту.",
            "Эту вкладку можно закрыть: всё завершится и без неё.",
            reload_s=RELOAD_S,
        )
    steps = f"<ul>{''.join(map(_item, progress.steps))}</ul>"
    name = f"Аккаунт amoCRM: {progress.account_name}."
    if any(step.state == "pending" for step in progress.steps):
        return page(
            "Настраиваем аккаунт",
            name,
            "Эту вкладку можно закрыть: всё завершится и без неё.",
            reload_s=RELOAD_S,
            more=steps,
        )
    if any(step.state == "failed" for step in progress.steps):
        return page(
            "Аккаунт подключён, но не всё получилось",
            name,
            "Что не получилось, мы повторим сами при следующей проверке. Вкладку можно закрыть.",
            more=steps,
        )
    return page("Аккаунт подключён", name, "Всё готово, вкладку можно закрыть.", more=steps)


def _item(step: StepHealth) -> str:
    detail = f"<small>{escape(step.detail)}</small>" if step.detail else ""
    return f"<li>{_MARKS[step.state]} {escape(step.title)}: {_WORDS[step.state]}{detail}</li>"
