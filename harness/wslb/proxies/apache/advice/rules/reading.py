"""How the file is read: comments that are none, sections that wait for a ``-D``, placeholders, and ``.htaccess``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wslb.proxies.apache.advice.rule import Rule, Severity, Spot
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.directives import MAX_DEPTH, Directive, walk
from wslb.proxies.apache.conf.effect import MAX_DIRECTIVES, MAX_FILES, MAX_WORD
from wslb.proxies.apache.conf.vocabulary import SERVER_ONLY

__all__ = ["RULES"]

_FLAGS = re.compile(
    r"^(?:rewriteengine|proxypreservehost|proxyrequests|proxypassinterpolateenv|proxyerroroverride|proxypassinherit"
    r"|proxyaddheaders|balancerinherit|sslproxyengine|sslproxycheckpeer\w+|hostnamelookups|usecanonicalname"
    r"|proxywebsocketfallbacktoproxyhttp|keepalive|extendedstatus)$"
)
_TAKES_MORE = re.compile(
    r"^(?:serveralias|setenvif(?:nocase)?|browsermatch(?:nocase)?|passenv|unsetenv|directoryindex|add\w+|require|allow"
    r"|deny|options|allowoverride|sslprotocol|sslproxyprotocol|indexignore|rewriteoptions|protocols)$"
)


def _comment(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: refused, for a number or a form of arguments; On and Off and rules ignore it, lists take it."""
    for directive in walk(conf.directives):
        if not directive.comment or not directive.comment.startswith("#"):
            continue
        what = f"{directive.comment} behind {directive.name} is no comment"
        if directive.body is not None or _FLAGS.match(directive.key) or _is_rule_with_flags(directive):
            yield Spot(directive, f"{what}; here it is ignored", severity=Severity.NOTE)
        elif _TAKES_MORE.match(directive.key) and directive.first.lower() != "all":
            yield Spot(directive, f"{what}: it is taken for further arguments", severity=Severity.WARNING)
        else:
            yield Spot(directive, f"{what}: it is taken for arguments, and httpd refuses them")


def _is_rule_with_flags(directive: Directive) -> bool:
    return directive.key in {"rewriterule", "rewritecond"} and len(directive.words) > 2


_ABOUT_WEBSOCKETS = re.compile(
    r"proxy|balancer|rewrite|^(?:listen|virtualhost|include|includeoptional|loadmodule|use)$"
)


def _left_out(conf: Configuration) -> Iterator[Spot]:
    """By the manual of core: <IfDefine> counts only where httpd is started with -D of that name, or Define names it."""
    for section in conf.left_out:
        inner = [d for d in walk(section.body or ()) if _ABOUT_WEBSOCKETS.search(d.key)]
        if inner:
            more = f" and {len(inner) - 1} more" if len(inner) > 1 else ""
            cure = f"Where httpd is started with it, say so here as well: -D {section.first}"
            yield Spot(section, f"{section} is left out, with {inner[0].name} of line {inner[0].line}{more}", cure=cure)


def _placeholder(conf: Configuration) -> Iterator[Spot]:
    """Nothing to elect: what stands there is filled in before httpd sees the file, by whom we cannot know."""
    seen = set[str]()
    for flaw in conf.flaws:
        if flaw.kind == "placeholder" and flaw.text not in seen:
            seen.add(flaw.text)
            cure = f"Give it a value to have the file judged as it will be: --set '{flaw.text}=VALUE'"
            yield Spot(flaw, f"the placeholder {flaw.text} has no value", cure=cure)


def _more_than_is_read(conf: Configuration) -> Iterator[Spot]:
    """Nothing to elect: our own bounds. httpd reads on, and takes all memory that there is for a value that doubles."""
    for flaw in conf.flaws:
        if flaw.kind == "many":
            cure = (
                "Include the files of the configuration alone, *.conf of one folder; or name one of them as the file."
            )
            yield Spot(flaw, f"{flaw.text} takes in more than {MAX_FILES} files", cure=cure)
        if flaw.kind == "deep":
            cure = "Write it with fewer sections in one another."
            yield Spot(flaw, f"<{flaw.text}> stands in {MAX_DEPTH} other sections", cure=cure)
        if flaw.kind == "endless":
            cure = "Leave out what is written by a program, or a macro that uses others many times."
            yield Spot(flaw, f"with this {flaw.text} there are more than {MAX_DIRECTIVES:,} directives", cure=cure)
    for flaw in [flaw for flaw in conf.flaws if flaw.kind == "long"][:1]:
        cure = "Define it shorter. Where each Define doubles the one before, httpd does not even come to its start."
        yield Spot(flaw, f"{flaw.text} stands for more than {MAX_WORD:,} characters", cure=cure)


