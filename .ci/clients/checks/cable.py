"""A TCP connection that can be pulled: bytes pass unread, so that TLS and channel binding are not disturbed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from .client import Server
from .servers import HOST


class Cable:
    def __init__(self, server: Server):
        self.upstream = server
        self.connections = 0
        self._listener: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> Server:
        """Returns the server as seen through the cable."""
        self._listener = await asyncio.start_server(self._serve, HOST, 0)
        return replace(self.upstream, host=HOST, port=self._listener.sockets[0].getsockname()[1])

    def cut(self) -> None:
        """Ends every connection at once and without a word. New ones can be made."""
        for writer in self._writers:
            writer.transport.abort()

    async def stop(self) -> None:
        self._listener.close()
        self.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        up_reader, up_writer = await asyncio.open_connection(self.upstream.host, self.upstream.port)
        pair = {writer, up_writer}
        self._writers |= pair
        try:
            await asyncio.gather(_copy(reader, up_writer), _copy(up_reader, writer))
        finally:
            self._writers -= pair
            for one in pair:
                one.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()
    except OSError:
        writer.close()
