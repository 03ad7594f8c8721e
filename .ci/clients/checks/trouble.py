"""What goes wrong in daily life: a connection that breaks, a mistyped password, a certificate nobody knows."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from .cable import Cable
from .client import Client
from .dialogue import Dialogue, Step
from .events import CheckFailed
from .gajim import Gajim
from .pidgin import Pidgin
from .servers import Natter
from .slix import Slixmpp


async def resume(context) -> list[Step]:
    """Gajim's connection breaks without a word; it comes back and resumes (XEP-0198 §5)."""
    direct = context.server
    cable = Cable(direct)
    context.server = await cable.start()
    gajim = await context.client(Gajim)
    context.server = direct
    friend = await context.client(Slixmpp, '-friend')
    dialogue = Dialogue(gajim, friend)

    async def befriend() -> None:
        await dialogue.login()
        await dialogue.subscribe()

    async def resumes() -> None:
        mark, theirs = gajim.events.mark, friend.events.mark
        texts = ['sent into the broken connection', 'and another']
        cable.cut()
        for text in texts:
            await friend.say(gajim.jid, text)
        await gajim.hears(friend.jid, texts, since=mark, timeout=20)
        if [e for e in gajim.events.seen[mark:] if e['kind'] == 'signed on']:
            raise CheckFailed('it signed on anew instead of resuming its session')
        if [e for e in friend.events.seen[theirs:] if e['kind'] == 'presence' and e['jid'] == gajim.jid]:
            raise CheckFailed('its friend was told of a presence change')
        if cable.connections != 2:
            raise CheckFailed(f'it made {cable.connections} connections')

    async def speaks() -> None:
        mark = friend.events.mark
        await gajim.say(friend.jid, 'back again')
        await friend.hears(gajim.jid, ['back again'], since=mark)

    return [('logs in and finds a friend', befriend, True),
            ('resumes after its connection broke, missing nothing, unnoticed by its friend', resumes, False),
            ('sends on the resumed session', speaks, False),
            ('showed no message twice', dialogue.once, False)]


async def crash(context) -> list[Step]:
    """natter is killed and started again under a Gajim that is logged in: its session lives on."""
    if not isinstance(context.source, Natter):
        return []
    natter = Natter(context.source.binary)
    directory = context.directory / context.name
    directory.mkdir()
    context.own_server = natter
    context.source, context.server = natter, await natter.start(directory)
    gajim = await context.client(Gajim)
    friend = await context.client(Slixmpp, '-friend')
    dialogue = Dialogue(gajim, friend)

    async def befriend() -> None:
        await dialogue.login()
        await dialogue.subscribe()

    async def survives() -> None:
        mark = gajim.events.mark
        texts = ['written right before the crash', 'and this']
        for text in texts:
            await friend.say(gajim.jid, text)
        await friend.settle()
        await natter.crash()
        await gajim.hears(friend.jid, texts, since=mark, timeout=20)
        await gajim.events.expect('connection', lambda e: e['kind'] == 'connected', since=mark, timeout=20)
        if [e for e in gajim.events.seen[mark:] if e['kind'] == 'signed on']:
            raise CheckFailed('Gajim signed on anew instead of resuming its session')

    async def talks() -> None:
        mark = gajim.events.mark, friend.events.mark
        friend.forget()
        await friend.status('online')
        await friend.say(gajim.jid, 'are you there')
        await gajim.hears(friend.jid, ['are you there'], since=mark[0])
        await gajim.say(friend.jid, 'always was')
        await friend.hears(gajim.jid, ['always was'], since=mark[1])

    return [('logs in and finds a friend', befriend, True),
            ('misses nothing and resumes its session when the server is killed and started again', survives, False),
            ('talks on with a friend who logs in anew', talks, False),
            ('showed no message twice', dialogue.once, False)]


def wrong_password(kind: type[Client], refused) -> object:
    """A group in which a client is told that its password is wrong, and its owner is not locked out by that."""
    async def steps(context) -> list[Step]:
        account = await context.source.account(context.name)
        wrong = context.adopt(kind(context.server, replace(account, password='not it'), context.directory,
                                   context.desktop, '-wrong'))
        right = context.adopt(Slixmpp(context.server, account, context.directory, context.desktop))

        async def told() -> None:
            begun = asyncio.create_task(wrong.start())
            try:
                await wrong.events.expect('refusal', refused, timeout=40)
            finally:
                begun.cancel()
                await asyncio.wait([begun])

        return [('is told that a password is wrong', told, False),
                ('does not lock the owner out by that', right.start, False)]
    return steps


def certificate(kind: type[Pidgin] | type[Gajim]):
    """A group in which a client meets the self-made certificate for the first time and asks its user."""
    async def steps(context) -> list[Step]:
        client = await context.client(kind)
        client.knows_certificate = False

        async def asks() -> None:
            await asyncio.gather(client.start(), client.answer_certificate_question())

        async def remembers() -> None:
            await client.status('offline')
            await client.status('online')

        return [('asks about the self-made certificate and logs in once it is accepted', asks, True),
                ('does not ask again', remembers, False)]
    return steps
