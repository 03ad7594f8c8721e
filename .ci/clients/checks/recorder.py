"""A proxy that terminates TLS on both sides and notes every byte: for captures, not for checks."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path

from .client import Server
from .servers import HOST, certificates


class Recorder:
    """Stands before a server. Whoever binds SASL to the TLS channel can't log in through it."""

    def __init__(self, server: Server):
        self.upstream = server
        self.notes: list[tuple[str, bytes]] = []  # ("C" or "S", bytes), or ("tls", b"") where TLS began
        self._listener: asyncio.Server | None = None
        self._context: ssl.SSLContext | None = None

    async def start(self, directory: Path) -> Server:
        """Returns the server as a client has to see it: our port and certificate."""
        directory.mkdir(mode=0o755)
        ca = await certificates(directory)
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(directory / 'leaf.pem', directory / 'leaf.key')
        self._listener = await asyncio.start_server(self._serve, HOST, 0)
        port = self._listener.sockets[0].getsockname()[1]
        return replace(self.upstream, host=HOST, port=port, ca=ca, leaf=directory / 'leaf.pem')

    async def stop(self) -> None:
        if self._listener:
            self._listener.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(self.upstream.host, self.upstream.port)
        try:
            # Until TLS begins both sides speak in turns, and the server's <proceed/> ends it.
            client = asyncio.create_task(self._copy('C', reader, up_writer))
            while True:
                data = await up_reader.read(65536)
                if not data:
                    client.cancel()
                    return
                self.notes.append(('S', data))
                if b'<proceed' in data:
                    break
                writer.write(data)
            client.cancel()
            await asyncio.wait([client])
            trust = ssl.create_default_context(cafile=str(self.upstream.ca))
            await up_writer.start_tls(trust, server_hostname=self.upstream.domain)
            writer.write(data)
            await writer.start_tls(self._context)
            self.notes.append(('tls', b''))
            await asyncio.gather(self._copy('C', reader, up_writer), self._copy('S', up_reader, writer))
        except (OSError, ssl.SSLError):
            pass  # either side may leave without a word
        finally:
            up_writer.close()
            writer.close()

    async def _copy(self, direction: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            self.notes.append((direction, data))
            writer.write(data)
            await writer.drain()
        writer.close()
