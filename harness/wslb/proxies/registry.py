"""Every product that can stand in front of the backends of a lab, by the name that ``--proxy`` takes."""

from __future__ import annotations

from wslb.errors import ConfigError
from wslb.proxies.adopting import Adoption
from wslb.proxies.apache.apache_product import ApacheProduct
from wslb.proxies.apache.conf.languages import another_language
from wslb.proxies.haproxy.adoption.haproxy_adoption import HaproxyAdoption
from wslb.proxies.haproxy.haproxy_product import HaproxyProduct
from wslb.proxies.nginx.adoption.nginx_adoption import NginxAdoption
from wslb.proxies.nginx.nginx_product import NginxProduct
from wslb.proxies.product import Product

__all__ = ["ADOPTIONS", "PROXIES", "adoption_of", "product_of"]

PROXIES: dict[str, Product] = {"apache": ApacheProduct(), "nginx": NginxProduct(), "haproxy": HaproxyProduct()}

ADOPTIONS: dict[str, Adoption] = {"nginx": NginxAdoption(), "HAProxy": HaproxyAdoption()}
"""How configurations of users are made runnable, by the language that they are in."""


def adoption_of(text: str) -> Adoption | None:
    """Who adopts this configuration; None where it is Apache's, or nobody's."""
    return ADOPTIONS.get(another_language(text) or "")


def product_of(name: str) -> Product:
    """The product of this name.

    Raises:
        ConfigError: there is none.
    """
    try:
        return PROXIES[name]
    except KeyError:
        raise ConfigError(option="--proxy", value=name, allowed=f"one of {', '.join(PROXIES)}") from None
