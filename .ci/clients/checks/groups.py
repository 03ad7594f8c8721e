"""The groups of checks: which clients, and what they do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from .client import Client, Server
from .desktop import Desktop
from .dialogue import AWKWARD, Dialogue, Step
from .events import CheckFailed
from .extras import avatar, blocking, devices
from .files import between_pidgins, between_slixmpp
from .gajim import Gajim
from .gosendxmpp import GoSendxmpp
from .invitations import invitations
from .omemo import omemo
from .pidgin import Pidgin
from .places import places
from .probe import direct_tls
from .profanity import Profanity
from .rooms import personal, rooms
from .servers import Prosody, Running
from .slix import Slixmpp, SlixmppDirect, SlixmppPlus
from .trouble import certificate, crash, resume, wrong_password
from .xmppjs import xmppjs


@dataclass
class Context:
    """What a group has to work with. clients collects what it starts, to be stopped and looked at."""
    name: str
    source: Running
    server: Server
    desktop: Desktop
    directory: Path
    clients: list[Client]
    own_server: Running | None = None  # one that a group started for itself, to be stopped with it

    async def client(self, kind: type[Client], suffix: str = '', name: str = '') -> Client:
        """A client with an account of its own: name, or the group's name with suffix."""
        account = await self.source.account(name or self.name + suffix)
        return self.adopt(kind(self.server, account, self.directory, self.desktop))

    def adopt(self, client: Client) -> Client:
        self.clients.append(client)
        return client


async def offers(context: Context) -> list[Step]:
    """What natter promises of itself, looked at without a client."""
    if isinstance(context.source, Prosody):
        return []
    offer = context.source.offer

    async def only_tls() -> None:
        if '<required' not in offer.before_tls or '<mechanism' in offer.before_tls:
            raise CheckFailed(f'before TLS it offers {offer.before_tls}')

    async def scram() -> None:
        missing = {'SCRAM-SHA-1', 'SCRAM-SHA-256', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-256-PLUS'} - set(offer.mechanisms)
        if missing:
            raise CheckFailed(f'{", ".join(sorted(missing))} not among {", ".join(offer.mechanisms)}')

    async def direct() -> None:
        server = context.server
        protocol, features = await direct_tls(server.host, server.port, server.domain, server.ca)
        if protocol != 'xmpp-client' or '<mechanism>' not in features or 'xmpp-tls' in features:
            raise CheckFailed(f'ALPN {protocol}, features {features}')

    return [('requires STARTTLS and offers no mechanism before it', only_tls, False),
            ('serves TLS from the first byte on the same port, with ALPN', direct, False),
            ('offers SCRAM with channel binding after it', scram, False)]


def talk(a: type[Client], b: type[Client]):
    """A group in which client a has the whole dialogue with client b."""
    async def steps(context: Context) -> list[Step]:
        first = await context.client(a, name='' if b is Slixmpp else 'romeo')
        second = await context.client(b, '-friend', name='' if b is Slixmpp else 'juliet')
        return Dialogue(first, second).steps()
    return steps


async def plus(context: Context) -> list[Step]:
    """A login bound to the TLS channel."""
    client = await context.client(SlixmppPlus)

    async def login() -> None:
        await client.start()
        if not client.mechanism.endswith('-PLUS'):
            raise CheckFailed(f'logged in with {client.mechanism} over {client.tls}')

    return [('logs in with a SCRAM -PLUS mechanism over TLS 1.2', login, True)]


async def one_shot(context: Context) -> list[Step]:
    """go-sendxmpp, which lives for one message."""
    sender = await context.client(GoSendxmpp)
    friend = await context.client(Slixmpp, '-friend')

    async def sends() -> None:
        await asyncio.gather(friend.start(), sender.start())
        await sender.say(friend.jid, AWKWARD)
        await friend.hears(sender.jid, [AWKWARD])

    async def quickly() -> None:
        mark = friend.events.mark
        texts = [f'run {n}' for n in range(1, 6)]
        for text in texts:
            await sender.say(friend.jid, text)
        await friend.hears(sender.jid, texts, since=mark)

    async def to_offline() -> None:
        mark = friend.events.mark
        await friend.status('offline')
        await sender.say(friend.jid, 'you were out')
        await friend.status('online')
        await friend.hears(sender.jid, ['you were out'], since=mark, delayed=True)

    async def from_offline() -> None:
        texts = ['first, while nobody listened', 'second']
        for text in texts:
            await friend.say(sender.jid, text)
        await friend.settle()
        await sender.listen()
        await sender.hears(friend.jid, texts)

    async def live() -> None:
        mark = sender.events.mark
        await friend.say(sender.jid, AWKWARD)
        await sender.hears(friend.jid, [AWKWARD], since=mark)
        await sender.deafen()

    return [('sends a message over STARTTLS with the server\'s own certificate', sends, True),
            ('logs in five times in quick succession', quickly, False),
            ('leaves a message for a friend who is offline', to_offline, False),
            ('prints offline messages when it starts to listen', from_offline, True),
            ('prints a message while it listens', live, False)]


# In the order of their start: the slowest first.
GROUPS = {
    'rooms': rooms,
    'pidgin-gajim': talk(Pidgin, Gajim),
    'gajim': talk(Gajim, Slixmpp),
    'pidgin': talk(Pidgin, Slixmpp),
    'profanity': talk(Profanity, Slixmpp),
    'gajim-resume': resume,
    'gajim-crash': crash,
    'pidgin-avatar': avatar,
    'pidgin-blocking': blocking,
    'pidgin-files': between_pidgins,
    'gajim-devices': devices,
    'gajim-places': places,
    'invitations': invitations,
    'pidgin-certificate': certificate(Pidgin),
    'gajim-certificate': certificate(Gajim),
    'pidgin-password': wrong_password(Pidgin, lambda e: e['kind'] == 'connection error'),
    'gajim-password': wrong_password(Gajim, lambda e: e['kind'] == 'password refused'),
    'slixmpp': talk(Slixmpp, Slixmpp),
    'slixmpp-direct': talk(SlixmppDirect, Slixmpp),
    'slixmpp-plus': plus,
    'slixmpp-personal': personal,
    'slixmpp-files': between_slixmpp,
    'omemo': omemo,
    'go-sendxmpp': one_shot,
    'xmppjs': xmppjs,
    'server': offers,
}
