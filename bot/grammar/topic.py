"""Whether a question is about checks, gateways and hosts, or about anything else.

A question counts only if each of its words is one of conversation, of operations or of the checks' own titles: "how do I fix
my printer" has the words of "how do I fix it", and another meaning.
"""

import re
from collections.abc import Collection
from functools import lru_cache

from checks.catalogue import catalogue
from checks.knowledge.terms import TERMS

_CONVERSATION = """
    a about above actually after again ago ahead alive all already also always am an and another any anybody anymore
    anyone anything anywhere apart are aren as ask at away awesome back badly be because been before began begin behind
    being below best better between bit blame both but by came can cancel cannot cause caused causes causing change
    cheers claim come comes coming contact cool correct could couldn current currently d day days did didn different do
    does doesn doing don done dont down duration during each earlier either else ended enough escalate even ever every
    everybody everyone everything exactly explain eye far fast few finally fine first fix fixed fixes fixing follow for
    friday from further gave get gets getting give given go goes going gone good got great guilty had hand happen
    happened happening happens has hasn have haven having he hello help helped helping helps her here hey hi him his
    hour hours how however i if im in inform instead into is isn issue it its itself just keep kept kind know known
    knows last lasted lasts late later latest least leave let lgtm like likely little ll long longer look looked looking
    looks lot m made major make makes making man many mate matter may maybe me mean means meant mess message might mind
    mine minute minutes moment monday more morning most much must my name named near need needed needs neither never new
    news next nice night no nobody none nope nor normal not nothing now of off often oh ok okay old on once one ones
    online only open or order other others otherwise our ours out outgoing over own part people perfect perhaps please
    possible precisely problem problems progress put quick quickly quiet quite re reach read really reason reasons
    recent recently recheck recommend refresh repair retry right s said same saturday say says second seconds see seem
    seems seen shall she short should shouldn show shut since so solve solved some somebody someone something sometimes
    soon sort still stuff such sunday super sure t take taken takes taking talk tell than thank thanks that the their
    theirs them then there these they thing things think this those though through thursday thx till time times to today
    together told tomorrow tonight too took tried tries true try trying tuesday twice two ty type un under understand
    understood until up upgrade us use used using usual usually ve very via wait waiting want wanted was wasn way we
    wednesday week weeks well went were weren what whats when where whether which while who whole whom whos whose why
    will with within without won wondering word work worked working works worry worse worst would wouldn write wrong yes
    yesterday yet you your yours
"""

_OPERATIONS = """
    posted
    allow allowed paste plan touch
    404 429 500 502 503 504 ack acknowledge act action actions address addresses affect affected affecting affects alert
    alerts allowlist answer app applied apply approve apps area assign assigned aws az azure bad bigger blast bot bounce
    break breaks broke broken bug bundle business button call caller callers canary cert certificates certs check
    checked checking checks cidr clean clear clients colleague command commands company complete completely confidence
    confident config configs connect connected connecting connectivity copy correctly count counted counters cover
    coverage covered crash crashed crashes crashing critical curl customer customers danger dangerous data dead delay
    delete deploy deployed deploying deployments detail details dev diagnose diagnosis diff differ difference digest
    direct dns docs document documentation doubt downtime dr drift drop dropped edit edited effect emergency end env
    environment environments error errors escalation established eta evidence execute executed exit expected expire
    expired export external fail failed failing fails failure failures fault faults faulty file find finding findings
    firewall firewalls flag flags flapping fleet flow flows full function green grpc gw half handing handle handled
    handles handling handoff handover hard healed health healthily healthy history hit host hosting hosts http https
    hurt identify impact impacted important incident incidents info information infra infrastructure inside intermittent
    internal internet interrupt interrupted interrupts involved ip ips k8s kill kubectl kubernetes latency lead leaving
    level limits list lock log logs loss lost maintenance manifest manifests measure mesh metrics minor mitigate
    mitigation modified modify monitor move moved mute network normally notice notify nsg occur occurred occurring
    occurs operate ops outage outages outbound owner owning owns page paged paging partner partners patch patched
    permission permit person ping platform possibly prefix prevent previous previously prod production proof prove
    provider proxies proxy question questions quota radius raise ran range rate ready reboot rebooted recipe recover
    recovered recovering recovers recovery recur recurred recurring red refuse refused regress regression release
    released remove report reports request requests rerun rescan resolve resolved resolves resource resources respond
    response responsible restart restarted restarting restarts restore restored result results return returned returning
    revert reverted reviewed risk risks risky roll rollback rolled rolling root rule rules run running runs runtime safe
    safely scale scaled scope screen sending sent serious serves service services serving severe severity side sides
    sign silence simple site situation slow slowly snapshot snat sni spread ssl stable staging start started starting
    starts state status step steps stop stopped stopping stops subnet succeed succeeded succeeds success suggest
    suggestion summarise summarize summary support system systems talking tcp team teams temporary term test tested
    testing text thread ticket timed timeout timeouts tl tldr tls total touched trace traced trigger triggered trouble
    trust turn unable unassign unavailable undo unhealthy unwatch update updated updates upgraded urgent urgently url
    urls user users verdict verified verify version versions visible vnet wake walk warn warning warnings watch watched
    watches watching workaround worker wrote yaml yml
"""

