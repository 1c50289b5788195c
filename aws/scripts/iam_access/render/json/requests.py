"""What a change asks for as JSON."""

from typing import Any

from iam_access.model import Report
from iam_access.render.json.objects import place_object, utc_text
from iam_access.render.view import requests as views


def request_objects(report: Report) -> list[dict[str, Any]]:
    """One object for each request, the most dangerous first; none without `--base`."""
    return [_request(each) for each in views.requests(report)]


def _request(view: views.RequestView) -> dict[str, Any]:
    request = view.request
    return {
        "type": request.type.value,
        "sentence": view.sentence,
        "leads_to": list(view.leads_to),
        "dangers": [*map(str, view.dangers), *view.marks],
        "team": request.team or None,
        "principals": [str(each) for each in request.principals],
        "becomes": request.becomes,
        "new_principals": [str(each) for each in request.newcomers],
        "trusted": list(request.trusted),
        "grants": list(request.grants),
        "places": [{"environment": name, "account": id_} for name, id_ in request.places],
        "starts": utc_text(request.starts),
        "expires": utc_text(request.until),
        "lasts_seconds": int(request.lasts.total_seconds()) if request.lasts else None,
        "previous_expires": utc_text(request.previous_until),
        "previous": request.previous or None,
        "ticket": request.ticket,
        "description": request.description,
        "count": request.number,
        "settings": [
            {"key": each.key, "before": list(each.before), "after": list(each.after)}
            for each in request.settings
        ],
        **place_object(request.location),
    }
