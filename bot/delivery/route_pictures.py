"""The picture of a run's route: uploaded once, shown in the message after the list of hops."""

import logging

from bot.messages.route import route_of
from bot.messages.route_picture import route_alt_text, route_picture
from bot.slack.web_api import MissingScope, RateLimited, Slack, SlackRefusal, TokenRevoked, Unreachable
from workers.client import HeldDocument
from workers.records.run import Run

log = logging.getLogger(__name__)


def upload_picture(slack: Slack, held: HeldDocument, run: Run) -> str:
    """Upload the picture and return its id: "" without a route or permission to upload.

    Raises the SlackRefusals after which a retry helps.
    """
    route = route_of(run) if run.state.ended else None
    if route is None:
        return ""
    drawn = route_picture(route)
    if not drawn:
        return ""
    held.renew()
    try:
        name, title = f"route-{run.id}.png", f"Route of {route.host}"
        file_id = slack.upload(None, None, name, title, drawn, alt=route_alt_text(route))
    except (RateLimited, Unreachable, TokenRevoked):
        raise
    except (MissingScope, SlackRefusal) as refused:
        log.warning("the route of run %s is posted without its picture: %s", run.id, refused)
        return ""
    held.note_picture(run.order.channel, file_id)
    return file_id
