"""Distinguishes secret values from references, placeholders and words."""

import re

from checks.model.secrets.names import SecretName

PLACEHOLDERS = ("[redacted]", "REDACTED", "UkVEQUNURUQ=")
"""The replacements of secrets: in text, in Secret objects, and these in base64."""

_NOTHING = frozenset(
    [
        "null",
        "none",
        "nil",
        "undefined",
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
        "~",
        "-",
        "n/a",
        "required",
        "optional",
        "unset",
        "empty",
        "redacted",
    ]
)
_METHODS = frozenset(
    [
        "basic",
        "digest",
        "bearer",
        "oauth",
        "oauth2",
        "oidc",
        "mtls",
        "mutual",
        "jwt",
        "tls",
        "ssl",
        "ntlm",
        "kerberos",
        "negotiate",
        "strict",
        "permissive",
        "enabled",
        "disabled",
        "aad",
        "entra",
        "ldap",
        "saml",
        "iam",
        "sasl",
        "scram",
        "peer",
        "trust",
        "ident",
        "md5",
        "password",
        "token",
        "anonymous",
        "workload",
        "msi",
        "spnego",
        "simple",
        "external",
        "internal",
        "istio",
        "kubernetes",
        "always",
        "never",
        "custom",
        "allow",
        "deny",
    ]
)
_REFERENCE = re.compile(
    r"\$[A-Z_][A-Z0-9_]*|\$\{[^{}]*\}|\$\([^()]*\)|\$\(.*|\{\{.*\}\}|\{\{.*|%[A-Z_][A-Z0-9_]*%|<[^<>]*>|<(?:none|set|unset|redacted)\b.*|"
    r"\*+|[xX]{3,}|\.{3}|…|@\w+\(.*|/(?:srv|home|app|tmp|root|data|opt|var|usr|etc|run|mnt|work|workspace)/?"
)
"""A variable, a template, a description in angle brackets, a mask, or a directory."""
_PATH = re.compile(r"(?:file://|~|\.{0,2})(?:/[A-Za-z0-9@_.-]{1,40}){2,}/?|(?:\.{1,2}|~)/[A-Za-z0-9_.-]{1,60}")
_FILE = re.compile(r"[\w./-]{1,100}\.(?:pem|key|crt|cer|cert|p12|pfx|jks|json|ya?ml|txt|conf|ini|env|sock|pub)")
_URL = re.compile(r"(?:https?|kubernetes|file|unix|spiffe)://[^\s?@]+")
_DOTTED = re.compile(r"[a-z][A-Za-z]*(?:\.[a-z][A-Za-z]*)+")
_OBJECT = re.compile(r"[a-z0-9]+(?:[-./][a-z0-9]+)+|[a-z]{1,4}")
_QUANTITY = re.compile(r"\d{1,3}|\d+(?:\.\d+)?\s?(?:bytes?|bits?|[smhd]|ms|[KMG]i?B?|%|seconds|minutes|hours|days)")
_CERTIFICATE = re.compile(r"LS0tLS1CRUdJTiBDRVJUSUZJQ0FUR|-----BEGIN (?:TRUSTED )?(?:CERTIFICATE|PUBLIC KEY)")
_FIELD = re.compile(r"[a-z][A-Za-z_]{2,40}:")
"""The name of a field in place of a value: lines of YAML that were joined with spaces."""
_CREDENTIALS = frozenset(
    ("auth", "authentication", "authorization", "token", "tokens", "scheme", "credentials", "only")
)
"""Words after a scheme that name its credential: `Basic auth`."""
_FUNCTION_WORD = re.compile(
    r"(?i)\b(?:is|are|was|were|be|has|have|had|not|no|the|an?|of|for|to|in|on|by|with|and|or|from|must|may|can|cannot|does|do|did|"
    r"failed|denied|denies|missing|required|allowed|exists?|invalid|expired|header|headers|policy|policies|rules?|request)\b"
)
_PROSE = re.compile(
    r"[A-Za-z][a-z]{0,14}[.,;:!?]?|[A-Z]{2,12}[,.;:]?|[a-z]+[_'’/-][a-z/-]+[.,;:]?|\d{1,4}[.,;:]?|[–—-]|\([a-z-]+\)[;,.:]?"
)


def is_secret_value(value: str, name: SecretName) -> bool:
    """Whether the value of a field with such a name is a secret.

    Nothing, references, paths and descriptions are not.
    """
    value = value.strip().partition(" #")[0].rstrip()
    if not value or value.startswith(PLACEHOLDERS) or value.lower() in _NOTHING or _CERTIFICATE.match(value):
        return False
    if _is_reference(value) or (len(value) <= 256 and _is_path(value)):
        return False
    return not _is_description(value, name)


