"""A running worker uses new credentials as soon as their files have changed."""

from pathlib import Path
from time import monotonic

from checks.config.configuration import ClusterConfig, Config
from checks.facts.fact import Gap, Listed
from checks.sources.live import close_sources
from checks.sources.source import Objects
from tests.clusters.compose import named
from tests.loopback.kube import TOKEN, KubeServer
from workers.runs.cluster_sources import ClusterSources

SERVICES = Listed("", "services")


def test_a_rotated_kubeconfig_is_used_by_the_next_run(tmp_path: Path) -> None:
    with KubeServer(named("base")) as kube:
        entry = ClusterConfig(name="prod", kubeconfig=str(kube.kubeconfig(tmp_path, {"token": "old"})), azure="none")
        sources = ClusterSources(Config(clusters=(entry,)))
        refused = sources.source(entry).list_objects(SERVICES, monotonic() + 20)
        assert isinstance(refused, Gap)
        assert refused.status == 401
        kube.kubeconfig(tmp_path)
        assert isinstance(sources.source(entry).list_objects(SERVICES, monotonic() + 20), Objects)
        close_sources()


def test_a_rotated_token_file_that_a_kubeconfig_names_is_used_by_the_next_run(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("old")
    with KubeServer(named("base")) as kube:
        config = kube.kubeconfig(tmp_path, {"tokenFile": "token"})
        entry = ClusterConfig(name="prod", kubeconfig=str(config), azure="none")
        sources = ClusterSources(Config(clusters=(entry,)))
        assert isinstance(sources.source(entry).list_objects(SERVICES, monotonic() + 20), Gap)
        (tmp_path / "token").write_text(TOKEN)
        assert isinstance(sources.source(entry).list_objects(SERVICES, monotonic() + 20), Objects)
        close_sources()


def test_unchanged_credentials_share_one_connection(tmp_path: Path) -> None:
    with KubeServer(named("base")) as kube:
        entry = ClusterConfig(name="prod", kubeconfig=str(kube.kubeconfig(tmp_path)), azure="none")
        sources = ClusterSources(Config(clusters=(entry,)))
        for _ in range(3):
            assert isinstance(sources.source(entry).list_objects(SERVICES, monotonic() + 20), Objects)
        assert kube.connections == 1
        close_sources()
