"""Secrets with a shape of their own: PEM, JSON web tokens, known prefixes, URLs.

The prefixes are the documented ones of the issuers. Each pattern begins with a fixed text and continues with one class of
characters, so the time is linear in the length of the text.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial

from checks.model.secrets.words import WordCondition

_NOT_INSIDE = r"(?<![A-Za-z0-9_])"
_PREFIXED = {
    # Slack
    "xox": r"xox[a-z](?:\.xox[a-z])?-[\w-]{8,}",
    "xapp-": r"xapp-[\w-]{8,}",
    "xwfp-": r"xwfp-[\w-]{8,}",
    # GitHub, GitLab
    "gh": r"gh[pousr]_\w{20,}",
    "github_pat_": r"github_pat_\w{20,}",
    "gl": r"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat|ffct)-[\w.-]{12,}",
    "gr1348941": r"GR1348941[\w-]{12,}",
    # Registries of packages and images
    "npm_": r"npm_[A-Za-z0-9]{20,}",
    "pypi-": r"pypi-[\w-]{16,}",
    "rubygems_": r"rubygems_[0-9a-f]{20,}",
    "dckr_": r"dckr_(?:pat|oat)_[\w-]{16,}",
    "oy2": r"oy2[a-z0-9]{43}",
    "akcp": r"AKCp\w{20,}",
    "cmvmdgtu": r"cmVmdGtu\w{20,}",
    # HashiCorp
    "hv": r"hv[sbr]\.[\w.-]{16,}",
    "atlasv1.": r"(?:[A-Za-z0-9]{14}\.)?atlasv1\.[\w-]{16,}",
    # OpenAI, Anthropic, Stripe, Hugging Face and others
    "sk-": r"sk-(?:[a-z]{2,12}\d*-){0,3}[\w-]{20,}",
    "k_live_": r"[spr]k_live_\w{10,}",
    "k_test_": r"[spr]k_test_\w{10,}",
    "whsec_": r"whsec_[\w+/=]{10,}",
    "hf_": r"hf_[A-Za-z0-9]{20,}",
    "r8_": r"r8_[A-Za-z0-9]{20,}",
    "nvapi-": r"nvapi-[\w-]{20,}",
    "gsk_": r"gsk_\w{20,}",
    "xai-": r"xai-\w{20,}",
    "pplx-": r"pplx-\w{20,}",
    # Clouds
    "aiza": r"AIza[\w-]{30,}",
    "ya29.": r"ya29\.[\w-]{10,}",
    "gocspx-": r"GOCSPX-[\w-]{10,}",
    "1//0": r"1//0[\w-]{20,}",
    "akia": r"AKIA[A-Z0-9]{12,}",
    "asia": r"ASIA[A-Z0-9]{12,}",
    "ltai": r"LTAI[A-Za-z0-9]{16,}",
    "q~": r"[A-Za-z0-9_~.-]{3}\dQ~[\w~.-]{30,36}",
    "_v1_": r"do[oprt]_v1_[0-9a-f]{20,}",
    "hrku-": r"HRKU-[\w-]{20,}",
    "fm": r"fm[12][ra]?_[\w+/=-]{16,}",
    "jqqj99": r"[A-Za-z0-9]{30,80}JQQJ99[A-Za-z0-9]{8,40}",
    # Mail, telephone, shops, payments
    "sg.": r"SG\.[\w-]{16,}\.[\w-]{16,}",
    "xkeysib-": r"xkeysib-[\w-]{20,}",
    "key-": r"key-[0-9a-f]{32}",
    ":aa": r"\d{6,12}:AA[\w-]{30,}",
    "bot": r"bot\d{6,12}:[\w-]{30,}",
    "shp": r"shp(?:at|ca|pa|ss)_[0-9a-f]{20,}",
    "sq0": r"sq0(?:atp|csp)-[\w-]{16,}",
    "eaaa": r"EAAA[\w-]{56,}",
    # Operation, design, planning
    "dt0": r"dt0[a-z]\d{2}\.[A-Z0-9]{16,}\.[A-Z0-9]{32,}",
    "dapi": r"dapi[0-9a-f]{32}(?:-\d)?",
    "glsa_": r"glsa_\w{20,}",
    "glc_": r"glc_[\w+/=]{20,}",
    "atatt3": r"ATATT3[\w=-]{20,}",
    "atctt3": r"ATCTT3[\w=-]{20,}",
    "atbb": r"ATBB\w{20,}",
    "dp.": r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{20,}",
    "nr": r"NR(?:AK|JS|II|BR)-[\w-]{16,}",
    "tskey-": r"tskey-[a-z]+-[\w-]{12,}",
    "lin_": r"lin_(?:api|oauth)_\w{20,}",
    "sha256~": r"sha256~[\w-]{30,}",
    "pmak-": r"PMAK-[\w-]{20,}",
    "pul-": r"pul-[0-9a-f]{20,}",
    "fig": r"fig[doru]_[\w-]{20,}",
    "sntry": r"sntry[su]_[\w+/=-]{16,}",
    "sbp_": r"sbp_[0-9a-f]{20,}",
    "pscale_": r"pscale_(?:tkn|pw|oauth)_[\w.-]{20,}",
    "ntn_": r"ntn_\w{20,}",
    "secret_": r"secret_[A-Za-z0-9]{43}",
    "sq": r"sq[pu]_[0-9a-f]{20,}",
    "cfpat-": r"CFPAT-[\w-]{20,}",
    "age-secret-key-1": r"AGE-SECRET-KEY-1\w{20,}",
    "ops_eyj": r"ops_eyJ[\w=-]{20,}",
    # A private key in base64: "-----BEGIN … PRIVATE KEY" at the three offsets of its last words
    "ls0tls1crudjti": r"LS0tLS1CRUdJTi[\w+/=]{0,40}(?:BSSVZBVEUg|UFJJVkFURSBL|QUklWQVRFIEtF)[\w+/=]*",
}
"""The documented prefix in small letters, and the whole token."""
_PREFIXES = {prefix: re.compile(_NOT_INSIDE + pattern) for prefix, pattern in _PREFIXED.items()}
_SHORTEST_TOKEN = 12
"""No token with a prefix is shorter."""
_OLD_VAULT = re.compile(r"(?<![\w.-])[sbr]\.(?=[A-Za-z]*\d)[A-Za-z0-9]{24}(?![\w.-])")
_PEM = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:(?!-----)[\s\S]){0,20000}?-----END (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----"
    r"|(?:(?:\\+[nr]|[\s\"'|>])*+(?:[\w:.,-]{1,40} ){0,4}+[A-Za-z0-9+/=]{8,}+)*+(?:[\s\\nr]*[A-Za-z0-9+/=]{1,7}\Z)?)"
)
_TOKEN = re.compile(r"(?<![A-Za-z0-9_-])eyJ[\w-]{8,}+(?:\.[\w-]*+){1,4}")
_ENCODED_KEY = re.compile(r"(?<![A-Za-z0-9+/-])[A-Za-z0-9+/]{86}==(?![A-Za-z0-9+/=])")
"""An account key of Azure: 64 bytes in base64.

