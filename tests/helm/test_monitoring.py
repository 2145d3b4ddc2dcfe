"""Alerts and dashboard use existing metrics and labels."""

import json
import re
from typing import Any

import yaml
from prometheus_client import REGISTRY

import bot.slack.metrics
import workers.telemetry.metrics
from tests.helm.chart import Json, merged, named, of_kind, pods, rendered
from tests.helm.dockerfile import ROOT
from tests.helm.matrix import MATRIX

WATCHED = MATRIX["node placement and monitoring"]
_MODULES = (bot.slack.metrics, workers.telemetry.metrics)
COLLECTED = {
    "egress_diag_queue_messages",
    "egress_diag_queue_age_seconds",
    "egress_diag_courier_lag_seconds",
    "egress_diag_round_age_seconds",
    "egress_diag_canary_age_seconds",
    "egress_diag_canary_interval_seconds",
    "egress_diag_redis_memory_bytes",
    "egress_diag_redis_memory_limit_bytes",
    "egress_diag_evidence_deleted_early_total",
}
"""Series that are read from Redis at each scrape."""


def series() -> set[str]:
    """Names of all series of egress-diag."""
    found = set(COLLECTED)
    for metric in REGISTRY.collect():
        if metric.name.startswith("egress_diag_"):
            found |= {f"{metric.name}_total"} if metric.type == "counter" else {metric.name, f"{metric.name}_bucket"}
    return found


def labels(name: str) -> set[str]:
    """The labels of a series according to docs/operate.md."""
    page = (ROOT / "docs/operate.md").read_text()
    base = name.removesuffix("_bucket")
    found = re.search(rf"`{base}\{{([^}}]*)\}}", page)
    return {"namespace", "le", *(found[1].split(",") if found else ())}


def expressions(values: Json) -> list[str]:
    objects = rendered(values)
    rules = of_kind(objects, "PrometheusRule")[0]["spec"]["groups"][0]["rules"]
    panels = dashboard(objects)["panels"]
    return [*(rule["expr"] for rule in rules), *(target["expr"] for panel in panels for target in panel["targets"])]


def dashboard(objects: list[Json]) -> Any:
    return json.loads(named(objects, "ConfigMap", "egress-diag-dashboard")["data"]["egress-diag.json"])


def test_every_expression_uses_existing_metrics_and_labels() -> None:
    known = series()
    for expression in expressions(WATCHED):
        names = re.findall(r"egress_diag_\w+", expression)
        assert names, expression
        assert set(names) <= known, expression
        used = set(re.findall(r'(\w+)(?:=|!=|=~)"', expression))
        used |= {each.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for each in group.split(",")}
        assert used <= labels(names[0]), expression
        assert expression.count("(") == expression.count(")")


def test_every_metric_is_on_the_dashboard() -> None:
    shown = " ".join(target["expr"] for panel in dashboard(rendered(WATCHED))["panels"] for target in panel["targets"])
    assert [name for name in series() if not name.endswith("_bucket") and name not in shown] == []


def test_every_panel_has_a_description_and_panels_do_not_overlap() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in dashboard(rendered(WATCHED))["panels"]:
        assert len(panel["description"]) > 15, panel["title"]
        place = panel["gridPos"]
        wanted = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not wanted & cells, panel["title"]
        assert place["x"] + place["w"] <= 24
        cells |= wanted


def test_an_alert_describes_problem_and_fix_and_is_limited_to_its_namespace() -> None:
    rules = of_kind(rendered(WATCHED, namespace="tools"), "PrometheusRule")[0]["spec"]["groups"][0]["rules"]
    assert len(rules) >= 5
    for rule in rules:
        assert 'namespace="tools"' in rule["expr"]
        assert set(rule["annotations"]) == {"summary", "description"}
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert "{{ .Release" not in yaml.safe_dump(rule)
    assert any("{{ $labels.queue }}" in rule["annotations"]["summary"] for rule in rules)


def test_prometheus_may_scrape_every_process_if_configured() -> None:
    steps = MATRIX["with probe and restart"]
    objects = rendered(merged(WATCHED, steps))
    assert "actions" in dict(pods(objects))
    for component, each in pods(objects):
        if component in ("bot", "courier", "worker", "beat", "actions"):
            ports = {port["name"] for port in each["spec"]["containers"][0]["ports"]}
            assert ports == ({"http", "metrics"} if component == "bot" else {"metrics"})
            policy = named(objects, "NetworkPolicy", f"egress-diag-{component}")
            assert "monitoring" in yaml.safe_dump(policy["spec"]["ingress"])
            assert "monitoring" not in yaml.safe_dump(
                named(rendered(steps), "NetworkPolicy", f"egress-diag-{component}")
            )
    selector = of_kind(objects, "PodMonitor")[0]["spec"]["selector"]
    assert selector["matchExpressions"][0]["values"] == ["courier", "worker", "beat", "actions"]
