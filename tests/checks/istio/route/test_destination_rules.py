"""Which DestinationRule counts, and what its settings mean together (Istio's SetDestinationRules and MergeTrafficPolicy)."""

from typing import Any

from checks.facts.istio_networking import DestinationRule
from checks.istio.route.destination_rules import Effective, effective
from checks.istio.route.visibility import MeshConfig
from tests.checks.istio.route.objects import facts, rule

X = "x.com"
MESH = MeshConfig("asm-1-30", {})


def used(
    *rules: DestinationRule, viewer: str = "team-egress", owner: str = "team-egress", **more: Any
) -> Effective | None:
    return effective(facts(rules), X, viewer, owner, MESH, **more)


def names(found: Effective | None) -> list[str]:
    return [each.name for each in found.rules] if found else []


def test_the_proxys_namespace_comes_first_then_the_hosts_then_the_root() -> None:
    mine, theirs, root = rule("mine", X, "a"), rule("theirs", X, "team-egress"), rule("root", X, "aks-istio-system")
    assert names(used(mine, theirs, root, viewer="a")) == ["mine"]
    assert names(used(theirs, root, viewer="a")) == ["theirs"]
    assert names(used(root, viewer="a")) == ["root"]
    assert used(rule("elsewhere", X, "b"), viewer="a") is None


def test_the_first_tier_that_has_any_decides_even_with_a_wider_host() -> None:
    assert names(used(rule("wide", "*.com", "a"), rule("exact", X), viewer="a")) == ["wide"]
    assert names(used(rule("wide", "*.com"), rule("exact", X))) == ["exact"]


def test_what_is_not_exported_does_not_count_elsewhere() -> None:
    assert used(rule("private", X, exportTo=["."]), viewer="a") is None
    assert names(used(rule("private", X, exportTo=["."]))) == ["private"]
    assert names(used(rule("named", X, exportTo=["a"]), viewer="a")) == ["named"]
    # Exported to others alone it does not count at home either.
    assert used(rule("given away", X, exportTo=["a"])) is None
    assert used(rule("nobody", X, exportTo=["~"])) is None


def test_rules_for_one_host_merge_subsets_and_keep_the_oldest_policy() -> None:
    older = rule("older", X, age=5, subsets=[{"name": "a"}])
    younger = rule("younger", X, age=1, subsets=[{"name": "b"}], trafficPolicy={"tls": {"mode": "SIMPLE"}})
    found = used(younger, older)
    assert found is not None
    assert found.subset_names == ("a", "b")
    assert (tls := found.tls(443)) is not None
    assert tls.mode == "SIMPLE"
    plain = rule("oldest", X, age=9, trafficPolicy={"connectionPool": {}})
    plain.raw["spec"]["trafficPolicy"] = {"connectionPool": {"tcp": {}}}
    found = used(younger, older, plain)
    assert found is not None
    assert found.tls(443) is None


def policy(**settings: Any) -> Effective:
    found = used(rule("r", X, trafficPolicy=settings))
    assert found is not None
    return found


def port(number: int, **settings: Any) -> dict[str, Any]:
    return {"port": {"number": number}, **settings}


def test_settings_of_a_port_replace_those_above_them() -> None:
    found = policy(tls={"mode": "SIMPLE"}, portLevelSettings=[port(443, loadBalancer={"simple": "RANDOM"})])
    assert found.tls(443) is None
    assert found.tls(8443) is not None
    assert found.dropped(443) == "spec.trafficPolicy.portLevelSettings[0]"
    assert found.dropped(8443) == ""


def test_a_subsets_settings_stand_before_the_rules_own() -> None:
    found = used(
        rule(
            "r",
            X,
            trafficPolicy={"tls": {"mode": "SIMPLE"}},
            subsets=[
                {"name": "plain", "trafficPolicy": {"tls": {"mode": "DISABLE"}}},
                {"name": "same"},
                {
                    "name": "port",
                    "trafficPolicy": {"portLevelSettings": [port(80, tls={"mode": "ISTIO_MUTUAL", "sni": "X.com"})]},
                },
            ],
        )
    )
    assert found is not None
    modes = {name: tls.mode if (tls := found.tls(80, name)) else None for name in ("plain", "same", "port", "unknown")}
    assert modes == {"plain": "DISABLE", "same": "SIMPLE", "port": "ISTIO_MUTUAL", "unknown": "SIMPLE"}
    tls = found.tls(80, "port")
    assert tls is not None
    assert (tls.sni, tls.path) == ("x.com", "spec.subsets[2].trafficPolicy.portLevelSettings[0].tls")


def test_an_empty_tls_block_means_none() -> None:
    tls = policy(tls={}).tls(443)
    assert tls is not None
    assert (tls.mode, tls.encrypts) == ("DISABLE", False)


def test_a_rule_with_a_workload_selector_counts_for_these_pods_of_its_namespace_only() -> None:
    chosen = rule("chosen", X, workloadSelector={"matchLabels": {"istio": "egw"}})
    general = rule("general", X)
    assert names(used(chosen, general, labels=[{"istio": "egw"}])) == ["chosen"]
    assert names(used(chosen, general, labels=[{"istio": "egw2"}])) == ["general"]
    assert used(chosen, viewer="a", labels=[{"istio": "egw"}]) is None


def test_a_short_host_is_a_service_beside_the_rule() -> None:
    found = effective(facts([rule("short", "egw")]), "egw.team-egress.svc.cluster.local", "a", "team-egress", MESH)
    assert names(found) == ["short"]


def test_the_systems_authorities_are_no_files_to_mount() -> None:
    system = policy(tls={"mode": "SIMPLE", "caCertificates": "/etc/ssl/certs/ca-certificates.crt"}).tls(443)
    own = policy(tls={"mode": "MUTUAL", "clientCertificate": "/etc/certs/c.pem"}).tls(443)
    assert system is not None
    assert own is not None
    assert (system.files, own.files) == ((), ("/etc/certs/c.pem",))
