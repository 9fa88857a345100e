"""Who may ask the simulator: the name of the server, the token, and the origin of the request."""

import pytest

from edge.simulate.gate import HEADERS, refusal

TOKEN, PORT = "tOkEn-123", 8123
HOST = f"127.0.0.1:{PORT}"
PATH = f"/{TOKEN}/doors/entrance/stand"


def status(method="GET", path=PATH, **headers: str) -> int | None:
    named = {"host": HOST, **{name.replace("_", "-"): value for name, value in headers.items()}}
    refused = refusal(method, path, named, TOKEN, PORT)
    return None if refused is None else refused[0]


def test_the_page_itself_may_ask() -> None:
    assert status() is None
    assert status(sec_fetch_site="none") is None
    assert status("POST", origin=f"http://{HOST}", sec_fetch_site="same-origin") is None
    assert status("POST", host=f"localhost:{PORT}", origin=f"http://localhost:{PORT}") is None


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", f"{HOST}.evil.example",
     f"{HOST}, {HOST}", f"[::1]:{PORT}", f"0.0.0.0:{PORT}", f"user@{HOST}"],
)  # fmt: skip
def test_a_server_of_another_name_is_not_this_one(host: str) -> None:
    assert status(host=host) == 421


@pytest.mark.parametrize(
    "path", ["/", "", "/wrong/", f"/{TOKEN[:-1]}/", f"/{TOKEN}x/", f"/x/{TOKEN}/", f"/{TOKEN.lower()}/", "/tökén/"]
)
def test_without_the_token_nothing_is_here(path: str) -> None:
    assert status(path=path) == 404
    assert status("POST", path=path, origin=f"http://{HOST}") == 404


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://evil.example",
        f"https://{HOST}",
        f"http://localhost:{PORT}",
        f"http://{HOST}.evil.example",
        "",
    ],
)
def test_another_sites_page_is_refused(origin: str) -> None:
    assert status("POST", origin=origin) == 403
    assert status("GET", origin=origin) == 403


def test_a_change_without_an_origin_is_refused() -> None:
    assert status("POST") == 403
    assert status("PUT") == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none, cross-site"])
def test_a_browser_that_says_it_is_another_site_is_believed(site: str) -> None:
    assert status(sec_fetch_site=site) == 403


def test_scripts_and_styles_come_from_the_simulator_alone() -> None:
    policy = HEADERS["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert HEADERS["referrer-policy"] == "no-referrer"
