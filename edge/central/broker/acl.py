"""mosquitto's ACL file: writing it, and adding rules without removing any.

The ACL keeps tenants apart; it proves nothing. The ledger trusts signatures only.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from edge.central.broker import templates
from edge.domain.protocol import names
from edge.domain.protocol.record import Origin
from edge.domain.protocol.topics import site_records
from edge.errors import NameRefused

_SITE = re.compile(r"pattern write smartclocker/v1/([a-z0-9-]+)/%u/status")
_READS = re.compile(r"topic read smartclocker/v1/([a-z0-9-]+)/\+/record/punch")
_USER = re.compile(r"user (\S+)")
_INSTANCE = re.compile(r"user ledger\.([a-z0-9-]+)")


def render_acl(sites: Sequence[str], instances: Sequence[str] = (), terminals: Sequence[Origin] = ()) -> str:
    """The text of the ACL file. `terminals` read the records of their sites.

    Raises NameRefused (a ValueError) for a name with a wildcard, which would open every site.
    """
    return templates.ACL_HEAD + "\n".join(_blocks(sites, instances, terminals))


def sites_of(acl: str) -> list[str]:
    """The sites in an ACL that this program wrote, in their order."""
    return _matches(_SITE, acl)


def instances_of(acl: str) -> list[str]:
    """The instances of the ledger that have their own rules in the ACL."""
    return _matches(_INSTANCE, acl)


def terminals_of(acl: str) -> list[Origin]:
    """The terminals that have their own rules in the ACL, by which they read the records of a site."""
    return [Origin(match[1], user) for user, line in _of_users(acl) if (match := _READS.fullmatch(line))]


def add(acl: str, sites: Sequence[str], instances: Sequence[str] = (), terminals: Sequence[Origin] = ()) -> str:
    """The ACL with every rule that these sites, instances and terminals need. All other lines stay, also those
    added by hand.
    """
    lines = [line for line in acl.splitlines() if line.strip() not in _former(sites)]
    for block in _blocks(sites, instances, terminals):
        wanted = block.splitlines()
        rules = [line for line in wanted if not line.startswith("#")]
        there = {line.strip() for line in lines}
        user = next((line for line in rules if line.startswith("user ")), None)
        if user is not None and user in there:
            _into_user(lines, user, rules)
        elif user is not None:
            lines += ["", *wanted]  # the same rules may stand under other users
        elif missing := [rule for rule in rules if rule not in there]:
            whole = len(missing) == len(rules)
            lines += ["", *(wanted if whole else missing)]
    return "\n".join(lines) + "\n"


def drop(acl: str, sites: Iterable[str]) -> str:
    """The ACL without the rules of these sites."""
    gone = tuple(f"{kind} smartclocker/v1/{site}/" for site in sites for kind in ("pattern write", "pattern read"))
    heads = tuple(f"# Site {site}:" for site in sites)
    return "".join(f"{line}\n" for line in acl.splitlines() if not line.strip().startswith((*gone, *heads)))


def drop_terminals(acl: str, gone: Iterable[Origin]) -> str:
    """The ACL without the rules of these terminals. Lines of theirs that were added by hand stay."""
    rules = {(one.terminal, topic) for one in gone for topic in site_records(one.site)}
    heads = {line for one in gone for line in _terminal_block(one).splitlines() if line.startswith("#")}
    kept: list[str] = []
    for user, line in _of_users(acl):
        if line.startswith("topic read ") and (user, line.removeprefix("topic read ")) in rules:
            continue
        if line not in heads:
            kept.append(line)
    empty = {f"user {one.terminal}" for one in gone}
    left = [line for n, line in enumerate(kept) if line not in empty or _has_rules(kept[n + 1 :])]
    return "".join(f"{line}\n" for line in left)


def own_lines(acl: str) -> int:
    """Number of rules that this program did not write, because somebody added them by hand."""
    blocks = _blocks(sites_of(acl), instances_of(acl), terminals_of(acl))
    ours = {line for block in blocks for line in block.splitlines()}
    rules = (line.strip() for line in acl.splitlines())
    return sum(1 for line in rules if line and not line.startswith("#") and line not in ours)


def _of_users(acl: str) -> Iterator[tuple[str, str]]:
    """Each line, stripped, after the user whose rule it is; no user for the lines before the first one."""
    user = ""
    for line in (raw.strip() for raw in acl.splitlines()):
        match = _USER.fullmatch(line)
        user = user if match is None else match[1]
        yield user, line


def _has_rules(after: Sequence[str]) -> bool:
    """Whether the lines after a user's line have a rule of this user before the next user."""
    for line in after:
        if line.startswith("user "):
            return False
        if line.startswith("topic "):
            return True
    return False


def _terminal_block(one: Origin) -> str:
    return templates.ACL_TERMINAL.format(site=one.site, terminal=one.terminal)


def _blocks(sites: Sequence[str], instances: Sequence[str], terminals: Sequence[Origin]) -> Iterator[str]:
    try:
        for site in sites:
            names.site(site)
        for instance in instances:
            names.instance(instance)
        for one in terminals:
            names.terminal(one.terminal)
    except ValueError as error:
        raise NameRefused(str(error)) from error
    yield templates.ACL_LEDGER
    yield templates.ACL_AUTHORITY
    yield from (templates.ACL_INSTANCE.format(instance=instance) for instance in instances)
    yield from (templates.ACL_SITE.format(site=site) for site in sites)
    yield from (_terminal_block(one) for one in terminals if one.site in sites)


def _into_user(lines: list[str], user: str, rules: Sequence[str]) -> None:
    """Adds the missing rules of a user after the user's line. A user's rules end where the next user begins."""
    at = next(number for number, line in enumerate(lines) if line.strip() == user)
    end = next((n for n in range(at + 1, len(lines)) if lines[n].strip().startswith("user ")), len(lines))
    there = {line.strip() for line in lines[at:end]}
    lines[at + 1 : at + 1] = [rule for rule in rules if rule not in there]


def _former(sites: Sequence[str]) -> set[str]:
    return {line.format(site=site) for site in sites for line in templates.ACL_FORMER}


def _matches(pattern: re.Pattern[str], acl: str) -> list[str]:
    found = (pattern.fullmatch(line.strip()) for line in acl.splitlines())
    return list(dict.fromkeys(match[1] for match in found if match is not None))