def _is_description(value: str, name: SecretName) -> bool:
    """Whether such a value is a method, a quantity, the name of an object or a sentence."""
    short = value[:100]
    match name:
        case SecretName.PASSWORD | SecretName.COOKIE:
            return bool(_QUANTITY.fullmatch(short)) and not value.isdigit()
        case SecretName.HEADER:
            return (is_prose(value) and " " in value and _is_sentence(value)) or _is_reference(
                value.rsplit(maxsplit=1)[-1]
            )
        case _ if _FIELD.fullmatch(value.split(maxsplit=1)[0]):
            return True
        case SecretName.AUTH:
            return value.lower() in _METHODS or any(each.fullmatch(short) for each in (_URL, _QUANTITY, _DOTTED))
        case SecretName.OBJECT:
            return bool(_OBJECT.fullmatch(value[:256]))
        case SecretName.WEAK:
            return not seems_random(value)
        case SecretName.TOKEN:
            return bool(_QUANTITY.fullmatch(short) or _URL.fullmatch(value[:512]))


def _is_reference(value: str) -> bool:
    return len(value) <= 256 and bool(_REFERENCE.fullmatch(value))


def _is_path(value: str) -> bool:
    return bool(_FILE.fullmatch(value)) or (bool(_PATH.fullmatch(value)) and not seems_random(value.rsplit("/", 1)[-1]))


def _is_sentence(words: str) -> bool:
    """Whether these words form a sentence about a header: no scheme with its credential."""
    scheme, *rest = words.split()
    if len(rest) == 1 and (scheme.lower() not in _METHODS or rest[0].lower() in _CREDENTIALS):
        return True
    return "," in words or bool(_FUNCTION_WORD.search(words))


def is_prose(text: str) -> bool:
    """Whether this is a part of a sentence: only words, as in `token: signature is expired`."""
    return all(_PROSE.fullmatch(each) for each in text[:256].split()[:12])


_SPECIAL = re.compile(r"[!$%&*+=~^?#@]")
_BRACKETS = re.compile(r"[\[\]()<>|\"'`]+")
_IDENTIFIER = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\W?"  # a UUID
    r"|(?:[0-9A-Fa-f]{2}:){5,}[0-9A-Fa-f]{2}"  # a fingerprint, a MAC address
    r"|(?:sha(?:1|256|384|512)[:-]|W/).*"  # a digest, an entity tag
    r"|\d[\d.,:/TZ+-]*"  # a number, a time, an address, a version
    r"|[a-z0-9]+(?:[-./:_][a-z0-9]+)*[.,;:]?(?<![0-9a-f]{24})"  # a name, a host, an image
    r"|/?[\w.-]+(?:/[\w.:@#-]+)+"  # a path, a resource ID, an image
    r"|[a-z]+://\S*|[\w.+-]+@[\w.-]+"  # a URL, an address of a person
    r"|[A-Za-z]+(?:[-_.'/][A-Za-z]+)*|[A-Z0-9]+_[A-Z0-9_]+|[a-z]\w*(?:_\w+)+"  # words, constants
)
_HEXADECIMAL = re.compile(r"[0-9a-f]{24,}|[0-9A-F]{24,}")
_TOKENS_OF_KUBEADM = re.compile(r"[a-z0-9]{6}\.(?=[a-z]*\d)[a-z0-9]{16}")


def seems_random(word: str) -> bool:
    """Whether a word seems to be generated: it is no name, digest, UUID, path or number.

    The measure is the mixture of characters: a generated word has capitals, small letters and digits, or special characters
    between them, or is long and hexadecimal.
    """
    word = word.strip("\"'`()[]{}<>,;").rstrip(".:")
    if len(word) < 8:
        return False
    if len(word) > 256 or _HEXADECIMAL.fullmatch(word) or _TOKENS_OF_KUBEADM.fullmatch(word):
        return True
    if _BRACKETS.search(word):
        return any(seems_random(each) for each in _BRACKETS.split(word))
    if ":" in word and not _IDENTIFIER.fullmatch(word):
        return any(seems_random(each) for each in word.split(":"))
    if _IDENTIFIER.fullmatch(word):
        return False
    kinds = sum(any(test(each) for each in word) for test in (str.isupper, str.islower, str.isdigit))
    return kinds == 3 or (kinds == 2 and any(each.isdigit() for each in word) and bool(_SPECIAL.search(word)))