_OVERRIDES = {
    "FileInfo": re.compile(r"^(?:rewrite\w+|header|requestheader|\w*setenv\w*|sethandler|errordocument|redirect\w*)$"),
    "AuthConfig": re.compile(r"^(?:auth\w+|require\w*|satisfy)$"),
    "Limit": re.compile(r"^(?:order|allow|deny)$"),
    "Indexes": re.compile(r"^(?:directoryindex|expires\w+|indexoptions)$"),
    "Options": re.compile(r"^options$"),
}


def _in_htaccess(conf: Configuration) -> Iterator[Directive]:
    sections = (d for d in conf.directives if d.key == "directory" and d.line == 0) if conf.folder else ()
    return (directive for section in sections for directive in walk(section.body or ()))


def _not_there(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``ProxyPass not allowed here``, and every request of that folder is answered 500."""
    for directive in _in_htaccess(conf):
        if SERVER_ONLY.match(directive.key):
            yield Spot(directive, f"{directive.name} is not allowed in a .htaccess")


def _overrides(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: None leaves the file unread; one that lacks a group answers 500, and so does none at all."""
    first: Directive | None = None
    needed: dict[str, str] = {}
    for directive in _in_htaccess(conf):
        first = first or directive
        for group, names in _OVERRIDES.items():
            if names.match(directive.key):
                needed.setdefault(group, directive.name)
    if first is not None and needed:
        groups = ", ".join(f"{group} ({name})" for group, name in needed.items())
        cure = f"AllowOverride {' '.join(needed)} in the <Directory> of the server's own configuration."
        yield Spot(first, f"this .htaccess needs AllowOverride {groups}", cure=cure)


def _leading_slash(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: within a folder a path has lost its prefix with the slash, and ``^/ws`` never fits: 404."""
    for placed in (p for scope in conf.scopes for p in scope.all("rewriterule")):
        inside = any(section.key in {"directory", "directorymatch"} for section in placed.around)
        pattern = placed.directive.first
        if inside and re.match(r"\^/(?![?*])", pattern):
            yield Spot(
                placed.directive,
                f"the pattern {pattern} begins with a slash, and a path has none within a folder",
                cure=f"Without the slash: {pattern.replace('/', '', 1)}",
            )


RULES = (
    Rule(
        id="WSLB-C140",
        severity=Severity.ERROR,
        why="httpd has comments on lines of their own only; what follows a directive is read as its arguments.",
        cure="Put the comment on a line of its own.",
        find=_comment,
    ),
    Rule(
        id="WSLB-C141",
        severity=Severity.NOTE,
        why="Nobody has defined the name, so httpd leaves the section out.",
        cure="Where httpd is started with it, say so here as well: -D NAME",
        find=_left_out,
    ),
    Rule(
        id="WSLB-C142",
        severity=Severity.NOTE,
        why="Something else fills it in before httpd reads the file; what is said of its line may change with it.",
        cure="Give it a value to have the file judged as it will be: --set NAME=VALUE",
        find=_placeholder,
    ),
    Rule(
        id="WSLB-C143",
        severity=Severity.ERROR,
        why="httpd answers every request of the folder with 500, and names the line in its error log.",
        cure="Put it into the server's own configuration, or lead the path by a RewriteRule with [P].",
        find=_not_there,
    ),
    Rule(
        id="WSLB-C144",
        severity=Severity.NOTE,
        why="With AllowOverride None httpd does not read the file; without that group it answers 500.",
        cure="AllowOverride FileInfo in the <Directory> of the server's own configuration.",
        find=_overrides,
    ),
    Rule(
        id="WSLB-C145",
        severity=Severity.ERROR,
        why="The rule never applies, so the upgrade finds no proxy: 404, or a file.",
        cure="Begin the pattern without the slash: ^ws",
        find=_leading_slash,
    ),
    Rule(
        id="WSLB-C146",
        severity=Severity.WARNING,
        why="That is more than is read here: what stands behind it was not looked at.",
        cure="Name a smaller part of the configuration as the file.",
        find=_more_than_is_read,
    ),
)
