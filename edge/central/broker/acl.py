"""mosquitto's ACL file: writing it, and adding rules without removing any.

The ACL keeps tenants apart; it proves nothing. The ledger trusts signatures only.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from edge.central.broker import templates
from edge.domain.protocol import names
from edge.errors import NameRefused

_SITE = re.compile(r"pattern write smartclocker/v1/([a-z0-9-]+)/%u/status")
_INSTANCE = re.compile(r"user ledger\.([a-z0-9-]+)")


def render_acl(sites: Sequence[str], instances: Sequence[str] = ()) -> str:
    """The text of the ACL file. Raises NameRefused (a ValueError) for a name with a wildcard, which would open
    every site.
    """
    return templates.ACL_HEAD + "\n".join(_blocks(sites, instances))


def sites_of(acl: str) -> list[str]:
    """The sites in an ACL that this program wrote, in their order."""
    return _matches(_SITE, acl)


def instances_of(acl: str) -> list[str]:
    """The instances of the ledger that have their own rules in the ACL."""
    return _matches(_INSTANCE, acl)


def add(acl: str, sites: Sequence[str], instances: Sequence[str] = ()) -> str:
    """The ACL with every rule that these sites and instances need. All other lines stay, also those added by
    hand.
    """
    lines = [line for line in acl.splitlines() if line.strip() not in _former(sites)]
    for block in _blocks(sites, instances):
        wanted = block.splitlines()
        rules = [line for line in wanted if not line.startswith("#")]
        there = {line.strip() for line in lines}
        user = next((line for line in rules if line.startswith("user ")), None)
        if user is not None and user in there:
            _into_user(lines, user, rules)
        elif missing := [rule for rule in rules if rule not in there]:
            whole = len(missing) == len(rules)
            lines += ["", *(wanted if whole else missing)]
    return "\n".join(lines) + "\n"


def drop(acl: str, sites: Iterable[str]) -> str:
    """The ACL without the rules of these sites."""
    gone = tuple(f"{kind} smartclocker/v1/{site}/" for site in sites for kind in ("pattern write", "pattern read"))
    heads = tuple(f"# Site {site}:" for site in sites)
    return "".join(f"{line}\n" for line in acl.splitlines() if not line.strip().startswith((*gone, *heads)))


def own_lines(acl: str) -> int:
    """Number of rules that this program did not write, because somebody added them by hand."""
    ours = {line for block in _blocks(sites_of(acl), instances_of(acl)) for line in block.splitlines()}
    rules = (line.strip() for line in acl.splitlines())
    return sum(1 for line in rules if line and not line.startswith("#") and line not in ours)


def _blocks(sites: Sequence[str], instances: Sequence[str]) -> Iterator[str]:
    try:
        for site in sites:
            names.site(site)
        for instance in instances:
            names.instance(instance)
    except ValueError as error:
        raise NameRefused(str(error)) from error
    yield templates.ACL_LEDGER
    yield templates.ACL_AUTHORITY
    yield from (templates.ACL_INSTANCE.format(instance=instance) for instance in instances)
    yield from (templates.ACL_SITE.format(site=site) for site in sites)


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
