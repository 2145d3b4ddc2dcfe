"""The requirements of alerts: their token, and the permission of their user."""

from collections.abc import Iterator

from bot.doctor.requirements import ALERTS_ACCESS, ALERTS_TOKEN
from bot.slack.settings import SlackSettings
from checks.config.access_rules import Requester, clusters_with_permission
from checks.config.alert_configuration import ALERT_USER, AlertConfig
from checks.config.configuration import Config
from checks.doctor.requirement_lines import DoctorLine


def alert_lines(config: Config, settings: SlackSettings) -> Iterator[DoctorLine]:
    """The state of the section `alerts`; nothing if alerts are off and not configured."""
    token = bool(settings.alerts_token.get_secret_value())
    if not config.alerts and not token:
        return
    if not token:
        yield ALERTS_TOKEN.failed("EGRESS_DIAG_ALERTS_TOKEN is not set in this process: `POST /alerts` answers 404")
    elif not config.alerts:
        yield ALERTS_TOKEN.warned("it is set, and the configuration has no section `alerts`: every alert is refused")
    else:
        yield ALERTS_TOKEN.passed("it is set; the first notification shows whether it is Alertmanager's")
    yield from (_access(config, number, entry) for number, entry in enumerate(config.alerts))


def _access(config: Config, number: int, entry: AlertConfig) -> DoctorLine:
    """Whether the alerts of an entry may check at least one gateway that it can name."""
    fixed = config.named_exactly(entry.fixed_cluster) if entry.fixed_cluster else None
    names = [fixed.name] if fixed is not None else [each.name for each in config.clusters]
    requester = Requester(ALERT_USER, entry.channel)
    permitted = clusters_with_permission(config.access, requester, "diagnose", names)
    if permitted:
        return ALERTS_ACCESS.passed(
            f"`{ALERT_USER}` may check {', '.join(permitted)} in {entry.channel}", f"alerts.{number}"
        )
    where = " or ".join(names) or "any cluster"
    return ALERTS_ACCESS.failed(f"`{ALERT_USER}` may not check {where} in {entry.channel}", f"alerts.{number}")
