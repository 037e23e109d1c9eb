"""What a TAB offers for names: scenarios, families, mutations, workloads, words to explain."""

from __future__ import annotations

from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem

__all__ = ["explained_words", "mutation_names", "proxy_lists", "scenario_names", "workload_names"]


def scenario_names(_context: click.Context, _option: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Families, and the scenarios of those whose name is being typed: 285 at once are no help."""
    from wslb.scenarios import FAMILIES

    items = [CompletionItem(name, help=f"{len(scenarios)} scenarios") for name, scenarios in FAMILIES.items()]
    items += [CompletionItem(s.name, help=s.question) for one in FAMILIES.values() for s in one if incomplete]
    return [item for item in items if item.value.startswith(incomplete)]


def explained_words(_context: click.Context, _option: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Whatever `wslb explain` knows; AH numbers only behind their letters."""
    from wslb.commands.explain import words

    return _fitting((w for w in words() if incomplete or not w.startswith("AH")), incomplete)


def mutation_names(context: click.Context, _option: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Of `wslb selftest`, on the product that was named before."""
    from wslb.commands.mutations import mutations_of
    from wslb.proxies.registry import PROXIES

    product = PROXIES.get(context.params.get("proxy") or "", PROXIES["apache"])
    return _fitting((one.name for one in mutations_of(product.mutations)), incomplete)


def workload_names(_context: click.Context, _option: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Of `wslb compare`."""
    from wslb.commands.workloads import WORKLOADS

    return _fitting((one.name for one in WORKLOADS), incomplete)


def proxy_lists(_context: click.Context, _option: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Products, those before the last comma left as they are."""
    from wslb.proxies.registry import PROXIES

    *before, last = incomplete.split(",")
    lists = (",".join([*before, name]) for name in PROXIES if name.startswith(last) and name not in before)
    return _fitting(lists, incomplete)


def _fitting(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
