"""The command line's contract with scripts: commands, exit codes, streams, JSON, bundles.

The tests run the installed command on complete bundles and import nothing from the package.
"""

from __future__ import annotations

import re
import subprocess
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.clusters.bundles import dump_yaml, read_bundle, read_yaml, write_bundle
from tests.clusters.compose import compose
from tests.command_line import ENVIRONMENT, PROGRAM, ROOT, Answer, ask, refused

pytestmark = pytest.mark.slow  # too slow for make check

EXAMPLES = ROOT / "examples" / "bundles"
EXAMINED = ROOT / "tests" / "examined"
COMPLETE = (EXAMINED / "cluster", *sorted(path.parent for path in EXAMPLES.glob("*/expect.yaml")))
PATCHED = (EXAMINED / "gateway-pool-missing.yaml", EXAMINED / "gateway-selector-mismatch.yaml")

EXIT = {"healthy": 0, "degraded": 0, "broken": 1, "inconclusive": 3, "starting": 4}
HEALTHY = EXAMPLES / "healthy"
GATEWAY = "team-egress/egw"


@pytest.fixture(scope="module", params=(*COMPLETE, *PATCHED), ids=lambda path: f"{path.parent.name}-{path.stem}")
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with its `expect.yaml`: the repository's, or patches of an examined cluster."""
    path: Path = request.param
    if path in COMPLETE:
        return path
    content = read_yaml(path)
    cluster = read_bundle(EXAMINED / "cluster")
    for patch in content["patches"]:
        cluster = compose(cluster, patch)
    folder = tmp_path_factory.mktemp(path.stem) / "bundle"
    write_bundle(cluster, folder)
    (folder / "expect.yaml").write_text(dump_yaml(content["expect"]), encoding="utf-8")
    return folder


@cache
def diagnosed(bundle: Path, *options: str) -> Answer:
    """The JSON answer for the bundle's gateway."""
    gateway = yaml.safe_load((bundle / "expect.yaml").read_text(encoding="utf-8"))["gateway"]
    return ask("diagnose", "any", gateway, "--bundle", bundle, "--output", "json", *options)


def about(*options: str | Path) -> Answer:
    return ask("diagnose", "x", GATEWAY, "--bundle", HEALTHY, *options)


def wrong(*options: str | Path) -> str:
    return refused("diagnose", "x", GATEWAY, "--bundle", HEALTHY, *options)


# Expectations of a bundle


def test_the_diagnosis_of_a_bundle_is_the_expected_one(bundle: Path) -> None:
    expect = yaml.safe_load((bundle / "expect.yaml").read_text(encoding="utf-8"))
    answer = diagnosed(bundle)
    document, failing, optional = answer.document, answer.with_status("fail"), set(expect.get("may_fail", ()))

    namespace, _, name = expect["gateway"].partition("/")
    assert document["gateway"] == {"namespace": namespace, "name": name}
    assert document["verdict"] == expect["verdict"]
    assert answer.code == EXIT[expect["verdict"]]
    assert [slug for slug in document["root_causes"] if slug not in optional] == expect["root_causes"]
    assert set(expect["failing"]) <= failing
    if expect.get("not_failing") == "*":
        assert failing <= set(expect["failing"]) | optional
    else:
        assert not failing & set(expect.get("not_failing", ()))
    for key, status in (("warning", "warn"), ("unknown", "unknown")):
        if isinstance(expect.get(key), list):
            assert answer.with_status(status) == set(expect[key]), key
    for check, causes in expect.get("explained", {}).items():
        explained = [each["explained_by"] for each in document["findings"] if each["check"] == check]
        assert any(set(causes) <= set(each) for each in explained), check


# The JSON document

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
FINDING: dict[str, Any] = {
    **dict.fromkeys(("check", "code", "stage", "severity", "title", "status", "summary"), str),
    **dict.fromkeys(("article_steps", "evidence", "actions", "explained_by"), list),
}


def test_the_document_has_the_documented_keys_and_types(bundle: Path) -> None:
    answer = diagnosed(bundle)
    document = answer.document
    assert document["schema"] == "egress-diag/v1"
    assert (document["cluster"], document["host"]) == ("any", None)
    assert document["verdict"] in EXIT
    assert TIME.fullmatch(document["started_at"])
    assert datetime.fromisoformat(document["started_at"]).tzinfo is not None
    assert 0 <= document["duration_seconds"] < 60
    assert set(document) >= {"schema", "cluster", "gateway", "host", "verdict", "started_at", "duration_seconds"}
    assert answer.err == ""
    for finding in document["findings"]:
        well_formed(finding)
    codes = [finding["code"] for finding in document["findings"]]
    assert codes == sorted(codes)


