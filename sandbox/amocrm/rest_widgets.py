"""REST: the integration's widget (amoCRM contract §15): its code, whether it is on, its settings. No other is known."""

from __future__ import annotations

from typing import Any

from dealgram.sandbox.amocrm.answers import Answer, hal, refuse
from dealgram.sandbox.amocrm.rest import RestCall, page, route


def _show(call: RestCall) -> dict[str, Any]:
    integration = call.world.integration
    return {
        "id": 742_001,
        "code": integration.widget_code,
        "version": "1.0.0",
        "rating": "0,0",
        "settings_template": [],
        "is_lead_source": True,
        "is_work_with_dp": False,
        "is_crm_template": False,
        "client_uuid": integration.client_id,
        "is_active_in_account": call.account.is_installed,
        "pipeline_id": None,
        "_links": call.href(f"widgets/{integration.widget_code}"),
    }


def _list(call: RestCall) -> Answer:
    return page(call, "widgets", "widgets", [None], lambda _: _show(call))


def _get(call: RestCall) -> Answer:
    if call.uid != call.world.integration.widget_code:
        raise refuse(404, f"no widget {call.uid!r} is within reach")
    return hal({**_show(call), "settings": []})


ROUTES = (
    route("GET widgets", "widgets.list", _list, query=("page", "limit")),
    route("GET widgets/{code}", "widgets.get", _get),
)
