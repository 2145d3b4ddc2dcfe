"""Secrets in objects: which fields below a name, beside a name or in a key are secret."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from checks.model.secrets.collected import flow_spans
from checks.model.secrets.descriptions import is_description, normal_key
from checks.model.secrets.names import SecretName, announced_secret, is_collection
from checks.model.secrets.programs import program_spans
from checks.model.secrets.values import is_prose, seems_random

_NAME_FIELDS = (
    *("name", "key", "keyname", "header", "headername", "variable", "setting", "parameter"),
    *("propertyname", "field", "path", "Name", "Key", "propertyName", "headerName", "keyName"),
)
"""Fields whose value is the name of a value beside it."""
_DATA = frozenset(
    (
        *(
            "value",
            "values",
            "val",
            "notvalues",
            "rawvalue",
            "inlinestring",
            "inlinebytes",
            "inline",
            "data",
            "raw",
            "string",
            "stringvalue",
        ),
        *("secretvalue", "plaintext", "literal", "content", "default", "defaultvalue"),
    )
)
"""Fields that hold the text itself: Envoy's data sources, variables and parameters."""
_MATCHES = frozenset(("exact", "prefix", "suffix", "contains", "regex"))
"""Istio's and Envoy's ways to compare a text."""
_MATCHERS = frozenset(
    (
        *_MATCHES,
        *("exactmatch", "prefixmatch", "suffixmatch", "containsmatch", "stringmatch", "valuematch", "saferegexmatch"),
    )
)
"""Envoy's fields beside the name of a header: the text that is compared with it."""
_SELECTORS = frozenset(
    ("matchlabels", "matchexpressions", "matchfields", "tolerations", "taints", "nodeselector", "secretkeyref")
)
"""Fields of Kubernetes with labels, taints and keys of Secrets: names, never secrets."""
_COMPARED = frozenset(("observed", "expected", "wanted", "before", "after", "old", "new", "from", "to", "was"))
_JWK_PRIVATE = frozenset(("d", "p", "q", "dp", "dq", "qi", "k", "oth"))
"""The private members of a JSON web key (RFC 7518, sections 6.2.2, 6.3.2 and 6.4)."""
_PLAIN = re.compile(r"[\w.-]{1,120}")
_SCHEMES = frozenset(("bearer", "basic", "digest", "negotiate", "token"))
_EXTENSION = re.compile(r"\.(?:properties|env|ini|txt|conf|cfg|ya?ml|json|toml|csv)$", re.IGNORECASE)
_LINE_VALUE = re.compile(r"(?m)^[ \t]*[\w.@-]{1,120}[ \t]*[=:,][ \t]*(?P<value>\S[^\n]*)$")


@lru_cache(maxsize=20_000)
def is_data_field(key: str) -> bool:
    """Whether a field of this name holds a text whose name is beside it."""
    normal = normal_key(key)
    return normal in _DATA or normal.endswith("value")


@lru_cache(maxsize=20_000)
def is_matcher(key: str) -> bool:
    """Whether a field of this name is compared with a header whose name is beside it."""
    return normal_key(key) in _MATCHERS


@lru_cache(maxsize=20_000)
def is_selector(key: str) -> bool:
    """Whether an object of this name holds labels, taints or keys of Secrets."""
    return normal_key(key) in _SELECTORS


def is_compared_field(key: str) -> bool:
    """Whether a field of this name holds one side of a comparison, such as `observed`."""
    return key in _COMPARED


def neighbouring_name(parent: Mapping[str, Any]) -> str:
    """The name beside a value: of a variable, a header, a condition, a changed field."""
    for field in _NAME_FIELDS:
        if isinstance(name := parent.get(field), str) and name:
            name = name.removeprefix("request.headers[")
            return re.split(r"[\[/]", name.rstrip("]"))[-1]
    return ""


def is_secret_text_of_comparison(value: str) -> bool:
    """Whether one side of a comparison is a secret: a word with letters and digits."""
    return " " not in value and any(map(str.isdigit, value)) and any(map(str.isalpha, value)) and len(value) >= 6


def is_generated_below(key: str, value: str, above: SecretName) -> bool:
    """Whether a text below the name of a password is one: it has letters and digits."""
    return above is SecretName.PASSWORD and not is_description(key) and is_secret_text_of_comparison(value)


def is_list_of_secrets(key: str, above: SecretName) -> bool:
    """Whether a list of texts anywhere below the name of a password holds passwords."""
    return above is SecretName.PASSWORD and not is_description(key)


def is_secret_below(key: str, name: SecretName | None, *, is_in_collection: bool) -> bool:
    """Whether a text in this field is secret when an object above it has the name of a secret."""
    if name is not None and not is_in_collection and name is not SecretName.WEAK:
        return True
    if is_description(key):
        return False
    return is_in_collection or is_data_field(key) or key in _MATCHES


def is_private_name(key: str) -> bool:
    """Whether this is the name of a private member of a JSON web key."""
    return key in _JWK_PRIVATE


def is_scheme_or_pattern(key: str, value: str) -> bool:
    """Whether a text that is compared with a header contains no credential: `Bearer `, `.+`."""
    if value.strip().lower() in _SCHEMES:
        return True
    return normal_key(key) in ("regex", "saferegexmatch") and not re.search(
        r"\w{6,}", re.sub(r"(?i)\\.|\[[^\]]*\]|bearer|basic|digest", "", value)
    )


def follows_its_name(before: Any, value: Any, *, is_pair: bool, is_lone: bool) -> SecretName | None:
    """The kind of a list's element if its name is before it: `["authorization", …]`.

    A list of two may be a pair or two names; a list of such lists holds pairs.
    """
    if not isinstance(before, str) or not isinstance(value, str):
        return None
    name = announced_secret(before) if _PLAIN.fullmatch(before) else None
    if name in (None, SecretName.WEAK, SecretName.OBJECT) or announced_secret(value) is not None:
        return None
    if is_pair:
        return name
    is_text = (" " in value and not is_prose(value)) or seems_random(value)
    mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    return name if is_text or (is_lone and (mixed or (" " in value and name is SecretName.HEADER))) else None


def are_pairs(elements: Sequence[Any]) -> bool:
    """Whether a list consists of pairs of a name and a value."""
    return bool(elements) and all(
        isinstance(each, list | tuple) and len(each) == 2 and isinstance(each[0], str) for each in elements
    )


def secret_arguments(words: Sequence[Any]) -> set[int]:
    """The positions of secrets in the arguments of a well-known program."""
    if not all(isinstance(each, str) for each in words):
        return set()
    line = " ".join(words)
    if len(line) > 4_000:
        return set()
    ends: list[int] = []
    for word in words:
        ends.append((ends[-1] + 1 if ends else 0) + len(word))
    found = set()
    for start, end in program_spans(line):
        position = next(number for number, stop in enumerate(ends) if start <= stop)
        begins = ends[position] - len(words[position])
        if start - begins <= 2 and end > start:
            found.add(position)
    return found


def stem_of_file(key: str) -> str:
    """The name of a file without the extension of a configuration file."""
    return _EXTENSION.sub("", key)


def values_of_lines(key: str, text: str) -> Iterator[tuple[int, int]]:
    """The values of a file with the name of a collection: `passwords.properties`."""
    stem = stem_of_file(key)
    if stem == key or not is_collection(stem):
        return
    if text.lstrip().startswith(("{", "[")):
        yield from flow_spans(text, 0, SecretName.PASSWORD)
    else:
        for found in _LINE_VALUE.finditer(text):
            yield found.span("value")
