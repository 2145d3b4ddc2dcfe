"""The configuration file on the command line: its path, cluster names and errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command_line import ENVIRONMENT, ROOT, Answer, ask, refused

HEALTHY = ROOT / "examples" / "bundles" / "healthy"
BROKEN = ROOT / "examples" / "bundles" / "selector-mismatch"
GATEWAY = "team-egress/egw"

pytestmark = pytest.mark.slow  # a process for each case


def written(folder: Path, content: str | bytes, name: str = "c.yaml") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def alerts(match: str = "{alertname: X}", cluster: str = "prod", gateway: str = "egw") -> str:
    """A section `alerts` of one entry."""
    return f"alerts: [{{match: {match}, cluster: {cluster}, gateway: {gateway}, channel: C1}}]\n"


def one(*, name: str = "prod", more: str = "", after: str = "") -> str:
    return f"clusters:\n- {{name: {name}, bundle: {HEALTHY}{more}}}\n{after}"


def diagnose(cluster: str, config: Path) -> Answer:
    return ask("diagnose", cluster, GATEWAY, "--only", "EG405", "--output", "json", "--config", config)


# Its path, and the cluster that a name selects


def test_the_option_takes_precedence_over_the_environment_and_that_over_the_default_path(tmp_path: Path) -> None:
    for name, cluster in (("option.yaml", "one"), ("environment.yaml", "two"), ("egress-diag.yaml", "three")):
        written(tmp_path, one(name=cluster), name)
    words = ("diagnose", "t", GATEWAY, "--only", "EG405", "--output", "json")
    configured = {**ENVIRONMENT, "EGRESS_DIAG_CONFIG": str(tmp_path / "environment.yaml")}
    empty = {**ENVIRONMENT, "EGRESS_DIAG_CONFIG": ""}
    option = ("--config", str(tmp_path / "option.yaml"))
    assert ask(*words, cwd=tmp_path, env=configured).document["cluster"] == "two"
    assert ask(*words, cwd=tmp_path, env=empty).document["cluster"] == "three"
    assert 'no cluster "t"' in refused(*words, *option, cwd=tmp_path, env=configured)


def test_without_a_configuration_the_error_names_every_option_that_gives_one(tmp_path: Path) -> None:
    message = refused("diagnose", "prod", GATEWAY, cwd=tmp_path)
    for option in ("--config", "EGRESS_DIAG_CONFIG", "egress-diag.yaml", "/etc/egress-diag/config.yaml"):
        assert option in message


def test_a_configuration_may_come_from_a_pipe() -> None:
    words = ("diagnose", "prod", GATEWAY, "--only", "EG405", "--config", "/dev/stdin")
    assert ask(*words, given=one()).code == 0


def test_a_path_in_the_file_is_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "night").symlink_to(HEALTHY)
    config = written(tmp_path, "clusters: [{name: prod, bundle: night}]")
    assert diagnose("prod", config).code == 0


@pytest.mark.parametrize("typed", ["prod-weu", "PROD-WEU", "weu", "prod-w"])
def test_a_cluster_is_selected_by_name_alias_or_unique_prefix(typed: str, tmp_path: Path) -> None:
    config = written(
        tmp_path, f"{one(name='prod-weu', more=', aliases: [weu]')}- {{name: prod-neu, bundle: {HEALTHY}}}"
    )
    assert diagnose(typed, config).document["cluster"] == "prod-weu"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("prod", 'no cluster "prod": it matches several: prod-weu, prod-neu'),
        ("prod-wue", "did you mean prod-weu"),
        ("stage", "the configuration has no similar name"),
        ("", "the configuration has no similar name"),
    ],
)
def test_an_ambiguous_or_unknown_cluster(typed: str, message: str, tmp_path: Path) -> None:
    config = written(tmp_path, f"{one(name='prod-weu')}- {{name: prod-neu, bundle: {HEALTHY}}}")
    assert message in refused("diagnose", typed, GATEWAY, "--config", config)


# Mistakes


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "none.yaml"
    for path, reason in (
        (missing, "No such file"),
        (tmp_path, "Is a directory"),
        (written(tmp_path, b"\xff\xfe"), "not UTF-8"),
    ):
        message = refused("diagnose", "prod", GATEWAY, "--config", path)
        assert str(path) in message
        assert reason in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- a\n", "expected a mapping with the keys clusters, access"),
        ("clusters: [\n", "not valid YAML"),
        ("a: 1\n---\nb: 2\n", "2 YAML documents; expected one"),
        ("[" * 100_000, "nested deeper than 100 levels (line 1)"),
        ("a: [[[[[[[[[\n" * 100_000, "nested deeper than 100 levels"),
        ("a: &a [1]\nclusters: [*b]\n", "the alias *b"),
        ("clusters: !!python/object/apply:os.system [id]\n", "the tag"),
        (one(after="clusters: []\n"), 'the key "clusters" occurs twice'),
        (one(after="acces: []\n"), "acces: unknown key; did you mean access?"),
        ("clusters: {name: prod}\n", "clusters: expected a list (each: a mapping with the keys name"),
        ("clusters:\n", "clusters: expected a list"),
        ("clusters: [prod]\n", "clusters.0: expected a mapping with the keys name, aliases"),
        ("clusters: [{bundle: x}]\n", "clusters.0.name: missing; expected text"),
        ("clusters: [{name: prod}]\n", "clusters.0: expected subscription_id and resource_group"),
        (one(name="''"), "clusters.0.name: expected text that is not empty"),
        (one(name="5"), "clusters.0.name: expected text, found 5"),
        (one(more=", bundel: x"), "clusters.0.bundel: unknown key; did you mean bundle?"),
        (one(more=", aliases: weu"), 'clusters.0.aliases: expected a list (each: text), found "weu"'),
        (
            one(more=", azure: maybe"),
            "clusters.0.azure: expected live or none or a mapping with the keys managed_cluster",
        ),
        (one(more=", azure: {managed_cluster: 5}"), "clusters.0.azure.managed_cluster: expected the path of a file"),
        (one(more="}\n- {name: PROD, bundle: x"), 'prod and PROD both have the name "PROD"'),
        (one(after="retention: {runs: 30}\n"), "retention.runs: expected a duration such as 30d"),
        (one(after="retention: {runs: 99999999999d}\n"), "retention.runs: expected a duration of at most"),
        (one(after="access: [{allow: [diagnos], users: [U1]}]\n"), "access.0.allow.0: expected diagnose or handoff"),
        (
            one(after="access: [{allow: [], users: ['*'], gateways: ['prod/egress']}]\n"),
            "access.0.gateways: prod/egress: expected a pattern of the gateway's name without its namespace, such as egress",
        ),
        (one(after="access: [{allow: [diagnose]}]\n"), "access.0.users: missing; expected a list (each: text)"),
        (one(after="access: [{allow: [], users: [], clusters: [x-*]}]\n"), '"x-*" matches no cluster of this file'),
        (
            one(after=alerts(match="{alertname: '['}")),
            "alerts.0.match: alertname: expected a regular expression, found '['",
        ),
        (one(after=alerts(match="{}")), "alerts.0.match: "),
        (one(after=alerts(cluster="nowhere")), 'alerts.0.cluster: "nowhere" is no cluster of this file'),
        (
            one(after=alerts(gateway="'{{ $labels.x }}'")),
            "alerts.0.gateway: expected {{label}} around the name of a label",
        ),
        (
            one(after="alerts: [{match: {a: b}, cluster: prod, gateway: egw}]\n"),
            "alerts.0.channel: missing; expected text",
        ),
        ("clusters: [{name: prod, bundle: none/x}]\n", "none/x: there is no such bundle"),
        ("clusters: [{name: prod, kubeconfig: none/x, azure: none}]\n", "none/x: cannot be read"),
    ],
    ids=lambda value: value[-40:],
)
def test_an_error_names_the_file_the_key_and_the_expected_value(content: str, message: str, tmp_path: Path) -> None:
    config = written(tmp_path, content)
    answer = refused("diagnose", "prod", GATEWAY, "--config", config)
    assert str(config.parent) in answer
    assert message in answer


def test_all_errors_of_a_file_are_reported_together(tmp_path: Path) -> None:
    config = written(tmp_path, one(more=", bundel: x", after="retention: 5\n"))
    lines = refused("diagnose", "prod", GATEWAY, "--config", config).splitlines()
    assert [line.removeprefix(f"{config}: ").partition(":")[0] for line in lines] == ["clusters.0.bundel", "retention"]


# Many clusters


def test_the_exit_code_of_a_sweep_is_that_of_its_worst_gateway(tmp_path: Path) -> None:
    two = f"{one(name='good')}- {{name: bad, bundle: {BROKEN}}}\n"
    config = written(tmp_path, two)
    answer = ask("sweep", "--config", config)
    assert answer.code == 1
    assert len([line for line in answer.out.splitlines() if GATEWAY in line]) >= 2
    assert ask("sweep", "good", "--config", config).code == 0
    assert "did you mean good" in refused("sweep", "goood", "--config", config)
    assert "has no clusters" in refused("sweep", "--config", written(tmp_path, "clusters: []"))