def well_formed(finding: dict[str, Any]) -> None:
    assert {key: type(finding[key]) for key in FINDING} == FINDING
    assert re.fullmatch(r"EG\d{3}", finding["code"])
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", finding["check"])
    assert finding["stage"] in {"prerequisites", "network", "provisioning", "static_gateway", "istio"}
    assert finding["severity"] in {"blocks", "degrades", "risks"}
    assert finding["status"] in {"pass", "warn", "fail", "skipped", "unknown"}
    assert finding["summary"].strip()
    assert "\n" not in finding["summary"]
    for each in finding["evidence"]:
        assert {key: type(each[key]) for key in ("resource", "field", "observed", "expected")} == dict.fromkeys(
            ("resource", "field", "observed", "expected"), str
        )
    for action in finding["actions"]:
        assert action["effect"] in {"reads", "changes", "disrupts"}
        assert action["title"]
        assert isinstance(action["command"], str)
        assert not action["url"] or action["url"].startswith("https://")


def test_root_causes_are_the_failures_that_nothing_explains(bundle: Path) -> None:
    answer = diagnosed(bundle)
    failing = answer.with_status("fail")
    fails = [each for each in answer.document["findings"] if each["status"] == "fail"]
    explained = {each["check"] for each in fails if each["explained_by"]}
    roots = answer.document["root_causes"]
    assert len(roots) == len(set(roots))
    assert set(roots) == {each["check"] for each in fails if not each["explained_by"]}
    assert explained.isdisjoint(roots) or explained <= failing
    for each in fails:
        assert set(each["explained_by"]) <= failing | answer.with_status("warn")


def test_the_verdict_and_the_exit_code_follow_from_the_findings(bundle: Path) -> None:
    answer = diagnosed(bundle)
    heavy = {f["check"] for f in answer.document["findings"] if f["severity"] in ("blocks", "degrades")}
    if answer.with_status("fail"):
        verdict = "broken"
    elif any(each["pending"] for each in answer.document["findings"]):
        verdict = "starting"
    elif answer.with_status("unknown") & heavy:
        verdict = "inconclusive"
    else:
        verdict = "degraded" if answer.with_status("warn") else "healthy"
    assert answer.document["verdict"] == verdict
    assert answer.code == EXIT[verdict]


def test_a_gateway_that_is_starting_has_a_verdict_of_its_own_and_offers_no_change() -> None:
    """docs/rulings.md#ruling-23."""
    answer = ask("diagnose", "x", GATEWAY, "--bundle", EXAMPLES / "prefix-pending", "--output", "json")
    assert (answer.code, answer.document["verdict"]) == (4, "starting")
    offered = {each["check"]: each["actions"] for each in answer.document["findings"] if each["actions"]}
    assert {action["effect"] for actions in offered.values() for action in actions} == {"reads"}
    assert set(offered) == {"egress-prefix-unassigned"}
    text = ask("diagnose", "x", GATEWAY, "--bundle", EXAMPLES / "prefix-pending").out
    assert "Starting: StaticGatewayConfiguration team-egress/sgc has waited" in text
    assert "changes the cluster" not in text
    assert "interrupts traffic" not in text


def test_the_host_is_normalized_with_its_port() -> None:
    def host(typed: str) -> object:
        return about("--host", typed, "--output", "json").document["host"]

    assert host("https://Edition.CNN.com./") == "edition.cnn.com:443"
    assert host("https://Edition.CNN.com:443/path?token=secret") == "https://edition.cnn.com/path"
    assert host("tcp://DB.example:5432") == "tcp://db.example:5432"
    assert host("2001:DB8::1") == "[2001:db8::1]"


# The streams


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_a_closed_output_changes_neither_the_exit_code_nor_the_other_stream(form: str) -> None:
    command = [str(PROGRAM), "diagnose", "x", GATEWAY, "--bundle", str(HEALTHY), "--output", form]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(ENVIRONMENT)) as run:
        assert run.stdout
        assert run.stderr
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == 0


