"""The lines of a claim: what does not fit exactly is refused as a whole."""

import base64
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.claim import messages
from edge.domain.claim.messages import ClaimAnswer, ClaimPolicy, ClaimRequest, Refusal
from edge.errors import RecordError


def b64(count: int) -> str:
    return base64.b64encode(bytes(count)).decode()


def pem(label: str, body: str = "AAAA\n") -> str:
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n"


REQUEST = ClaimRequest(b64(13), b64(32), pem("CERTIFICATE REQUEST"), b64(64))
ANSWER = ClaimAnswer(
    site="main",
    terminal="gate-1",
    host="broker.example",
    port=8883,
    certificate=pem("CERTIFICATE"),
    ca=pem("CERTIFICATE"),
    ledger=pem("PUBLIC KEY"),
    authority=pem("PUBLIC KEY"),
    roster=None,
    policy=ClaimPolicy("2026-11", "We keep no pictures.\n"),
)


def test_every_message_reads_back() -> None:
    nonce = bytes(range(32))
    assert messages.read_greeting(messages.greeting(nonce)) == nonce
    assert messages.read_request(messages.write_message(REQUEST)) == REQUEST
    assert messages.read_answer(messages.write_message(ANSWER)) == ANSWER
    for word in Refusal:
        assert messages.read_answer(messages.write_refusal(word)) is word


BAD_REQUESTS = {
    "secret": [None, "", b64(12), b64(14), b64(13) + "\n", 13, ["AA"]],
    "identity": [b64(31), "-" * 44, b64(32).replace("A", "é")],
    "csr": [pem("CERTIFICATE"), pem("CERTIFICATE REQUEST") * 2, "x" + pem("CERTIFICATE REQUEST"),
            pem("CERTIFICATE REQUEST", "AAAA\n" * 61), pem("CERTIFICATE REQUEST", "AA AA\n"), ""],
    "signature": [b64(63), b64(65), True],
}  # fmt: skip
BAD_ANSWERS = {
    "site": ["../etc", "a/b", "", "roster", "A", ".", "a" * 33, "gate\n"],
    "terminal": ["../../etc/passwd", "a b", "-a", None],
    "host": ["", "a b", "a\nhost = 1", 'a"', "x" * 254, "a/b"],
    "port": [0, 65_536, -1, "8883", 1.5, True],
    "certificate": ["", pem("PRIVATE KEY"), pem("CERTIFICATE") * 2, pem("CERTIFICATE") + "more"],
    "ca": [None, pem("CERTIFICATE").replace("\n", "\r\n")],
    "ledger": [pem("CERTIFICATE"), 1],
    "authority": ["", pem("PRIVATE KEY")],
    "roster": [{}],
    "policy": ["text", {}, {"version": "1"}, {"version": "", "text": "a"}, {"version": "a\nb", "text": "a"},
               {"version": "1", "text": "a" * 12_001}],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, one) for name, bad in BAD_REQUESTS.items() for one in bad])
def test_a_malformed_request_is_refused(name: str, value: object) -> None:
    said = json.loads(messages.write_message(REQUEST)) | {name: value}
    with pytest.raises(RecordError, match=name) as found:
        messages.read_request(json.dumps(said).encode())
    assert REQUEST.secret not in str(found.value)


@pytest.mark.parametrize(("name", "value"), [(name, one) for name, bad in BAD_ANSWERS.items() for one in bad])
def test_a_malformed_answer_is_refused(name: str, value: object) -> None:
    said = json.loads(messages.write_message(ANSWER)) | {name: value}
    with pytest.raises(RecordError, match=name):
        messages.read_answer(json.dumps(said).encode())


@pytest.mark.parametrize("name", ["site", "terminal", "host", "port", "certificate", "ca", "ledger"])
def test_what_every_terminal_needs_may_not_be_missing(name: str) -> None:
    said = json.loads(messages.write_message(ANSWER))
    del said[name]
    with pytest.raises(RecordError, match=f"{name} is missing"):
        messages.read_answer(json.dumps(said).encode())


@pytest.mark.parametrize(
    "line",
    [b"", b"{}", b"[]", b"\xff", b'{"v":2,"nonce":""}', b'{"v":1}', b'{"v":1,"v":1,"nonce":"AAAA"}',
     b'{"v":1,"nonce":"AAAA"}', b'{"v":1,"refused":"whatever"}', b'{"v":1,"refused":1}', b"{" * 2_000],
)  # fmt: skip
def test_what_is_no_message_is_refused(line: bytes) -> None:
    for read in (messages.read_greeting, messages.read_request, messages.read_answer):
        with pytest.raises(RecordError):
            read(line)


def test_longer_lines_than_the_limits_are_refused() -> None:
    for read, limit in (
        (messages.read_greeting, messages.MOST_GREETING),
        (messages.read_request, messages.MOST_REQUEST),
        (messages.read_answer, messages.MOST_ANSWER),
    ):
        with pytest.raises(RecordError, match="more than the limit"):
            read(b" " * limit + b"{}")


def test_the_proof_differs_with_each_of_its_parts() -> None:
    parts = ["00" * 32, "a request", b"a certificate", bytes(32)]
    others = ["01" * 32, "another", b"another", bytes([1]) * 32]
    said = {messages.proof(*parts)}
    for n, other in enumerate(others):
        said.add(messages.proof(*[*parts[:n], other, *parts[n + 1 :]]))
    assert len(said) == 5
    assert {len(one) for one in said} == {22 + 4 * 32}


@given(st.sampled_from(["request", "answer"]), st.integers(0, 1_200), st.binary(max_size=4), st.integers(0, 6))
def test_a_line_that_was_altered_anywhere_is_read_or_refused_and_nothing_else(
    which: str, place: int, put: bytes, gone: int
) -> None:
    line = messages.write_message(REQUEST if which == "request" else ANSWER)
    altered = line[:place] + put + line[place + gone :]
    for read in (messages.read_request, messages.read_answer, messages.read_greeting, messages.read_file_request):
        with contextlib.suppress(RecordError):
            read(altered)