_VERBS = ("is", "are", "was", "were", "do", "does", "did", "has", "have", "had", "ca", "could", "would", "should", "wo")
_SUBJECTS = ("i", "you", "we", "they", "it", "he", "she", "that", "there", "what", "who", "how", "where")
_SHORTENED = frozenset(
    [f"{verb}nt" for verb in _VERBS] + [f"{who}{end}" for who in _SUBJECTS for end in ("ll", "ve", "re", "s", "m", "d")]
)
"""Contractions without their apostrophe, as the parser reads them."""

_NAME = re.compile(r".*[0-9/:._-].*")
"""A word that may be the name of an object, a time or a number."""

_PEOPLE = re.compile(r"<@[^>]*>|@\S+")

_SLOTS = (
    re.compile(
        r"\b(?:can|could|cannot|does|do) (?:the )?([\w-]+) (?:app |service |team |still |not )*(?:reach|connect|access)\b"
    ),
    re.compile(r"\b(?:is|are) (?:the )?([\w-]+) (?:app |service |team |also )*(?:affected|impacted)\b"),
)
"""Questions with the name of a client, which no list of words contains."""


@lru_cache(maxsize=1)
def vocabulary() -> frozenset[str]:
    """The words of conversation, operations, terms and titles of checks."""
    of_checks = (f"{check.title} {check.slug} {check.stage}" for check in catalogue())
    of_terms = (" ".join((term.name, *term.aliases)) for term in TERMS)
    words = re.findall(r"[a-z0-9]+", " ".join((_CONVERSATION, _OPERATIONS, *of_checks, *of_terms)).lower())
    return frozenset(words) | _SHORTENED | {f"{word}s" for word in words}


def is_sentence(typed: str) -> bool:
    """Whether a text is longer than names, or begins with a word of conversation."""
    words = _words(typed.lower())
    return len(words) > 1 and (words[0] in _BEGINNINGS or (len(words) > 3 and "--" not in typed))


_BEGINNINGS = frozenset(_CONVERSATION.split()) | _SHORTENED


def is_about_checks(asked: str, names: Collection[str] = ()) -> bool:
    """Whether each word of a text belongs to the vocabulary, or may be a name.

    `names` are those of the gateway, cluster, host and client that were checked.
    """
    typed = _PEOPLE.sub(" ", asked.lower())
    slots = {found[1] for pattern in _SLOTS for found in pattern.finditer(typed)}
    allowed = vocabulary() | slots | {part for name in names for part in re.split(r"[^a-z0-9]+", name.lower())}
    return all(_NAME.fullmatch(each) or set(re.findall(r"[a-z0-9]+", each)) <= allowed for each in _words(typed))


def _words(typed: str) -> list[str]:
    return [word for word in (each.strip(".,!?;:()\"'`*_") for each in re.split(r"[\s…]+", typed)) if word]
