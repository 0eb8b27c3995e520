"""The sample world: what the sandbox holds when it starts.

Owns `World` and `build_world`: an agency with one amoCRM account, two pipelines with a bot each, three people and a
group that one of the bots watches as its administrator. Promises: the same names every time, so that a story about
them holds.
"""

from __future__ import annotations

from dataclasses import dataclass

from dealgram.sandbox.amocrm import AmoSimulator, SimAccount, SimPipeline
from dealgram.sandbox.amocrm import SimUser as SimManager
from dealgram.sandbox.sample_pictures import jpeg
from dealgram.sandbox.telegram import SimBot, SimChat, SimUser, TelegramSimulator


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything in the sample world by its part in the story.

    To connect the service: an OAuth code from `amo.issue_code(world.account)`, and per bot its token and its pipeline
    (`sales_bot` → `sales`, `service_bot` → `service`). Deals are given by their ids.
    """

    account: SimAccount
    sales: SimPipeline
    service: SimPipeline
    olga: SimManager
    dmitry: SimManager
    cafe: int
    office: int
    repair: int
    sales_bot: SimBot
    service_bot: SimBot
    anna: SimUser
    igor: SimUser
    maria: SimUser
    group: SimChat

    @property
    def bots(self) -> tuple[tuple[SimBot, SimPipeline], ...]:
        """Each bot with the pipeline that its deals go to."""
        return (self.sales_bot, self.sales), (self.service_bot, self.service)

    @property
    def deals(self) -> tuple[int, ...]:
        return self.cafe, self.office, self.repair

    @property
    def managers(self) -> tuple[SimManager, ...]:
        return self.olga, self.dmitry

    @property
    def people(self) -> tuple[SimUser, ...]:
        return self.anna, self.igor, self.maria


def build_world(telegram: TelegramSimulator, amo: AmoSimulator) -> World:
    """Fills two fresh simulators with the sample world."""
    account = amo.add_account("sever", "Агентство „Север“")
    sales, olga = account.main_pipeline, account.owner  # a new account has one of each; here they get their names
    sales.name, olga.name = "Продажи", "Ольга Белова"
    service = amo.add_pipeline(account, "Сервис")
    dmitry = amo.add_user(account, "Дмитрий Орлов")
    cafe = amo.add_lead(account, "Сайт для кофейни «Полдень»", sales.id)
    office = amo.add_lead(account, "Вывеска и навигация для офиса", sales.id)
    repair = amo.add_lead(account, "Обслуживание сайта «Полдень»", service.id)

    sales_bot = telegram.add_bot("Север Продажи", "sever_sales_bot")
    service_bot = telegram.add_bot("Север Сервис", "sever_service_bot")
    telegram.files.set_photo(sales_bot, jpeg(width=320, height=320, seed=3))  # the other one has none, as many have
    anna = telegram.add_person("Анна", "Смирнова", "anna_smirnova")
    igor = telegram.add_person("Игорь", "Петров", "igor_petrov")
    maria = telegram.add_person("Мария", "Кузнецова")
    group = telegram.create_group("Кофейня «Полдень»", anna, kind="group")
    telegram.add_member(group, igor, by=anna)
    telegram.add_member(group, maria, by=anna)
    telegram.add_member(group, sales_bot, by=anna)
    telegram.promote(group, sales_bot)
    return World(
        account=account,
        sales=sales,
        service=service,
        olga=olga,
        dmitry=dmitry,
        cafe=cafe,
        office=office,
        repair=repair,
        sales_bot=sales_bot,
        service_bot=service_bot,
        anna=anna,
        igor=igor,
        maria=maria,
        group=group,
    )
