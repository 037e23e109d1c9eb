"""Names, arguments and nesting of directives, each with its line."""

from __future__ import annotations

import pytest

from wslb.proxies.apache.conf.directives import MAX_DEPTH, Directive, logical_lines, split_words, tree_of, walk


def flat(text: str) -> list[tuple[str, tuple[str, ...], int]]:
    return [(d.name, d.words, d.line) for d in walk(tree_of(text, "f").directives)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Listen 80", ("Listen", "80")),
        ("  A\t b   c ", ("A", "b", "c")),
        ('Header set X "a b" c', ("Header", "set", "X", "a b", "c")),
        ("Header set X 'a b'", ("Header", "set", "X", "a b")),
        (r'Log "%>s \"%r\"" x', ("Log", '%>s "%r"', "x")),
        (r'A "C:\\x" "\d"', ("A", "C:\\x", r"\d")),
        ('A "not closed', ("A", "not closed")),
        ('A b"c d"', ("A", 'b"c', 'd"')),
        ('A ""', ("A", "")),
        ("", ()),
    ],
)
def test_words(text: str, words: tuple[str, ...]) -> None:
    assert split_words(text) == words


def test_continuation_lines_are_one_directive_of_the_first_line() -> None:
    text = "Listen 80\nProxyPass /ws \\\n  ws://h \\\n  timeout=5\nTimeout 3"
    assert flat(text) == [
        ("Listen", ("80",), 1),
        ("ProxyPass", ("/ws", "ws://h", "timeout=5"), 2),
        ("Timeout", ("3",), 5),
    ]
    assert [(line.line, line.last_line) for line in logical_lines(text, "f")] == [(1, 1), (2, 4), (5, 5)]


def test_windows_line_ends_and_a_byte_order_mark_are_no_part_of_it() -> None:
    assert flat("\ufeffListen 80\r\nA \\\r\n b\r\n") == [("Listen", ("80",), 1), ("A", ("b",), 2)]


def test_comments_are_left_out_and_one_with_a_backslash_takes_the_next_line() -> None:
    tree = tree_of("# a\n#b \\\nListen 80\n  # c\nListen 81", "f")
    assert [(d.first, d.line) for d in tree.directives] == [("81", 5)]
    assert [(flaw.kind, flaw.line) for flaw in tree.flaws] == [("swallowed", 2)]


def test_sections_nest_and_compare_without_case() -> None:
    outer = tree_of("<VirtualHost *:80 _default_:81>\n<location /a>\nA\n</LOCATION>\n</virtualhost>", "f").directives[0]
    assert (outer.key, outer.words, outer.line) == ("virtualhost", ("*:80", "_default_:81"), 1)
    inner = outer.body[0] if outer.body else Directive("", (), "", 0, 0)
    assert (inner.key, inner.first) == ("location", "/a")
    assert str(inner) == "<location /a>"


@pytest.mark.parametrize(
    ("text", "flaws"),
    [
        ("<A>\nB", [("unclosed", 1)]),
        ("</A>", [("stray", 1)]),
        ("<A>\n<B>\n</A>", [("unclosed", 2)]),
        ("<A>\n</B>\n</A>", [("stray", 2)]),
        ("<A>\n</A>\n</A>", [("stray", 3)]),
        ("<A>\n</A>", []),
    ],
)
def test_sections_that_do_not_fit_are_flaws(text: str, flaws: list[tuple[str, int]]) -> None:
    assert [(flaw.kind, flaw.line) for flaw in tree_of(text, "f").flaws] == flaws


def test_what_follows_a_flaw_is_still_read() -> None:
    assert flat("<A>\n<B>\n</A>\nListen 80")[-1] == ("Listen", ("80",), 4)


@pytest.mark.parametrize(
    ("text", "words", "comment"),
    [
        ("ProxyPass /ws ws://a # live updates", ("/ws", "ws://a"), "# live updates"),
        ("ProxyPass /ws ws://a #live", ("/ws", "ws://a"), "#live"),
        ("Timeout 60 # why", ("60",), "# why"),
        ("User #1000", ("#1000",), ""),
        ('ProxyPass "/a #b" ws://c', ("/a #b", "ws://c"), ""),
        ("Define COLOR #fff", ("COLOR", "#fff"), ""),
        ("Header set X-Color #fff", ("set", "X-Color", "#fff"), ""),
        ("Header set X-Color #fff # why", ("set", "X-Color", "#fff"), "# why"),
        ("RewriteRule ^/a#b$ /c#d [NE]", ("^/a#b$", "/c#d", "[NE]"), ""),
        ("RewriteCond %{A} #x", ("%{A}", "#x"), ""),
        ("<Location /a> # why\n</Location> # end", ("/a",), "# why"),
        ('<If "1 > 0">\n</If>', ("1 > 0",), ""),
        ("<VirtualHost *:80", ("*:80",), ""),
    ],
)
def test_what_was_meant_as_a_comment_is_no_argument(text: str, words: tuple[str, ...], comment: str) -> None:
    (found,) = tree_of(text, "httpd.conf").directives
    assert (found.words, found.comment) == (words, comment)


def test_what_stands_in_more_sections_than_are_read_is_one_flaw_and_hides_nothing_behind_it() -> None:
    nested = [*["<IfModule !none>"] * 20_000, "Listen 1", *["</IfModule>"] * 20_000, "Listen 2"]
    tree = tree_of("\n".join(nested), "a.conf")
    assert [(flaw.kind, flaw.line) for flaw in tree.flaws] == [("deep", MAX_DEPTH + 1)]
    assert [directive.first for directive in walk(tree.directives) if directive.name == "Listen"] == ["2"]
