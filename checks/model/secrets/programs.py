"""Secrets in arguments of well-known programs: `curl -u`, `mysql -p…`, `sshpass -p`."""

import re
from collections.abc import Iterator
from functools import partial

from checks.model.secrets.cookies import cookie_spans
from checks.model.secrets.names import SecretName
from checks.model.secrets.pairs import value_spans
from checks.model.secrets.unquoted import Place
from checks.model.secrets.values import PLACEHOLDERS
from checks.model.secrets.words import Finder, WordCondition, WordIndex

_SHELL = Place("x", "=", "", is_quoted_name=False)
_BETWEEN = r"[^\n|;]{0,300}?"
_USERS = re.compile(
    rf"(?<![\w-])(?:(?:curl|http|https|xh)\b{_BETWEEN}\s(?:-[A-Za-z]*u|-a|-U)(?:\s+|=)?|--(?:proxy-)?user(?:\s+|=))"
    r"(?P<quote>[\"']?)(?P<user>[^\s:\"']{1,100}):(?!//)"
)
_ARGUMENTS = re.compile(
    rf"(?<![\w-])(?:redis-cli\b{_BETWEEN}\s-a\s+|sshpass\b{_BETWEEN}\s-p\s*|"
    rf"(?:docker|podman|helm registry|oras|crane)\s+login\b{_BETWEEN}\s-p\s*|"
    rf"az\s+login\b{_BETWEEN}\s-p\s+|az\s+acr\s+login\b{_BETWEEN}\s-p\s+|(?:mysql|mysqldump|mysqladmin|mariadb)\b{_BETWEEN}\s-p(?=\S)|"
    rf"ldap(?:search|modify|add|whoami)\b{_BETWEEN}\s-w\s+|vault\s+login\s+|mosquitto_(?:pub|sub)\b{_BETWEEN}\s-P\s+|"
    rf"(?:zip|unzip|7z)\b{_BETWEEN}\s-[pP]\s*|sqlcmd\b{_BETWEEN}\s-P\s*|mongo(?:sh|dump)?\b{_BETWEEN}\s-p\s+|"
    rf"(?:mysql|mariadb)\b{_BETWEEN}\s-p\s+(?=[^\s-])|openssl\b{_BETWEEN}\s-[kK]\s+(?=[^\s-])|ipmitool\b{_BETWEEN}\s-P\s+|"
    rf"cqlsh\b{_BETWEEN}\s-p\s+|snmp\w{{3,8}}\b{_BETWEEN}\s-c\s+|snmp\w{{2,10}}\b{_BETWEEN}\s-[AX]\s+|"
    rf"htpasswd\b{_BETWEEN}[ ]-[A-Za-z]*b[A-Za-z]*[ ]+(?:\S+[ ]+)?\S+[ ]+|(?i:ConvertTo-SecureString)\s+(?:-String\s+)?|"
    r"(?i:identified\s+(?:with\s+\S{1,60}\s+)?(?:by|as)\s+(?:(?:values|password)\s+)?)(?=\\*[\"'])|"
    r"(?i:(?:create|alter)\s+user\s+\S{1,80}\s+identified\s+by\s+)|"
    r"--from-literal[=\s][\"']?[\w.-]{1,100}=)"
)
_ECHOED = re.compile(
    r"(?:echo|printf)\s+(?:-\w+\s+)*(?:[\"']%s(?:\\n)?[\"']\s+)?(?P<quote>[\"']?)(?P<secret>[^\s\"'|]{4,200}|(?<=[\"'])[^\"'\n]{4,200})(?P=quote)"
    r"\s*\|[^\n]{0,200}?(?:-stdin\b|/dev/stdin|\bchpasswd|\bbase64(?! -d| --decode)|passwd\b|--with-token|\blogin\b|vault\s+kv)"
)
"""A value that a shell writes to the standard input of a program."""
_HERE_STRING = re.compile(
    r"(?i)(?:pass|token|secret|login|cred|key|auth|kinit)[^\n<]{0,100}<<<\s*(?P<quote>[\"']?)(?P<user>[\w.-]{1,60}:)?"
    r"(?P<secret>(?<=[\"':])[^\"'\n]{3,200}|[^\s\"']{3,200})"
)
_SUBSTITUTED = re.compile(
    r"(?i)(?:pass\w*|token|secret|key|cred\w*)(?:-?file)?[= ]<\((?:echo|printf)\s+[\"']?(?P<secret>[^\s\"')]{3,200})"
)
_COOKIES = re.compile(rf"\bcurl\b{_BETWEEN}\s(?:-b|--cookie)(?:\s+|=)?(?P<quote>[\"']?)(?=[^\s=]{{1,100}}=)")
_SMB = re.compile(r"\s-U\s*[\"']?[\w.\\/-]{1,60}%(?P<secret>[^\s\"']{1,100})")
_REDIS_USER = re.compile(r"(?i)\buser\s+\S{1,60}\s+on\s[^\n]{0,60}?>(?P<secret>\S{1,200})")
_USER_FLAG = re.compile(r"-[A-Za-z]*u|-a|-U|.*--(?:proxy-)?user")
_COOKIE_FLAG = re.compile("-b|--cookie")
_PATCHES = re.compile(r"(?:\S*/)?kubectl\s(?:[^\n]*\s)?patch\s")
_COMMANDS = re.compile(
    r"(?<![\w-])(?:AUTH (?:default )?(?=\S*\d)|(?:add_user|change_password)\s+\S{1,60}\s+)(?P<secret>\S{6,200})"
)
_PROGRAMS = (
    *("redis-cli", "sshpass", "login", "mysql", "mariadb", "ldap", "mosquitto", "openssl", "ipmitool", "cqlsh", "snmp"),
    *("htpasswd", "securestring", "identified", "zip", "7z", "sqlcmd", "mongo", "literal"),
)
"""A word of each alternative of `_ARGUMENTS`, in small letters."""


