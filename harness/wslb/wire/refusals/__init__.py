"""Why a server refused an opening handshake: facts in, likely causes out, each with what to do about it.

`Refusal` is what was sent and what came; `likely` orders the causes, the likeliest first. To add one, write a function
in the module of its kind and put it into the `RULES` there: the first rule that answers stands first, so what is
certain (a sentence that only one program writes) stands above what is merely usual.
"""

from wslb.wire.refusals.likely import Likely, likely
from wslb.wire.refusals.refusal import Refusal

__all__ = ["Likely", "Refusal", "likely"]
