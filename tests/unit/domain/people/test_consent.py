"""Consent: everything that keeps it from being valid is said, with its cure."""

from dataclasses import replace

import pytest

from edge.domain.people.consent import Consent, Policy, consent_problems, is_active, last_word

POLICY = Policy("2026-1", "a" * 64)
GOOD = Consent(
    "2026-1", "a" * 64, "en", "2026-03-01T08:00:00Z", "B. Witness", age_attested=True, employer_agreed=True
)


def test_a_full_consent_is_active() -> None:
    assert consent_problems(GOOD, POLICY) == []
    assert is_active(GOOD, POLICY)


def test_no_consent_is_not_active() -> None:
    assert not is_active(None, POLICY)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"policy_version": "2025-9"}, "another policy"),
        ({"policy_sha256": "b" * 64}, "another policy"),
        ({"policy_sha256": "A" * 64}, "64 hex digits"),
        ({"language": ""}, "BCP 47"),
        ({"language": "english please"}, "BCP 47"),
        ({"given_at": "2026-03-01"}, "given_at"),
        ({"given_at": "2026-03-01T08:00:00"}, "given_at"),
        ({"given_at": "2026-13-01T08:00:00Z"}, "given_at"),
        ({"witness": "  "}, "witness"),
        ({"witness": "a\nb"}, "witness"),
        ({"witness": "w" * 201}, "witness"),
        ({"age_attested": False}, "13"),
        ({"employer_agreed": False}, "employer"),
        ({"withdrawn_at": "2026-03-02T08:00:00Z"}, "withdrawn"),
    ],
)
def test_each_lack_of_a_consent_is_named(change: dict, word: str) -> None:
    lacking = replace(GOOD, **change)
    assert any(word in problem for problem in consent_problems(lacking, POLICY))
    assert not is_active(lacking, POLICY)


def test_all_lacks_of_a_consent_are_named_at_once() -> None:
    nothing = Consent("", "", "", "", "", age_attested=False, employer_agreed=False, withdrawn_at="x")
    assert len(consent_problems(nothing, POLICY)) == 8


def test_a_changed_text_under_the_same_version_ends_consent() -> None:
    assert not is_active(GOOD, Policy("2026-1", "b" * 64))


GIVEN = Consent("1", "a" * 64, "en", "2026-03-01T09:00:00Z", "W", age_attested=True, employer_agreed=True)
WITHDRAWN = replace(GIVEN, withdrawn_at="2026-04-01T09:00:00Z")
LONGER_AGO = replace(GIVEN, withdrawn_at="2026-03-15T10:00:00+01:00")
ANEW = replace(GIVEN, given_at="2026-05-01T09:00:00Z")
ENDED = replace(ANEW, withdrawn_at="2026-05-02T09:00:00Z")


@pytest.mark.parametrize(
    ("here", "said", "word"),
    [
        (None, None, None),
        (None, GIVEN, GIVEN),
        (None, WITHDRAWN, WITHDRAWN),
        (GIVEN, None, GIVEN),
        (WITHDRAWN, None, WITHDRAWN),
        (GIVEN, WITHDRAWN, WITHDRAWN),
        (GIVEN, ANEW, ANEW),
        (ANEW, WITHDRAWN, ANEW),
        (WITHDRAWN, GIVEN, WITHDRAWN),
        (WITHDRAWN, replace(GIVEN, given_at=str(WITHDRAWN.withdrawn_at)), WITHDRAWN),
        (WITHDRAWN, ANEW, ANEW),
        (WITHDRAWN, LONGER_AGO, WITHDRAWN),
        (LONGER_AGO, WITHDRAWN, WITHDRAWN),
        (WITHDRAWN, ENDED, ENDED),
    ],
)
def test_a_withdrawal_ends_what_was_given_before_and_is_ended_by_what_was_given_after(here, said, word) -> None:
    assert last_word(here, said) == word
