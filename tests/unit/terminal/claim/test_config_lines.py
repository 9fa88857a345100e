"""Keys set in a configuration that a person wrote: everything else stays, or nothing is changed."""

import contextlib
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import ClaimRefused
from edge.terminal.claim.config_lines import with_keys
from tests.support.claims import EXAMPLE

WANTED = {
    ("terminal", "site"): "depot",
    ("terminal", "name"): "gate-1",
    ("uplink", "host"): "broker.test",
    ("uplink", "port"): 8884,
    ("keys", "authority"): "/etc/smartclocker/authority.pem",
}


def test_the_example_keeps_every_line_that_is_not_about_them() -> None:
    before = EXAMPLE.read_text()
    made = with_keys(before, WANTED)
    after = made.splitlines()
    kept = [line for line in before.splitlines() if line in after]
    assert len(before.splitlines()) - len(kept) == 3, "site, name and host"
    assert len(after) - len(before.splitlines()) == 2, "port and authority, below their defaults"
    assert after.index("port = 8884") == after.index("# port = 8883") + 1
    document = tomllib.loads(made)
    assert {(s, k): document[s][k] for s, k in WANTED} == WANTED
    assert with_keys(made, WANTED) == made


HAND_WRITTEN = {
    "one line each": '[terminal]\nsite="a"\nname="b"\n[uplink]\nhost="c"\n[keys]\n',
    "single quotes": "[terminal]\nsite = 'a'\nname = 'b'\n",
    "a # in a value": '[terminal]\nsite = "a" # "b" #\nname = "x#y"\n',
    "an escaped quote": '[terminal]\nsite = "a\\"b" # c\nname = "b"\n',
    "sections in another order": '[uplink]\nhost = "c"\n[terminal]\nname = "b"\nsite = "a"\n',
    "blanks": '  [ terminal ]  # here\n  site   =   "a"   # c\n\tname = "b"\n',
    "Windows lines": '[terminal]\r\nsite = "a"\r\nname = "b"\r\n',
    "no end of line": '[terminal]\nsite = "a"\nname = "b"',
    "empty": "",
    "a name in another section": '[other]\nsite = "keep"\n[terminal]\nname = "b"\n',
    "a longer key": '[terminal]\nsite_id = "keep"\nmy.site = "keep"\n',
    "a list": '[terminal]\ndoors = [\n  "a",\n]\nname = "b"\n',
    "tables within": '[terminal.more]\nsite = "keep"\n[terminal]\nname = "b"\n',
    "a character that ends lines elsewhere": '[terminal]\n# a\u2028b\x0cc\nname = "x\u2028y"\n',
    "text that looks like a section": '[other]\ntext = """\n[terminal]x\n"""\n[terminal]\nname = "b"\n',
}


@pytest.mark.parametrize("how", HAND_WRITTEN)
def test_what_people_write_keeps_all_else(how: str) -> None:
    text = HAND_WRITTEN[how].replace("\x0c", "")
    made = tomllib.loads(with_keys(text, WANTED))
    expected = tomllib.loads(text)
    for (section, key), value in WANTED.items():
        expected.setdefault(section, {})[key] = value
    assert made == expected


UNEDITABLE = {
    "an inline table": 'terminal = { site = "a", name = "b" }\n',
    "dotted keys": 'terminal.site = "a"\n',
    "a string of several lines": '[terminal]\nsite = """\na"""\nname = "b"\n',
    "a section within a string": '[other]\ntext = """\n[terminal]\nsite = "a"\n"""\n[terminal]\nname = "b"\n',
    "a quoted key": '[terminal]\n"site" = "a"\nname = "b"\n',
    "a value that is no section": 'keys = "a"\n',
}


@pytest.mark.parametrize("how", UNEDITABLE)
def test_what_cannot_be_edited_safely_is_told_with_the_lines_to_write(how: str) -> None:
    with pytest.raises(ClaimRefused, match=r'put this there yourself: .*site = "depot"'):
        with_keys(UNEDITABLE[how], WANTED)


@given(st.text(max_size=20), st.text(max_size=20), st.sampled_from(["# {}\n", "[a]\nx = 1 # {}\n", "{}\n"]))
def test_whatever_is_around_it_only_the_wanted_keys_change(before: str, after: str, form: str) -> None:
    text = (
        form.format(before) + '[terminal]\nsite = "main"\nname = "b"\n' + form.replace("[a]", "[b]").format(after)
    )
    try:
        expected = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    for (section, key), value in WANTED.items():
        if not isinstance(expected.setdefault(section, {}), dict):
            return
        expected[section][key] = value
    with contextlib.suppress(ClaimRefused):  # nothing was changed
        assert tomllib.loads(with_keys(text, WANTED)) == expected
