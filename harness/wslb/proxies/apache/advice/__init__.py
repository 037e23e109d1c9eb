"""Advice on a user's httpd configuration: known traps, each with file, line, why and the cure."""

from __future__ import annotations

from wslb.proxies.apache.advice.adviser import FileAdvice, advice_for, advise_file
from wslb.proxies.apache.advice.rule import Advice, Rule, Severity
from wslb.proxies.apache.advice.rules import RULES

__all__ = ["RULES", "Advice", "FileAdvice", "Rule", "Severity", "advice_for", "advise_file"]