A hash in the integrity field of a package has a prefix with a hyphen.
"""
_MARKED_KEY = re.compile(
    r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{30,80}(?:\+A(?:St|Sb|Eh|Rm|Ba|MC|IoT|CR)|ACDb|AzFu|AzSe|AzCa|APIM|AzSC)[A-Za-z0-9+/]{4,12}={0,2}"
)
"""A key of Azure with the mark of its service."""
_WEBSOCKET = re.compile(r"base64url\.bearer\.authorization\.k8s\.io\.(?P<secret>[\w-]+)")
_SCHEME = re.compile(
    r"(?i)(?<![\w-])(?:bearer|basic|negotiate|apikey|ssws)(?:\s+|%20|\+)(?P<secret>(?=[\w.~+/=-]{0,200}[\d=])[\w.~+/=-]{8,}+)"
)

_AUTHORITY = re.compile(r"://[^\s/?#\"'<>@:]{0,200}+:(?P<secret>[^\s/?\"'<>]{1,512}(?=@))")
_HTTP_TOKEN = re.compile(r"(?i)https?://(?P<secret>[^\s/?#\"'<>@:]{6,200}+)(?=@)")
_PASTED = re.compile(
    r"(?<![\w./@:-])[A-Za-z][\w.-]{0,60}:(?P<secret>(?=[^\s@/:]{0,100}[\d%!$&*+#])[^\s@/\"'<>:]{6,100}+)@(?=[\w-]+\.[\w.-]+|\[)"
)
_DSN = re.compile(r"(?<![\w.-])[\w.-]{1,60}:(?P<secret>[^\s@/\"'<>]{1,200}+)@(?:tcp|unix)\(")
_ENCODED_AUTHORITY = re.compile(r"(?i)%3A%2F%2F[\w.~-]{0,100}%3A(?P<secret>(?:(?!%2F|%40)[\w.~%+-]){1,200})(?=%40)")
_PARAMETER = re.compile(
    r"(?i)(?:[?&#]|&amp;|\\u0026|%26|(?<=sharedaccesssignature )|(?<=sharedaccesssignature=))"
    r"(?:(?:amp;)?(?:sig|signature|x-amz-signature|x-goog-signature|x-amz-credential|pass|pw|auth|sid|assertion|client_assertion)"
    r"(?:=|%3d)(?P<secret>[^&\s\"'<>\\#;]+)"
    r"|(?:code|key|k|apikey|subscription-key|hapikey)=(?P<long>(?=[^&\s\"'<>\\#]{0,200}[\d%=_-])[^&\s\"'<>\\#]{8,}+))"
)
_SIGNATURE = re.compile(r"(?<![\w?&#-])sig=(?P<secret>[^&\s\"'<>;]{8,})(?=&(?:s[a-z]{1,3}|[a-z]{2})=)")
"""The signature of a shared access signature without its URL."""
_RESET = re.compile(r"(?i)(?<=/)(?:token|reset|invite|activate|verify|key|secret|magic)/(?P<secret>[\w~.-]{12,})")
_WEBHOOK = re.compile(
    r"(?i)(?:hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/|webhook\.office\.com/webhookb?2?/|outlook\.office\.com/webhook/|"
    r"discord(?:app)?\.com/api/(?:v\d+/)?webhooks/|hooks\.zapier\.com/hooks/(?:catch|standard)/|events\.pagerduty\.com/(?:integration|x-ere)/|"
    r"maker\.ifttt\.com/trigger/[^/\s]{1,60}/with/key/|api\.telegram\.org/(?=bot)|/hooks/(?=[a-z0-9]{20,})|hook\.[\w.]{0,20}make\.com/|"
    r"oapi\.dingtalk\.com/robot/send\?access_token=|open\.feishu\.cn/open-apis/bot/v2/hook/|api\.pushover\.net/|rooms/[^/\s]{1,60}/messages\?key=)"
    r"(?P<secret>[^\s\"'<>)\]]+)"
)
_ORACLE = re.compile(r"(?i)(?:thin:|sqlplus\s+|sqlplus -\w+\s+)[\w$]{1,60}/(?P<secret>[^\s@/]{1,100})(?=@)")
_AZURE_MARKS = (
    "+ast",
    "+asb",
    "+aeh",
    "+arm",
    "+aba",
    "+amc",
    "+aiot",
    "+acr",
    "acdb",
    "azfu",
    "azse",
    "azca",
    "apim",
    "azsc",
)
_OF_WORDS: tuple[tuple[int, re.Pattern[str], tuple[str, ...]], ...] = (
    (12, _TOKEN, ("eyj",)),
    (88, _ENCODED_KEY, ("==",)),
    (37, _MARKED_KEY, _AZURE_MARKS),
    (26, _OLD_VAULT, ("s.", "b.", "r.")),
    (34, _WEBSOCKET, ("base64url.bearer",)),
    (6, _AUTHORITY, ("://",)),
    (14, _HTTP_TOKEN, ("://",)),
    (16, _ENCODED_AUTHORITY, ("%3a%2f%2f",)),
    (17, _RESET, ("/token/", "/reset/", "/invite/", "/activate/", "/verify/", "/key/", "/secret/", "/magic/")),
    (20, _WEBHOOK, ("hook", "pagerduty", "ifttt", "telegram", "dingtalk", "feishu", "pushover", "rooms/")),
    (16, _SIGNATURE, ("sig=",)),
    (10, _PASTED, ("@",)),
    (8, _DSN, ("@tcp(", "@unix(")),
)
"""The patterns whose matches are within one word.

