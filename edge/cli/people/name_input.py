"""Reads a name from standard input, because every process of the machine and sudo's log can read the command
line.
"""

import sys

FROM_INPUT = "-"
"""The word in place of a name: the name is then asked for, or is the next line of standard input."""
HELP = (
    f"the person's name; `{FROM_INPUT}`: the verb asks for it, or reads the next line of standard input. "
    "A name on the command line can be read by every process"
)


def name_of(word: str, prompt: str = "name: ") -> str:
    """The name that an argument gives, tidied. Raises PeopleError, which says what is wrong with it."""
    from edge.domain.people import person_name
    from edge.errors import PeopleError

    name = person_name.tidy(_line(prompt) if word == FROM_INPUT else word)
    wrong = person_name.problem(name)
    if wrong is not None:
        raise PeopleError(wrong)
    return name


def _line(prompt: str) -> str:
    from edge.errors import PeopleError

    try:
        if sys.stdin.isatty():
            return input(prompt)
        return sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    except EOFError:
        return ""
    except UnicodeDecodeError as error:
        raise PeopleError("the name on standard input is not UTF-8 text; write it in UTF-8") from error
