"""What stands behind the widget's API in the running service: composed once, with what its routes remember together."""

from __future__ import annotations

from dealgram.account_adapter import AccountAdapter
from dealgram.actors.accounts.user_rights import UserBook
from dealgram.actors.bots.bot_checkup import BotCheckups
from dealgram.actors.desk.bot_list import BotList
from dealgram.actors.desk.pipelines import PipelineBook
from dealgram.actors.services import Services
from dealgram.api_gatekeeper import ApiGatekeeper
from dealgram.bots_adapter import BotsAdapter
from dealgram.http.api.ports import WidgetApi
from dealgram.http.api.tokens import Verifier, audience_of
from dealgram.runtime import ActorSystem
from dealgram.settings import Settings
from dealgram.widget_adapter import WidgetAdapter


class WidgetDesk:
    """See the module. Owns no task; `account.watch` is run by the service."""

    def __init__(self, settings: Settings, services: Services, system: ActorSystem, checkups: BotCheckups) -> None:
        self._settings = settings
        self._services = services
        accounts = AccountAdapter(settings, services)

        def authorise_url() -> str | None:
            return accounts.authorise_url

        self.users = UserBook(services)
        self.pipelines = PipelineBook(services)
        bots = BotList(services, self.pipelines)
        self.account = WidgetAdapter(services, self.users, self.pipelines, bots, authorise_url)
        self.bots = BotsAdapter(
            services,
            bots,
            checkups,
            public_url=settings.public_url if settings.intake == "webhook" else None,
            changed=self.account.watch.wake,
        )
        self.gatekeeper = ApiGatekeeper(services, system, self.users, authorise_url)
        services.registry.on_change(self.account.watch.wake)

    def api(self) -> WidgetApi:
        """The API's ports."""
        return WidgetApi(
            gatekeeper=self.gatekeeper,
            account=self.account,
            bots=self.bots,
            verifier=self._verifier(),
            hosts=self._services.hosts,
            now=self._services.now,
            one_time=self._settings.api_token_uses == "once",  # noqa: S105 - how often, not which
        )

    def _verifier(self) -> Verifier | None:
        settings = self._settings
        redirect = settings.oauth_redirect_uri
        if settings.amocrm_client_id is None or settings.amocrm_client_secret is None or redirect is None:
            return None
        return Verifier(
            client_id=settings.amocrm_client_id,
            secret=settings.amocrm_client_secret.get_secret_value(),
            audience=audience_of(redirect),
            hosts=self._services.hosts,
        )