@pytest.mark.parametrize("words", [("diagnose", "x", GATEWAY, "--bundle", str(HEALTHY)), ("checks",)], ids=["d", "c"])
def test_a_full_disk_is_reported_as_an_error(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [PROGRAM, *words], stdout=full, stderr=subprocess.PIPE, env=dict(ENVIRONMENT), check=False, timeout=60
        )
    assert done.returncode == 2
    assert b"standard output cannot be written: No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "env",
    [{}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, {"HOME": "/proc/self", "TERM": "dumb"}],
    ids=["empty", "a locale without UTF-8", "a terminal without colours"],
)
@pytest.mark.parametrize("form", ["text", "markdown"])
def test_the_output_does_not_depend_on_the_environment(env: dict[str, str], form: str) -> None:
    answer = ask("diagnose", "x", GATEWAY, "--bundle", HEALTHY, "--output", form, cwd=Path("/proc"), env=env)
    assert (answer.code, answer.err) == (0, "")
    assert "\x1b" not in answer.out
    assert "Healthy" in answer.out


def test_a_failure_that_is_only_pending_is_corrected_to_a_warning() -> None:
    lines = ask("diagnose", "x", GATEWAY, "--bundle", EXAMPLES / "prefix-pending").out.splitlines()
    failed = {line.split()[1] for line in lines if line.startswith("fail ")}
    corrected = {line.split()[1] for line in lines if line.startswith("warning ") and "warning, not fail" in line}
    assert failed == corrected


# Options


def test_only_selects_checks_by_code_or_slug() -> None:
    answer = about("--only", "EG405, Gateway_Pool_Missing,EG405", "--output", "json")
    assert [each["code"] for each in answer.document["findings"]] == ["EG405", "EG407"]


def test_the_namespace_may_be_an_option() -> None:
    answer = ask(
        *("diagnose", "x", "egw", "--namespace", "team-egress", "--bundle", HEALTHY, "--only", "EG405"),
        *("--output", "json"),
    )
    assert answer.document["gateway"] == {"namespace": "team-egress", "name": "egw"}


def test_quiet_prints_the_verdict_and_the_root_causes_in_80_columns(bundle: Path) -> None:
    whole = diagnosed(bundle)
    gateway = yaml.safe_load((bundle / "expect.yaml").read_text(encoding="utf-8"))["gateway"]
    quiet = ask("diagnose", "any", gateway, "--bundle", bundle, "--quiet")
    lines = quiet.out.splitlines()
    assert quiet.code == whole.code
    assert lines[0].lower().startswith(f"{whole.document['verdict']}: ")
    assert max(map(len, lines)) <= 80
    roots = {f["code"] for f in whole.document["findings"] if f["status"] == "fail" and not f["explained_by"]}
    assert {line.split()[2] for line in lines if line.startswith("Root cause  ")} == roots
    assert "kubectl" not in quiet.out


@pytest.mark.parametrize("form", ["json", "markdown"])
def test_quiet_is_only_for_text(form: str) -> None:
    assert f"--quiet prints text; leave out --output {form}" in wrong("--quiet", "--output", form)


def test_a_client_that_does_not_exist_is_a_mistake() -> None:
    message = wrong("--host", "edition.cnn.com", "--from", "nowhere/web", "--output", "json")
    assert "Client namespace nowhere does not exist; namespaces with sidecars: " in message


