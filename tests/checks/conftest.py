"""Shared by the tests of checks: Azure's environment at a loopback Azure."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from checks.sources.live import close_sources
from tests.loopback.azure import AzureServer

UseAzure = Callable[[AzureServer], None]


@pytest.fixture
def use_azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UseAzure]:
    """Points the Azure libraries at a loopback Azure, by the environment that they read."""

    def use(server: AzureServer) -> None:
        for name, value in server.environment(tmp_path).items():
            monkeypatch.setenv(name, value)

    yield use
    close_sources()
