"""What the first clients use beyond talking: pictures, a second device, blocking."""

from __future__ import annotations

import asyncio
import hashlib
import struct
import zlib

from .dialogue import Dialogue, Step
from .events import CheckFailed
from .gajim import Gajim
from .pidgin import Pidgin
from .slix import Slixmpp


async def avatar(context) -> list[Step]:
    """Pidgin publishes a picture of its owner (XEP-0054, XEP-0153), and Gajim shows it."""
    pidgin = await context.client(Pidgin)
    gajim = await context.client(Gajim, '-friend')
    picture = portrait()
    file = pidgin.home / 'me.png'
    file.write_bytes(picture)
    dialogue = Dialogue(pidgin, gajim)

    async def shows() -> None:
        await dialogue.login()
        await dialogue.subscribe()
        await pidgin.show_picture(file)
        wanted = hashlib.sha1(picture).hexdigest()
        for _ in range(150):
            shown = await gajim.avatar(pidgin.jid)
            if shown == wanted:
                return
            await asyncio.sleep(0.1)
        raise CheckFailed(f'{gajim.events.who}: shows picture {shown}, not {wanted}')

    return [('publishes its owner\'s picture, and Gajim shows it', shows, True)]


async def devices(context) -> list[Step]:
    """One account on two devices: Gajim shows what the other one sends and receives (XEP-0280)."""
    account = await context.source.account(context.name)
    gajim = context.adopt(Gajim(context.server, account, context.directory, context.desktop))
    phone = context.adopt(Slixmpp(context.server, account, context.directory, context.desktop))
    friend = await context.client(Slixmpp, '-friend')

    async def login() -> None:
        await asyncio.gather(gajim.start(), phone.start(), friend.start())

    async def sent() -> None:
        await phone.say(friend.jid, 'from the phone')
        await friend.hears(phone.jid, ['from the phone'])
        await gajim.events.expect('copy of what the phone sent',
                                  lambda e: e['kind'] == 'copy' and e['text'] == 'from the phone')

    async def received() -> None:
        mark = gajim.events.mark
        await friend.say(phone.full_jid, 'to the phone')
        await phone.hears(friend.jid, ['to the phone'])
        await gajim.hears(friend.jid, ['to the phone'], since=mark)

    return [('logs in on two devices', login, True),
            ('shows what the other device sends', sent, False),
            ('shows what the other device receives', received, False)]


async def blocking(context) -> list[Step]:
    """Pidgin blocks somebody (XEP-0191) and lets them in again."""
    pidgin = await context.client(Pidgin)
    friend = await context.client(Slixmpp, '-friend')
    dialogue = Dialogue(pidgin, friend)

    async def befriend() -> None:
        await dialogue.login()
        await dialogue.subscribe()

    async def blocks() -> None:
        theirs, mine = friend.events.mark, pidgin.events.mark
        await pidgin.block(friend.jid)
        await friend.sees(pidgin.jid, 'offline', since=theirs)
        await friend.say(pidgin.jid, 'can you hear me')
        # The error for it comes after anything Pidgin could have been given.
        await friend.events.expect('error', lambda e: e['kind'] == 'error' and e['jid'] == pidgin.jid, since=theirs)
        if [e for e in pidgin.events.seen[mine:] if e['kind'] == 'message']:
            raise CheckFailed('the blocked friend was heard')

    async def unblocks() -> None:
        theirs, mine = friend.events.mark, pidgin.events.mark
        await pidgin.unblock(friend.jid)
        await friend.sees(pidgin.jid, 'online', since=theirs)
        await friend.say(pidgin.jid, 'and now')
        await pidgin.hears(friend.jid, ['and now'], since=mine)

    return [('logs in and finds a friend', befriend, True),
            ('blocks the friend, who sees it go and is not heard', blocks, False),
            ('unblocks the friend, who is heard again', unblocks, False)]


def portrait() -> bytes:
    """A PNG of 64 by 64 pixels in two colours."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    red, cream = bytes((200, 40, 40)), bytes((250, 240, 200))
    rows = b''.join(b'\0' + b''.join(red if (x // 16 + y // 16) % 2 else cream for x in range(64)) for y in range(64))
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', 64, 64, 8, 2, 0, 0, 0))
            + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))
