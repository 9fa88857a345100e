"""How many tries the claim server takes."""

from edge.domain.claim.try_limits import TryLimits, neighbourhood


def test_an_address_has_so_many_tries_in_a_minute_and_then_again() -> None:
    limits = TryLimits(each=3, in_all=100)
    assert [limits.admit("192.0.2.1", n) for n in range(5)] == [True, True, True, False, False]
    assert limits.admit("192.0.2.2", 5), "another address is not held up"
    assert not limits.admit("192.0.2.1", 59.9)
    assert limits.admit("192.0.2.1", 60), "what was not admitted prolongs nothing"
    assert not limits.admit("192.0.2.1", 60.5)


def test_all_addresses_together_have_so_many() -> None:
    limits = TryLimits(each=3, in_all=10)
    assert sum(limits.admit(f"192.0.2.{n}", 1.0) for n in range(200)) == 10
    assert len(limits._tries) == 10
    assert limits.admit("192.0.2.250", 61.0)


def test_an_ipv6_address_counts_by_its_first_half() -> None:
    assert neighbourhood("2001:db8:1:2:aaaa::1") == neighbourhood("2001:db8:1:2:bbbb::2") == "2001:db8:1:2::/64"
    assert neighbourhood("2001:db8:1:3::1") != neighbourhood("2001:db8:1:2::1")
    assert neighbourhood("fe80::1%eth0") == "fe80::/64"
    assert neighbourhood("::ffff:192.0.2.1") == neighbourhood("192.0.2.1") == "192.0.2.1"
    assert neighbourhood("a name") == "a name"
