"""Conditions, includes, definitions and macros."""

from __future__ import annotations

import fnmatch

import pytest

from wslb.proxies.apache.conf.directives import tree_of, walk
from wslb.proxies.apache.conf.effect import MAX_FILES, MAX_WORD, Effect, module_name, resolve


class Tree:
    """Files in memory."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def read(self, path: str) -> str | None:
        return self.files.get(path)

    def glob(self, pattern: str) -> list[str]:
        below = f"{pattern}/"
        return sorted(name for name in self.files if fnmatch.fnmatch(name, pattern) or name.startswith(below))


def effect(text: str, **files: str) -> Effect:
    paths = {f"/etc/{name.replace('__', '/')}.conf": content for name, content in files.items()}
    return resolve(tree_of(text, "/etc/httpd.conf"), "/etc/httpd.conf", Tree(paths))


def kept(text: str, **files: str) -> list[str]:
    return [str(d) for d in walk(effect(text, **files).directives) if d.name in {"A", "B", "C"}]


LOADED = "LoadModule proxy_module x\n"


@pytest.mark.parametrize(
    ("text", "directives"),
    [
        (LOADED + "<IfModule proxy_module>\nA\n</IfModule>", ["A"]),
        (LOADED + "<IfModule mod_proxy.c>\nA\n</IfModule>", ["A"]),
        (LOADED + "<IfModule !proxy_module>\nA\n</IfModule>", []),
        (LOADED + "<IfModule ssl_module>\nA\n</IfModule>", []),
        (LOADED + "<IfModule unixd_module>\nA\n</IfModule>", ["A"]),
        (LOADED + "<IfModule mpm_event_module>\nA\n</IfModule>", ["A"]),
        (LOADED + "LoadModule mpm_worker_module x\n<IfModule mpm_event_module>\nA\n</IfModule>", []),
        ("<IfModule ssl_module>\nA\n</IfModule>", ["A"]),
        ("<IfModule !ssl_module>\nA\n</IfModule>", ["A"]),
        ("<IfDefine X>\nA\n</IfDefine>\n<IfDefine !X>\nB\n</IfDefine>", ["B"]),
        ("Define X\n<IfDefine X>\nA\n</IfDefine>\n<IfDefine !X>\nB\n</IfDefine>", ["A"]),
        ("Define X\nUnDefine X\n<IfDefine X>\nA\n</IfDefine>", []),
        ("<IfFile /nowhere>\nA\n</IfFile>\n<IfVersion >= 2.4.47>\nB\n</IfVersion>", ["A", "B"]),
        ("<IfDirective Foo>\nA\n</IfDirective>", ["A"]),
        ("<IfModule a>\n<IfModule b>\nA\n</IfModule>\nB\n</IfModule>", ["A", "B"]),
    ],
)
def test_conditions(text: str, directives: list[str]) -> None:
    assert kept(text) == directives


def test_variables_are_put_in_and_undefined_ones_noted() -> None:
    found = effect("Define HOST a.example\nA ws://${HOST}:${PORT}/x")
    assert found.directives[1].words == ("ws://a.example:${PORT}/x",)
    assert [(name, at.line) for name, at in found.undefined.items()] == [("PORT", 2)]


def test_includes_keep_their_own_file_and_line() -> None:
    found = effect("A\nInclude conf.d/*.conf\nC", **{"conf.d__one": "\nB", "conf.d__two": "B\n"})
    assert [(d.name, d.file, d.line) for d in found.directives] == [
        ("A", "/etc/httpd.conf", 1),
        ("B", "/etc/conf.d/one.conf", 2),
        ("B", "/etc/conf.d/two.conf", 1),
        ("C", "/etc/httpd.conf", 3),
    ]
    assert not found.incomplete


def test_a_missing_include_makes_the_configuration_incomplete_and_an_optional_one_changes_nothing() -> None:
    assert effect("IncludeOptional x.conf").flaws == []
    assert not effect("IncludeOptional x.conf").incomplete
    assert effect("Include x.conf").incomplete
    assert [(flaw.kind, flaw.text) for flaw in effect("Include x.conf").flaws] == [("missing", "x.conf")]


def test_files_that_include_each_other_come_to_an_end() -> None:
    found = effect("Include a.conf", a="A\nInclude b.conf", b="B\nInclude a.conf")
    assert len(found.files) < 50


def test_macros_are_expanded_with_the_lines_of_their_definition() -> None:
    found = effect("<Macro M $a $ab>\nA $ab $a\n</Macro>\nUse M 1 2\nUse m 3 4")
    assert [(d.words, d.line) for d in found.directives] == [(("2", "1"), 2), (("4", "3"), 2)]
    assert [(flaw.kind, flaw.text) for flaw in effect("Use Nothing").flaws] == [("macro", "Nothing")]


def test_macros_that_use_each_other_come_to_an_end() -> None:
    text = f"<Macro A>\n{'Use B' + chr(10)}{'Use B' + chr(10)}</Macro>\n<Macro B>\nUse A\nUse A\n</Macro>\nUse A"
    assert {flaw.kind for flaw in effect(text).flaws} == {"recursive"}


def test_a_hundred_macros_that_use_one_another_are_read() -> None:
    text = "".join(f"<Macro M{n} $a>\nUse M{n + 1} $a\n</Macro>\n" for n in range(100))
    found = effect(f"{text}<Macro M100 $a>\nA $a\n</Macro>\nUse M0 x")
    assert ([str(d) for d in found.directives], found.flaws) == (["A x"], [])


@pytest.mark.parametrize(("use", "kind"), [("Use M{0} $a$a", "long"), ("Use M{0} $a\nUse M{0} $a", "endless")])
def test_macros_that_multiply_are_said_to_be_read_in_part(use: str, kind: str) -> None:
    text = "".join(f"<Macro M{n} $a>\n{use.format(n + 1)}\n</Macro>\n" for n in range(40))
    found = effect(f"{text}<Macro M40 $a>\nA $a\n</Macro>\nUse M0 x")
    assert [flaw.kind for flaw in found.unread] == [kind]


def test_values_that_double_themselves_stay_bounded() -> None:
    found = effect("Define A xx\n" + "Define A ${A}${A}\n" * 60 + "B ${A}")
    assert len(found.directives[-1].first) < 40_000


def test_module_names() -> None:
    assert [module_name(n) for n in ("proxy_module", "mod_proxy.c", "event.c", "prefork.c", "mpm_event_module")] == [
        "proxy",
        "proxy",
        "mpm_event",
        "mpm_prefork",
        "mpm_event",
    ]


def test_sections_that_wait_for_a_name_are_kept_apart() -> None:
    found = effect(
        "<IfDefine A>\nX\n</IfDefine>\n<IfDefine !A>\nY\n</IfDefine>\nDefine B\n<IfDefine !B>\nZ\n</IfDefine>"
    )
    assert [(section.first, section.line) for section in found.left_out] == [("A", 1)]
    given = resolve(tree_of("<IfDefine A>\nX ${B}\n</IfDefine>", "f"), "f", Tree({}), defines={"A": "", "B": "b"})
    assert (given.left_out, [str(d) for d in given.directives], given.undefined) == ([], ["X b"], {})


def test_paths_with_dots_are_merged_as_httpd_merges_them() -> None:
    found = effect("Include ../etc/sub/../a.conf", a="A")
    assert found.files == ["/etc/httpd.conf", "/etc/a.conf"]


MANY = {f"many__{number}": "A\n" for number in range(MAX_FILES + 1)}


@pytest.mark.parametrize(("pattern", "read"), [("/etc/many/*", MAX_FILES - 1), ("/etc/many", 0)])
def test_more_files_than_are_read_are_told_and_a_folder_of_so_many_is_not_begun(pattern: str, read: int) -> None:
    found = effect(f"B\nInclude {pattern}\nC\n", **MANY)
    assert [str(d) for d in walk(found.directives)] == ["B", *["A"] * read, "C"]
    assert [(flaw.kind, flaw.line, flaw.text) for flaw in found.unread] == [("many", 2, f"Include {pattern}")]
    assert found.incomplete


def test_a_value_that_doubles_is_not_followed_and_told_once_for_each_name() -> None:
    lines = "".join(f"Define D{number} ${{D{number - 1}}}${{D{number - 1}}}\n" for number in range(1, 60))
    found = effect(f"Define D0 x\n{lines}A\n")
    assert max(len(word) for d in found.directives for word in d.words) <= 2 * MAX_WORD
    assert [(flaw.kind, flaw.line, flaw.text) for flaw in found.unread][:1] == [("long", 15, "${D13}")]
    assert len({flaw.text for flaw in found.unread}) == len(found.unread)
