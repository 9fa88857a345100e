"""When a ledger that hears nothing begins its session anew."""

from edge.central.ledger.silent_broker import PATIENCE_MAX_S, PATIENCE_S, Deaf


def renewals(deaf: Deaf, seconds: int, begin: int = 0, *, connected: bool = True) -> list[int]:
    return [at for at in range(begin, begin + seconds) if deaf.renews(at, connected=connected)]


def test_silence_although_somebody_is_online_renews_ever_less_often() -> None:
    found = renewals(Deaf(lambda: True), 20_000)
    assert found[:3] == [PATIENCE_S, 3 * PATIENCE_S, 7 * PATIENCE_S]
    assert found[-1] - found[-2] == PATIENCE_MAX_S


def test_who_is_heard_who_is_away_and_a_site_where_all_are_off_renew_nothing() -> None:
    deaf = Deaf(lambda: True)
    for minute in range(0, 3_600, 60):
        assert renewals(deaf, 60, minute) == []
        deaf.heard(minute + 59)
    assert renewals(deaf, 3_600, 3_600, connected=False) == []
    assert renewals(deaf, int(PATIENCE_S), 7_200) == [], "the time before the connection does not count"
    assert renewals(Deaf(lambda: False), 3_600) == []