Each has the length of its shortest match, and its hints in small letters, one of which is in every match.
"""
_OF_TEXTS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (_PEM, ("private",)),
    (_SCHEME, ("bearer", "basic", "negotiate", "apikey", "ssws")),
    (_ORACLE, ("thin:", "sqlplus")),
    (_PARAMETER, ("?", "&", "#", "\\u0026", "%26", "sharedaccesssignature")),
)
"""The patterns that read several words, each with its hints.

Every match contains or follows a word with one of them.
"""


def shape_conditions() -> Iterator[tuple[Callable[[str], Iterator[tuple[int, int]]], WordCondition]]:
    """The functions that find secrets by their shape, with their words."""
    tokens = tuple(_PREFIXES)
    yield _token_spans, WordCondition(tokens, _contains_token)
    for least, pattern, hints in _OF_WORDS:
        yield partial(_found, pattern), WordCondition(hints, partial(_contains, pattern, least))
    for pattern, hints in _OF_TEXTS:
        yield partial(_found, pattern), WordCondition(hints)


def _contains_token(word: str) -> bool:
    return len(word) >= _SHORTEST_TOKEN and any(True for _ in _token_spans(word))


def _contains(pattern: re.Pattern[str], least: int, word: str) -> bool:
    return len(word) >= least and pattern.search(word) is not None


def _token_spans(text: str) -> Iterator[tuple[int, int]]:
    small = text.lower()
    for prefix, pattern in _PREFIXES.items():
        if prefix in small:
            yield from (found.span() for found in pattern.finditer(text))


def _found(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    for found in pattern.finditer(text):
        group = found.lastgroup or 0
        if found[group].startswith(_PLACEHOLDERS) or (pattern is not _DSN and found[0].startswith(_HARMLESS)):
            continue
        yield found.span(group)


_PLACEHOLDERS = ("[redacted", "$", "{", "<", "*")
_HARMLESS = (
    "eyJ2IjoibWV0YS5rOHMuaW8v",
    *(
        f"{each}:"
        for each in ["mailto", "user", "by", "email", "upn", "sip", "from", "to", "cc", "owner", "name", "author"]
    ),
)
"""The API server's token for the next page, and what precedes an address of a person."""
