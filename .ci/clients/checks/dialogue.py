"""What two clients do with each other: the same checks for every pair."""

from __future__ import annotations

import asyncio
from typing import Awaitable, Callable

from .client import Client
from .events import CheckFailed

Step = tuple[str, Callable[[], Awaitable[None]], bool]

# Characters that need escaping in XML or HTML, and some outside ASCII.
AWKWARD = 'a < b & "c" > \'d\' – grüße ☃'
BURST = 12


class Dialogue:
    """Two clients, a and b, that start as strangers. steps() is to be run in order."""

    def __init__(self, a: Client, b: Client):
        self.a, self.b = a, b

    def steps(self) -> list[Step]:
        """Named steps; the flag says that the steps after it make no sense without it."""
        a, b = self.a, self.b
        first = [
            (a.login_step, self.login, True),
            (f'subscribes both ways with {b.kind}', self.subscribe, True),
        ]
        then = [
            (f'sees {b.kind} away, online, offline and back', lambda: self.presence(b, a)),
            (f'is seen away, online, offline and back by {b.kind}', lambda: self.presence(a, b)),
            (f'sends {b.kind} a message', lambda: self.message(a, b)),
            (f'receives a message from {b.kind}', lambda: self.message(b, a)),
            (f'exchanges {BURST} messages each way at once, in order', self.burst),
            ('receives offline messages after reconnect, in order', lambda: self.offline(b, a)),
            (f'leaves offline messages for {b.kind}', lambda: self.offline(a, b)),
            (f'removes {b.kind} from its contacts, who sees it go', self.remove),
            ('showed no message twice', self.once),
            ('logged no complaint about the protocol', self.content),
        ]
        return first + [(title, self.from_online(step), False) for title, step in then]

    def from_online(self, step: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """The step, begun with both logged in: a failed step before it may have left one offline."""
        async def run() -> None:
            for client in (self.a, self.b):
                if not await client.online():
                    await client.status('online')
            await step()
        return run

    async def login(self) -> None:
        await asyncio.gather(self.b.start(), self.a.start())

    async def subscribe(self) -> None:
        a, b = self.a, self.b
        await a.add(b.jid)
        await b.accept(a.jid)
        await a.sees(b.jid, 'online')
        await b.add(a.jid)
        await a.accept(b.jid)
        await b.sees(a.jid, 'online')

    async def presence(self, who: Client, watcher: Client) -> None:
        for show in ('away', 'online', 'offline', 'online'):
            mark = watcher.events.mark
            await who.status(show)
            await watcher.sees(who.jid, show, since=mark)

    async def message(self, sender: Client, receiver: Client) -> None:
        mark = receiver.events.mark
        await sender.say(receiver.jid, AWKWARD)
        await receiver.hears(sender.jid, [AWKWARD], since=mark)

    async def burst(self) -> None:
        a, b = self.a, self.b
        marks = a.events.mark, b.events.mark
        from_a = [f'a{n} of {BURST}' for n in range(1, BURST + 1)]
        from_b = [f'b{n} of {BURST}' for n in range(1, BURST + 1)]

        async def talk(sender: Client, to: str, texts: list[str]) -> None:
            for text in texts:
                await sender.say(to, text)
        await asyncio.gather(talk(a, b.jid, from_a), talk(b, a.jid, from_b))
        await asyncio.gather(a.hears(b.jid, from_b, since=marks[0]), b.hears(a.jid, from_a, since=marks[1]))

    async def offline(self, sender: Client, receiver: Client) -> None:
        mark = sender.events.mark
        await receiver.status('offline')
        await sender.sees(receiver.jid, 'offline', since=mark)
        texts = [f'while {receiver.kind} was away: {n}' for n in ('one', 'two & <b>', 'three')]
        for text in texts:
            await sender.say(receiver.jid, text)
        mark, theirs = receiver.events.mark, sender.events.mark
        await sender.settle()
        await receiver.status('online')
        await receiver.hears(sender.jid, texts, since=mark, delayed=True)
        await sender.sees(receiver.jid, 'online', since=theirs)

    async def remove(self) -> None:
        mark = self.b.events.mark
        await self.a.remove(self.b.jid)
        await self.b.sees(self.a.jid, 'offline', since=mark)

    async def once(self) -> None:
        for client in (self.a, self.b):
            texts = [(e['jid'], e['text']) for e in client.events.seen
                     if e['kind'] == 'message' and e['text'] != AWKWARD]
            twice = sorted({t for t in texts if texts.count(t) > 1})
            if twice:
                raise CheckFailed(f'{client.events.who}: came twice: {twice}')

    async def content(self) -> None:
        for client in (self.a, self.b):
            complaints = client.complaints()
            if complaints:
                raise CheckFailed(f'{client.events.who}: ' + '\n'.join(line[:500] for line in complaints[:10]))
