"""The configuration from outside: where it lies, which cluster a word means, what a mistake in it gets for an answer."""

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


def one(*, name: str = "prod", more: str = "", after: str = "") -> str:
    return f"clusters:\n- {{name: {name}, bundle: {HEALTHY}{more}}}\n{after}"


def diagnose(cluster: str, config: Path) -> Answer:
    return ask("diagnose", cluster, GATEWAY, "--only", "EG405", "--output", "json", "--config", config)


# Where it lies, and which cluster is meant


def test_the_option_comes_before_the_environment_and_that_before_the_place(tmp_path: Path) -> None:
    for name, cluster in (("option.yaml", "one"), ("environment.yaml", "two"), ("egress-diag.yaml", "three")):
        written(tmp_path, one(name=cluster), name)
    words = ("diagnose", "t", GATEWAY, "--only", "EG405", "--output", "json")
    told = {**ENVIRONMENT, "EGRESS_DIAG_CONFIG": str(tmp_path / "environment.yaml")}
    empty = {**ENVIRONMENT, "EGRESS_DIAG_CONFIG": ""}
    option = ("--config", str(tmp_path / "option.yaml"))
    assert ask(*words, cwd=tmp_path, env=told).document["cluster"] == "two"
    assert ask(*words, cwd=tmp_path, env=empty).document["cluster"] == "three"
    assert 'no cluster "t"' in refused(*words, *option, cwd=tmp_path, env=told)


def test_without_a_configuration_the_places_are_named(tmp_path: Path) -> None:
    said = refused("diagnose", "prod", GATEWAY, cwd=tmp_path)
    for place in ("--config", "EGRESS_DIAG_CONFIG", "egress-diag.yaml", "/etc/egress-diag/config.yaml"):
        assert place in said


def test_a_configuration_may_come_from_a_pipe() -> None:
    words = ("diagnose", "prod", GATEWAY, "--only", "EG405", "--config", "/dev/stdin")
    assert ask(*words, given=one()).code == 0


def test_a_path_in_it_is_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "night").symlink_to(HEALTHY)
    config = written(tmp_path, "clusters: [{name: prod, bundle: night}]")
    assert diagnose("prod", config).code == 0


@pytest.mark.parametrize("typed", ["prod-weu", "PROD-WEU", "weu", "prod-w"])
def test_a_cluster_answers_to_its_name_its_alias_and_a_beginning_that_is_its_own(typed: str, tmp_path: Path) -> None:
    config = written(
        tmp_path, f"{one(name='prod-weu', more=', aliases: [weu]')}- {{name: prod-neu, bundle: {HEALTHY}}}"
    )
    assert diagnose(typed, config).document["cluster"] == "prod-weu"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("prod", 'no cluster "prod": it fits several: prod-weu, prod-neu'),
        ("prod-wue", "did you mean prod-weu"),
        ("stage", "the configuration has none like it"),
        ("", "the configuration has none like it"),
    ],
)
def test_a_cluster_that_is_not_meant_clearly(typed: str, said: str, tmp_path: Path) -> None:
    config = written(tmp_path, f"{one(name='prod-weu')}- {{name: prod-neu, bundle: {HEALTHY}}}")
    assert said in refused("diagnose", typed, GATEWAY, "--config", config)


# Mistakes


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    none = tmp_path / "none.yaml"
    for path, why in (
        (none, "No such file"),
        (tmp_path, "Is a directory"),
        (written(tmp_path, b"\xff\xfe"), "not UTF-8"),
    ):
        said = refused("diagnose", "prod", GATEWAY, "--config", path)
        assert str(path) in said
        assert why in said


@pytest.mark.parametrize(
    ("content", "said"),
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
        (one(more="}\n- {name: PROD, bundle: x"), 'the name "PROD" is given to prod and to PROD'),
        (one(after="retention: {runs: 30}\n"), "retention.runs: expected a duration such as 30d"),
        (one(after="retention: {runs: 99999999999d}\n"), "retention.runs: expected a duration of at most"),
        (one(after="access: [{allow: [diagnos], users: [U1]}]\n"), "access.0.allow.0: expected diagnose or handoff"),
        (one(after="access: [{allow: [diagnose]}]\n"), "access.0.users: missing; expected a list (each: text)"),
        (one(after="access: [{allow: [], users: [], clusters: [x-*]}]\n"), '"x-*" fits no cluster of this file'),
        ("clusters: [{name: prod, bundle: none/x}]\n", "none/x: there is no such bundle"),
        ("clusters: [{name: prod, kubeconfig: none/x, azure: none}]\n", "none/x: cannot be read"),
    ],
    ids=lambda value: value[-40:],
)
def test_a_mistake_names_the_file_the_key_and_what_was_expected(content: str, said: str, tmp_path: Path) -> None:
    config = written(tmp_path, content)
    answer = refused("diagnose", "prod", GATEWAY, "--config", config)
    assert str(config.parent) in answer
    assert said in answer


def test_every_mistake_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    config = written(tmp_path, one(more=", bundel: x", after="retention: 5\n"))
    lines = refused("diagnose", "prod", GATEWAY, "--config", config).splitlines()
    assert [line.removeprefix(f"{config}: ").partition(":")[0] for line in lines] == ["clusters.0.bundel", "retention"]


# Many clusters


def test_a_sweep_is_as_healthy_as_its_worst_gateway(tmp_path: Path) -> None:
    two = f"{one(name='good')}- {{name: bad, bundle: {BROKEN}}}\n"
    config = written(tmp_path, two)
    answer = ask("sweep", "--config", config)
    assert answer.code == 1
    assert len([line for line in answer.out.splitlines() if GATEWAY in line]) >= 2
    assert ask("sweep", "good", "--config", config).code == 0
    assert "did you mean good" in refused("sweep", "goood", "--config", config)
    assert "has no clusters" in refused("sweep", "--config", written(tmp_path, "clusters: []"))
