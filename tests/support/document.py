"""An HTML page taken apart as a browser does it, and words that would like to be markup in it."""

from html.parser import HTMLParser

HOSTILE = [
    "<script>alert(1)</script>",
    "</title></style></table></svg><img src=x onerror=alert(1)>",
    "\"' onmouseover='alert(1)",
    "&lt;b&gt; &amp; &#60;i&#62;",
    "<!-- --><![CDATA[<b>]]>",
    "{{ 7*7 }} {% raw %} ${x} $x^2$",
    "\u202e\x1b[31m<b>",
]


class Document(HTMLParser):
    """Raises AssertionError for a comment or a declaration, which none of our pages has."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        """Each with its attributes."""
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(data)
