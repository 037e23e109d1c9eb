"""The backends of a lab, as the lab and its scenarios use them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from wslb.errors import ProcessLost
from wslb.interfaces.backend import Backend
from wslb.model.balancer import Site
from wslb.model.handshake import Arrival, Handshake, one_header
from wslb.model.results import Witness

__all__ = ["Backends"]


class Backends(Mapping[str, Backend]):
    """Running backends by name. A class to inherit from, not a protocol, because `Mapping` is none."""

    @property
    @abstractmethod
    def addresses(self) -> Mapping[str, str]:
        """``host:port`` of every listener, by ``scheme://name``, as the proxy reaches it."""

    @property
    @abstractmethod
    def decoys(self) -> frozenset[str]:
        """Names that lead to no backend."""

    @property
    def real(self) -> Mapping[str, str]:
        """URL of the real server behind each backend; empty where all are stand-ins."""
        return {}

    @property
    def plays_parts(self) -> bool:
        """Whether real servers play the parts of the catalogue's scenarios, and so are to have what these ask for."""
        return False

    @property
    def further(self) -> tuple[str, ...]:
        """Real servers beside the two that play the parts of the catalogue's scenarios, in order."""
        return ()

    @property
    def paths(self) -> Mapping[str, str]:
        """Path of each server that plays a part, before ``/CLRunner``: that of its members, not the stand-in's."""
        return {part: urlsplit(url).path for part, url in self.real.items()} if self.plays_parts else {}

    @property
    def silent(self) -> frozenset[Witness]:
        """Witnesses that cannot tell who answered: real servers sign nothing, and not all of them greet."""
        return frozenset()

    @property
    def signature(self) -> str:
        """What of an answer names its backend, in a report's words."""
        return Witness.SIGNATURE.value

    def signers(self, handshake: Handshake, near: Collection[str]) -> tuple[str, ...]:
        """Backends among those near whose signature this answer has; none for nobody's."""
        signed = one_header(handshake.response, "X-Backend")
        return tuple(name for name in self if name in near and name == signed)

    def greeters(self, text: str, near: Collection[str]) -> tuple[str, ...]:
        """Backends among those near whose greeting this is, exactly; none for nobody's.

        Instances that listen on one address greet in the same words. Then none of them is preferred, not even the one
        that a scenario expects: the greeting would hide that another one answered.
        """
        return tuple(name for name, one in self.items() if name in near and one.info.greeting == text)

    @property
    def answers(self) -> bool:
        """Whether every backend answers a text message."""
        return True

    @property
    @abstractmethod
    def folder(self) -> str:
        """Folder of this machine that holds the certificate of the run's authority, ``tls/ca.pem``."""

    @property
    @abstractmethod
    def living(self) -> Mapping[str, Backend]:
        """Those that run and are not frozen: they can be asked."""

    @abstractmethod
    async def prepare(self, site: Site) -> None:
        """Make every backend that a site names run and answer, with an empty journal and no fault."""

    @abstractmethod
    async def forget(self) -> None:
        """Empty every journal: what asked the backends until now belongs to nobody's evidence."""

    @abstractmethod
    async def kill(self, name: str) -> None:
        """End a backend at once: its tunnels get a FIN from the kernel, and no close frame."""

    @abstractmethod
    async def stop_one(self, name: str) -> None:
        """End a backend as an administrator would: as of the originals, its tunnels get a FIN and no close frame."""

    @abstractmethod
    async def bury(self, name: str) -> None:
        """End a backend, and let its ports answer no connect any more."""

    @abstractmethod
    async def revive(self, name: str) -> None:
        """Start a backend again on the ports it had."""

    @abstractmethod
    async def freeze(self, name: str) -> None:
        """Stop a backend's execution: the kernel still accepts connections, nobody answers."""

    @abstractmethod
    async def thaw(self, name: str) -> None:
        """Let a frozen backend go on."""

    @abstractmethod
    async def journal(self) -> tuple[Arrival, ...]:
        """Every request that reached a backend since `prepare`, in order, those that were ended meanwhile included."""

    @abstractmethod
    async def all_ended(self, *, but: int = 0) -> bool:
        """Whether every tunnel, but so many, has ended for the backend that served it, as far as it can be asked."""

    @abstractmethod
    async def lost(self) -> ProcessLost | None:
        """What became of a backend that nobody of us wanted since `prepare`; None: nothing."""

    @abstractmethod
    def stopped(self) -> tuple[tuple[str, int], ...]:
        """Title and process id of every backend that is stopped, but for those that were frozen."""

    @abstractmethod
    async def discard(self, pid: int) -> None:
        """End the backend of this process id at once, if there is one; `prepare` starts another."""
