"""Two people of tests, and what they agreed to."""

from edge.domain.people.consent import Consent, Policy

ANN, BOB = "a" * 26, "b" * 26
"""Their ids."""
POLICY = Policy("2026-1", "a" * 64)


def consent(policy: Policy = POLICY, given_at: str = "2026-03-01T08:00:00Z") -> Consent:
    """A valid one to this policy."""
    return Consent(
        policy.version, policy.sha256, "en", given_at, "Wanda Witness", age_attested=True, employer_agreed=True
    )


CONSENT = consent()