def program_finders() -> Iterator[Finder]:
    """The functions that find secrets in arguments of programs, with their words."""
    clients = WordCondition(("curl", "http", "xh", "--user", "--proxy-user"))
    yield Finder(_users, (clients, WordCondition(("-",), _USER_FLAG.match)))
    yield Finder(_arguments, (WordCondition(_PROGRAMS),))
    yield Finder(_cookies, (WordCondition(("curl",)), WordCondition(("-b", "--cookie"), _COOKIE_FLAG.match)))
    yield Finder(partial(_secrets, _SMB), (WordCondition(("-u",), re.compile("-U").match), WordCondition(("%",))))
    yield Finder(partial(_secrets, _REDIS_USER), (WordCondition(("user",)), WordCondition((">",))))
    command = re.compile(r"(?:AUTH|add_user|change_password)\Z").search
    yield Finder(partial(_secrets, _COMMANDS), (WordCondition(("auth", "add_user", "change_password"), command),))
    echo = re.compile(r"(?:echo|printf)\Z").search
    yield Finder(partial(_secrets, _ECHOED), (WordCondition(("echo", "printf"), echo), WordCondition(("|",))))
    yield Finder(partial(_secrets, _HERE_STRING), (WordCondition(("<<<",)),))
    yield Finder(partial(_secrets, _SUBSTITUTED), (WordCondition(("<(",)),))


def program_spans(text: str) -> Iterator[tuple[int, int]]:
    """The secrets in arguments of programs in this text."""
    for each in _INDEX.finders(text):
        yield from each.find(text)


def _users(text: str) -> Iterator[tuple[int, int]]:
    for found in _USERS.finditer(text):
        yield from _argument(text, found.end(), found["quote"])


def _arguments(text: str) -> Iterator[tuple[int, int]]:
    for found in _ARGUMENTS.finditer(text):
        if not _is_configuration(text, found) and not _is_patched_object(text, found):
            yield from value_spans(text, found.end(), SecretName.PASSWORD, _SHELL)


def _cookies(text: str) -> Iterator[tuple[int, int]]:
    for found in _COOKIES.finditer(text):
        yield from cookie_spans(text, found.end(), _end(text, found.end(), found["quote"]))


def _secrets(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    for found in pattern.finditer(text):
        if not found["secret"].startswith(PLACEHOLDERS):
            yield found.span("secret")


def _is_configuration(text: str, found: re.Match[str]) -> bool:
    """Whether a literal is one of a ConfigMap, which contains no secrets."""
    line = text.rfind("\n", max(0, found.start() - 300), found.start()) + 1
    return "--from-literal" in found[0] and re.search(r"\b(?:configmap|cm)\s", text[line : found.start()]) is not None


def _is_patched_object(text: str, found: re.Match[str]) -> bool:
    """Whether the program is the name of an object that kubectl patches.

    -p is then the patch.
    """
    before = text[max(0, found.start() - 300) : found.end()]
    command = re.split(r"\n|[|;&]\s|\s--\s", before)[-1]
    return _PATCHES.match(command.strip()) is not None


def _argument(text: str, at: int, quote: str) -> Iterator[tuple[int, int]]:
    end = _end(text, at, quote)
    value = text[at:end]
    if value and not value.startswith((*PLACEHOLDERS, "$")) and not value.isdigit():
        yield at, end


def _end(text: str, at: int, quote: str) -> int:
    found = re.compile(re.escape(quote) if quote else r"[\s\"']").search(text, at, at + 1_000)
    return found.start() if found else min(len(text), at + 1_000)


_INDEX = WordIndex(tuple(program_finders()))