@pytest.mark.parametrize("options", [(), ("--only", "EG405"), ("--output", "json"), ("--output", "markdown")])
def test_an_unknown_gateway_is_an_error_with_the_nearest_name(options: tuple[str, ...]) -> None:
    """Before, EG104 failed, and the gateway was broken."""
    message = refused("diagnose", "x", "team-egress/eqw", "--bundle", HEALTHY, *options)
    assert 'no egress gateway "team-egress/eqw": did you mean team-egress/egw?' in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--nonsense",), "No such option"),
        (("--output", "xml"), "'text', 'json', 'markdown'"),
        (("--timeout", "0"), "1<=x<=3600"),
        (("--timeout", "nan"), "not a number of seconds"),
        (("--timeout", "soon"), "not a valid float"),
        (("--only", "EG405,eg4O7"), 'no check "eg4O7"; did you mean "EG407"?'),
        (("--only", ""), "expected slugs or codes"),
        (("--only", ","), "expected slugs or codes"),
        (("--namespace", "other"), "contradict each other"),
        (("--from", ""), "expected NAMESPACE or NAMESPACE/WORKLOAD"),
        (("--from", "a/b/c"), "expected NAMESPACE or NAMESPACE/WORKLOAD"),
        (("--from", "/web"), "expected NAMESPACE or NAMESPACE/WORKLOAD"),
        (("--host", ""), "expected HOST[:PORT]"),
        (("--host", "."), "expected HOST[:PORT]"),
        (("--host", "ftp://api.bank.example"), "expected http://, https://"),
        (("--host", "api.bank.example/path"), "without a path"),
        (("--host", "api.bank.example:0"), "1 to 65535"),
        (("--host", "api.bank.example:65536"), "1 to 65535"),
        (("--host", "api bank"), "is not a host name"),
        (("--host", "a..b"), "is not a host name"),
        (("--host", "-x.example"), "is not a host name"),
        (("--host", f"{'a' * 64}.example"), "is not a host name"),
        (("--host", "tcp://db.example"), "needs a port"),
        (("--host", "10.1.2"), "the last label is a number"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, tuple) else "",
)
def test_an_invalid_option(options: tuple[str, ...], message: str) -> None:
    assert message in wrong(*options)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "Missing argument '[CLUSTER] GATEWAY'"),
        (("x",), 'no egress gateway "x": the cluster has team-egress/egw'),
        (("x", "a/b/c"), "expected NAME or NAMESPACE/NAME"),
        (("x", ""), "expected NAME or NAMESPACE/NAME"),
        (("x", "Ä!"), "is not a Kubernetes name"),
        (("", "egw"), "is not a cluster name"),
        (("\x1b[2J", "egw"), "is not a cluster name"),
        (("x" * 5000, "egw"), "is not a cluster name"),
    ],
    ids=repr,
)
def test_an_invalid_cluster_or_gateway(words: tuple[str, ...], message: str) -> None:
    assert message in refused("diagnose", *words, "--bundle", HEALTHY)


def test_international_names_and_wildcards_are_valid_hosts() -> None:
    for typed, host in (("Bücher.example:443", "xn--bcher-kva.example:443"), ("*.cnn.com", "*.cnn.com")):
        assert about("--host", typed, "--output", "json").document["host"] == host


# The other commands


def test_the_catalogue_and_the_page_of_a_check() -> None:
    listing = ask("checks").out
    assert len(re.findall(r"^ +EG\d{3}  ", listing, re.MULTILINE)) >= 60
    for name in ("EG405", "eg405", "egress-prefix-unassigned"):
        page = ask("checks", name).out
        assert page.startswith("EG405 egress-prefix-unassigned\n")
        assert "SEG-2" in page
    assert 'did you mean "egress-prefix-unassigned"?' in refused("checks", "egress-prefix-unasigned")


def test_the_permissions_are_a_cluster_role() -> None:
    role = yaml.safe_load(ask("checks", "--permissions").out)
    assert role["kind"] == "ClusterRole"
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} <= {"get", "list"}


def test_a_collected_bundle_replays_to_the_same_findings(tmp_path: Path) -> None:
    for name in ("incident.tar.gz", "incident"):
        done = ask("collect", "x", GATEWAY, "--bundle", EXAMPLES / "selector-mismatch", "-o", name, cwd=tmp_path)
        assert (done.code, done.out) == (0, "")
        assert f"--bundle {name}" in done.err
        again = ask("diagnose", "any", GATEWAY, "--bundle", name, "--output", "json", cwd=tmp_path)
        assert again.document["findings"] == diagnosed(EXAMPLES / "selector-mismatch").document["findings"]
        message = refused("collect", "x", GATEWAY, "--bundle", HEALTHY, "-o", name, cwd=tmp_path)
        assert "already exists" in message
    assert "cannot be written" in refused("collect", "x", GATEWAY, "--bundle", HEALTHY, "-o", "/proc/no/b.tar.gz")


def test_the_version_and_the_help_name_every_command() -> None:
    assert re.match(r"egress-diag, version \d", ask("--version").out)
    commands = re.findall(r"^  ([a-z]+) ", ask("--help").out, re.MULTILINE)
    assert {"diagnose", "sweep", "collect", "checks", "doctor", "bot", "worker", "beat", "demo"} <= set(commands)
    assert "No such command" in refused("diagnoze")


@pytest.mark.parametrize(
    "command", ["beat", "bot", "checks", "collect", "demo", "diagnose", "doctor", "sweep", "worker"]
)
def test_the_list_of_commands_repeats_the_first_paragraph_of_each(command: str) -> None:
    listed = " ".join(ask("--help").out.split())
    paragraph = " ".join(ask(command, "--help").out.split("\n\n")[1].split())
    assert f"{command} {paragraph}" in listed
