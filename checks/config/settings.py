"""The environment variables of `checks`; no other module reads the environment."""

from pathlib import Path

from pydantic import Field

from checks.config.environment import EnvironmentSettings

CONFIG_FILE = "the path of a configuration file"


class Settings(EnvironmentSettings):
    """`$EGRESS_DIAG_CONFIG`: the configuration file if `--config` is not given."""

    config: Path | None = Field(None, validation_alias="EGRESS_DIAG_CONFIG", description=CONFIG_FILE)


class KubectlSettings(EnvironmentSettings):
    """`$KUBECONFIG`: the kubeconfigs of kubectl, separated by `:`; "" for kubectl's default."""

    kubeconfig: str = Field("", validation_alias="KUBECONFIG", description="the kubeconfigs of kubectl")


class TerminalSettings(EnvironmentSettings):
    """`$NO_COLOR` (https://no-color.org) and `$TERM`: whether the terminal shows colours."""

    no_color: str = Field("", validation_alias="NO_COLOR", description="any text: output without colours")
    kind: str = Field("", validation_alias="TERM", description="the type of the terminal")


class PodSettings(EnvironmentSettings):
    """The pod of this process, if it runs in one.

    Kubernetes sets its name and the address of the API server.
    """

    name: str = Field("", validation_alias="HOSTNAME", description="the name of the pod")
    api_server: str = Field("", validation_alias="KUBERNETES_SERVICE_HOST", description="the API server's address")
