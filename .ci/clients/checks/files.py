"""Files between clients that cannot reach each other, through the server's proxy (XEP-0065)."""

from __future__ import annotations

import asyncio
import socket

from .client import Client
from .dialogue import Dialogue, Step
from .events import CheckFailed
from .pidgin import Pidgin
from .slix import Slixmpp

CONTENT = bytes(range(256)) * 4000  # a megabyte, in many pieces


class SlixmppFiles(Slixmpp):
    """slixmpp, which takes every file. It offers no address of its own."""

    plugins = Slixmpp.plugins + ('xep_0065',)

    def __init__(self, *args):
        super().__init__(*args)
        self.got = bytearray()

    async def start(self) -> None:
        await super().start()
        self.xmpp['xep_0065'].auto_accept = True
        self.xmpp.add_event_handler('socks5_data', self.got.extend)


async def arrives(what: str, got) -> None:
    """Waits until got() is the content."""
    for _ in range(300):
        if got() == CONTENT:
            return
        await asyncio.sleep(0.1)
    raise CheckFailed(f'{what}: {len(got() or b"")} of {len(CONTENT)} bytes in 30 s')


async def between_slixmpp(context) -> list[Step]:
    one = await context.client(SlixmppFiles)
    other = await context.client(SlixmppFiles, '-friend')
    dialogue = Dialogue(one, other)

    async def befriend() -> None:
        await dialogue.login()
        await dialogue.subscribe()

    async def passes() -> None:
        stream = await one.xmpp['xep_0065'].handshake(other.xmpp.boundjid, timeout=10)
        if stream is None:
            raise CheckFailed(f'{one.events.who}: no stream through the proxy')
        await stream.write(CONTENT)
        await arrives('from the one that asked', lambda: bytes(other.got))
        stream.transport.close()

    return [('two that offer no address log in and befriend', befriend, True),
            ('finds the proxy, and passes a file through it', passes, False)]


async def between_pidgins(context) -> list[Step]:
    """Two Pidgins that nobody can connect to, as behind routers: the one port that they may open is taken."""
    taken = socket.create_server(('', 0), family=socket.AF_INET)

    class Behind(Pidgin):
        kind = 'pidgin-nat'
        listens_on = taken.getsockname()[1]

        async def stop(self) -> None:
            taken.close()
            await super().stop()

    one: Client = await context.client(Behind)
    other: Client = await context.client(Behind, '-friend')
    dialogue = Dialogue(one, other)

    async def befriend() -> None:
        await dialogue.login()
        await dialogue.subscribe()

    async def passes() -> None:
        for sender, reader in ((one, other), (other, one)):
            file = sender.home / f'from-{sender.account.name}.bin'
            file.write_bytes(CONTENT)
            file.chmod(0o644)
            await sender.send_file(reader.jid, file)
            there = reader.received / file.name
            await arrives(f'to {reader.jid}', lambda: there.read_bytes() if there.exists() else None)
            log = (sender.home / 'client.log').read_text(errors='replace')
            if '<activate>' not in log:  # else it went in band
                raise CheckFailed(f'{sender.events.who}: it did not go through the proxy')

    return [('two behind routers log in and befriend', befriend, True),
            ('each sends the other a file, through the proxy', passes, False)]
