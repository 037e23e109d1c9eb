"""CL commands over HTTP, one request each: what the article's WebSocket replaces. ``POST /CLRunner``, text both ways.

Built on the library and the command runner of the Liberty stand-in, so that only the way of carrying differs.
``python -m tests.bench.clhttp FILE`` writes its port to FILE and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from aiohttp import web

from backends import cl
from backends.cl import Caller


async def serve(file: Path) -> None:
    runner = cl.choose("emulator", program="", host_name="bench", name="clhttp", address="127.0.0.1")

    async def run(request: web.Request) -> web.Response:
        caller = Caller(
            number=1, listener="ws", peer="", target=request.path, age_seconds=0.0, messages_received=1,
            messages_sent=0, subprotocol=None, headers=list,
        )  # fmt: skip
        return web.Response(text=await runner.run(await request.text(), caller=caller))

    app = web.Application()
    app.router.add_post("/CLRunner", run)
    serving = web.AppRunner(app, access_log=None)
    await serving.setup()
    await web.TCPSite(serving, "127.0.0.1", 0).start()
    part = file.with_suffix(".part")
    part.write_text(str(serving.addresses[0][1]))
    part.rename(file)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await serving.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
