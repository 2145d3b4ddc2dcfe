"""Parse az commands with azure-cli's own parser and validators, and execute none.

Run by the Python of an environment with azure-cli, without network. It reads a JSON list of calls from standard input: the
words without `az`, and the REST body that the command would read, if it is known. It writes a JSON list of messages, "" for
a command that azure-cli accepts. A `--query` is compiled, and evaluated on the body in the form in which az prints it.
"""

import contextlib
import io
import json
import sys
from typing import Any, NoReturn

from azure.cli.core import get_default_cli
from azure.cli.core.aaz import AAZCommand
from azure.cli.core.aaz._command_ctx import AAZCommandCtx
from azure.cli.core.azclierror import AzCLIError
from azure.cli.core.commands import AzCliCommandInvoker
from azure.cli.core.util import todict
from azure.mgmt.containerservice.models import AgentPool, ManagedCluster
from jmespath.exceptions import JMESPathError
from knack.util import CLIError
from requests.exceptions import RequestException

_UNREACHABLE = "Max retries exceeded"
"""A validator would read from Azure: the parser has accepted the words."""
_MODELS = {"aks show": ManagedCluster, "aks nodepool show": AgentPool, "aks nodepool list": AgentPool}


class _Accepted(Exception):
    """The command would now be called, and its result is not known."""


class Parser(AzCliCommandInvoker):  # type: ignore[misc] # azure-cli has no types
    """The invoker of azure-cli up to the point where it would call the command."""

    body: Any = None

    def resolve_confirmation(self, cmd: Any, parsed_args: Any) -> None:
        """No question: nothing is executed."""

    def _run_jobs_serially(self, jobs: Any, ids: Any) -> Any:  # noqa: ARG002 - the method that it replaces has it
        for arguments, command in jobs:
            _validate(arguments, command)
        model = _MODELS.get(self.data["command_string"])
        if self.body is None or model is None:
            raise _Accepted
        shown = [model(each) for each in self.body] if isinstance(self.body, list) else model(self.body)
        return [todict(shown)], []

    def _run_jobs_concurrently(self, jobs: Any, ids: Any) -> Any:
        return self._run_jobs_serially(jobs, ids)


def _validate(arguments: Any, command: Any) -> None:
    """Validate the values of a generated command, which others do in their validators."""
    if isinstance(command, AAZCommand):
        given = {key: value for key, value in vars(arguments).items() if not key.startswith("_") and key != "cmd"}
        AAZCommandCtx(command.cli_ctx, command.get_arguments_schema(), given).format_args()


def message(words: list[str], body: Any) -> str:
    """The reason why azure-cli refuses a command, or ""."""
    problems: list[str] = []
    cli = get_default_cli()
    cli.invocation_cls = type("Parser", (Parser,), {"body": body})
    AzCLIError.print_error = lambda self: problems.append(str(self.error_msg))
    cli.exception_handler = _raised
    shown = io.StringIO()
    with contextlib.redirect_stderr(shown), contextlib.redirect_stdout(io.StringIO()):
        try:
            code = cli.invoke(words, out_file=io.StringIO())
        except (_Accepted, RequestException):  # a validator that reads from Azure comes after the parser
            return ""
        except (CLIError, JMESPathError) as problem:
            code, problems = 1, [str(problem)]
        except SystemExit as end:
            code = end.code
    found = "; ".join(problems) or shown.getvalue() or f"exit code {code}"
    return "" if not code or _UNREACHABLE in found else found


def _raised(problem: Exception) -> NoReturn:
    raise problem


if __name__ == "__main__":
    print(json.dumps([message(*each) for each in json.load(sys.stdin)]))
