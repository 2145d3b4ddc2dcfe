"""The kubectl context of printed commands.

Without it, a pasted command changes whichever cluster is current. The builders of `checks/model/commands` know no cluster:
the engine adds the context where the commands of a diagnosis leave it (docs/contract.md#kubectl-context).
"""

import re
import shlex
from functools import lru_cache

_SHELL = re.compile(
    r"""(?P<skipped>
          '[^']*'                                            # a quoted word: a manifest, a patch, a command for a pod
        | \\.
        | <<-?\s*(?P<quote>['"]?)(?P<mark>\w+)(?P=quote).*?^\t*(?P=mark)$  # a here-document
        )
      | (?P<quoted>"(?:[^"\\]|\\.)*")
      | (?P<before>(?:\A|[\n|;&(])[ \t]*)kubectl(?=[ ]|\Z)(?![ ]--context[ =])""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
_SUBSTITUTED = re.compile(r"(?<!\\)(\$\()kubectl(?= )(?! --context[ =])")
"""A command within double quotes, whose output the shell inserts."""
_CODE_SPAN = re.compile(r"`([^`]+)`")
_OPTION = "--context"


@lru_cache(maxsize=10_000)
def command_in_context(command: str, context: str) -> str:
    """The shell command with the context in each kubectl command of it.

    An empty context changes nothing. Commands that a pod runs, such as those of `az aks command invoke`, are quoted and stay
    as they are: the pod has no such context.
    """
    if not context or "kubectl" not in command:
        return command
    named = f"kubectl {_OPTION} {shlex.quote(context)}"

    def replaced(found: re.Match[str]) -> str:
        if found["quoted"]:
            return _SUBSTITUTED.sub(lambda inner: f"{inner[1]}{named}", found["quoted"])
        return found["skipped"] or f"{found['before']}{named}"

    return _SHELL.sub(replaced, command)


def sentence_in_context(sentence: str, context: str) -> str:
    """The sentence with the context in the commands that it quotes between backticks."""
    if not context or "`kubectl " not in sentence:
        return sentence
    return _CODE_SPAN.sub(lambda span: f"`{command_in_context(span.group(1), context)}`", sentence)


def without_context(command: str) -> str:
    """The command as it is built, without the context that the engine added."""
    return re.sub(rf"\bkubectl {_OPTION} (?:'[^']*'|\S+)", "kubectl", command)
