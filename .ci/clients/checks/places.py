"""What contacts see of each other beyond presence (XEP-0163): places, tunes, moods."""

from __future__ import annotations

import asyncio

from slixmpp import JID
from slixmpp.exceptions import IqError

from .dialogue import Dialogue, Step
from .events import CheckFailed
from .gajim import Gajim
from .slix import Slixmpp

BRIDGE = {'lat': 45.438, 'lon': 12.3358, 'text': 'Rialto, at the bridge'}
BALCONY = {'lat': '45.4419', 'lon': '10.9983', 'text': 'the balcony & below'}
SONG = {'artist': 'Finzi', 'title': 'Introduction <Allegro>'}
DANCE = {'artist': 'Prokofiev', 'title': 'Dance of the Knights'}
PAYLOADS = {'user_location': 'geoloc', 'user_tune': 'tune', 'user_mood': 'mood'}


class Sharer(Slixmpp):
    """slixmpp that wants to hear of its contacts' places (XEP-0080), tunes (XEP-0118) and moods (XEP-0107)."""

    plugins = Slixmpp.plugins + ('xep_0060', 'xep_0163', 'xep_0080', 'xep_0107', 'xep_0118')

    def listen(self) -> None:
        for name, payload in PAYLOADS.items():
            self.xmpp.add_event_handler(f'{name}_publish', self._heard(payload))

    def _heard(self, payload: str):
        def add(message) -> None:
            said = message['pubsub_event']['items']['item'][payload]
            if payload == 'mood':
                content = {'value': said['value'], 'text': said['text']}
            else:
                content = {k: said[k] for k in ('lat', 'lon', 'text', 'artist', 'title') if k in said.interfaces and said[k]}
            self.events.add('shared', jid=message['from'].bare, what=payload, content=content)
        return add

    async def share(self, what: str, **content) -> None:
        plugin = {'geoloc': self.xmpp['xep_0080'].publish_location, 'tune': self.xmpp['xep_0118'].publish_tune,
                  'mood': self.xmpp['xep_0107'].publish_mood}[what]
        await asyncio.wait_for(plugin(**content), 10)

    async def sees_shared(self, jid: str, what: str, content: dict, since: int = 0) -> None:
        same = {k: str(v) for k, v in content.items()}
        await self.events.expect(f'{what} of {jid}', lambda e: e['kind'] == 'shared' and e['jid'] == jid and e['what'] == what
                                 and {k: str(v) for k, v in e['content'].items()} == same, since=since)


async def places(context) -> list[Step]:
    """Gajim and slixmpp publish where they are, what they hear and how they feel; contacts see it, and nobody else."""
    gajim = await context.client(Gajim)
    friend = await context.client(Sharer, '-friend')
    stranger = await context.client(Sharer, '-stranger')
    dialogue = Dialogue(gajim, friend)

    async def shown(what: str, wanted: dict | None) -> None:
        for _ in range(100):
            got = await gajim.shared(friend.jid)
            if got[what] == wanted:
                return
            await asyncio.sleep(0.1)
        raise CheckFailed(f'{gajim.events.who}: shows {what} {got[what]}, not {wanted}')

    async def login() -> None:
        await dialogue.login()
        await stranger.start()
        for client in (friend, stranger):
            client.listen()
        await dialogue.subscribe()

    async def told() -> None:
        await friend.share('geoloc', **BRIDGE)
        await friend.share('tune', **SONG)
        await shown('location', {k: str(v) for k, v in BRIDGE.items()})
        await shown('tune', SONG)

    async def tells() -> None:
        mark = friend.events.mark
        await gajim.share_place(BALCONY)
        await gajim.share_tune(DANCE)
        await friend.sees_shared(gajim.jid, 'geoloc', BALCONY, since=mark)
        await friend.sees_shared(gajim.jid, 'tune', DANCE, since=mark)

    async def mood() -> None:
        mark = friend.events.mark
        await friend.share('mood', value='in_love', text='still')
        await friend.sees_shared(friend.jid, 'mood', {'value': 'in_love', 'text': 'still'}, since=mark)

    async def later() -> None:
        await friend.status('offline')
        mark = friend.events.mark
        await friend.start()
        friend.listen()
        await friend.sees_shared(gajim.jid, 'geoloc', BALCONY, since=mark)
        await friend.sees_shared(gajim.jid, 'tune', DANCE, since=mark)

    async def private() -> None:
        for jid in (gajim.jid, friend.jid):
            try:
                items = await stranger.xmpp['xep_0060'].get_items(JID(jid), 'http://jabber.org/protocol/geoloc', timeout=10)
            except IqError as error:
                if error.condition != 'not-authorized':
                    raise CheckFailed(f'a stranger hears {error.condition}') from error
            else:
                raise CheckFailed(f'a stranger reads {items}')
        if shared := [e for e in stranger.events.seen if e['kind'] == 'shared']:
            raise CheckFailed(f'a stranger is told {shared}')

    async def stops() -> None:
        mark = friend.events.mark
        await gajim.share_place({})
        await friend.sees_shared(gajim.jid, 'geoloc', {}, since=mark)
        await friend.xmpp['xep_0118'].stop()
        await shown('tune', None)

    return [('two friends and a stranger log in', login, True),
            ('Gajim shows where a friend is and what it hears', told, False),
            ('a friend sees where Gajim is and what it hears', tells, False),
            ('one\'s own devices are told of one\'s mood', mood, False),
            ('who comes later gets the last of each', later, False),
            ('a stranger reads none of it and is told none of it', private, False),
            ('what is shared no more is gone', stops, False)]
