"""The HTTP application: which routes there are and what all of them share.

It owns no task and no resource. The actor system lives in the service's own nursery, not in the ASGI lifespan, which
Quart-Trio cancels five seconds after a shutdown begins.
"""

from __future__ import annotations

from quart_trio import QuartTrio

from dealgram.http import (
    accounts,
    amojo_hook,
    billing,
    crm_hook,
    errors,
    health,
    informer,
    media,
    metrics,
    oauth,
    telegram_hook,
)
from dealgram.http.api.application import mount
from dealgram.http.closing import Exchange
from dealgram.http.hooks import BODY_LIMIT
from dealgram.http.ports import HttpServices


class Application(QuartTrio):
    """Quart-Trio with hooks that outlive their senders, and with an end for what requests hold."""

    asgi_http_class = Exchange


def create_app(services: HttpServices) -> Application:
    """Build the application over its ports. Several may exist in one process."""
    app = Application(__name__, static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    app.config["BODY_TIMEOUT"] = services.body_deadline_s
    # A redirect from // would repeat a key or a code, under a host that the sender has named.
    app.url_map.merge_slashes = False
    figures = metrics.RequestFigures()
    figures.watch(app)
    api = mount(services.widget_api, trusted_proxies=services.trusted_proxies) if services.widget_api else None
    errors.register(app, refusal=api.refusal if api is not None else None)
    app.register_blueprint(telegram_hook.routes(services, figures))
    app.register_blueprint(amojo_hook.routes(services, figures))
    app.register_blueprint(crm_hook.routes(services, figures))
    if services.media is not None:
        app.register_blueprint(media.routes(services.media))
    app.register_blueprint(oauth.routes(services, figures))
    if api is not None:
        app.register_blueprint(api.blueprint)
    if services.widget_api is not None and services.registrations is not None:
        app.register_blueprint(informer.routes(services, services.widget_api, services.registrations, figures))
    if services.billing is not None and services.billing_token is not None:
        app.register_blueprint(billing.routes(services, services.billing, services.billing_token))
    app.register_blueprint(health.routes(services))
    app.register_blueprint(accounts.routes(services))
    app.register_blueprint(metrics.routes(services, figures))
    return app
