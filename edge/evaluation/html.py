"""The pages of the evaluations: one file each, which fetches nothing, from the templates beside this module.

Whatever a template is given is text, and is escaped; only the drawings, which matplotlib wrote, are markup.
"""

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(template: str, **values: object) -> str:
    """The whole page; `template` is the name of its file."""
    environment = Environment(
        loader=PackageLoader("edge.evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(values)


def percent(share: float | None) -> str:
    """With two decimals; a dash where nothing could be measured."""
    return "-" if share is None else f"{100 * share:.2f} %"
