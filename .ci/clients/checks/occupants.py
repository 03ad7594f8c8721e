"""The clients as occupants of a room (XEP-0045), in the words of somebody who sits in one.

Rooms are bare JIDs. Each method that waits raises CheckFailed when what it waits for does not come.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from slixmpp import JID
from slixmpp.exceptions import PresenceError

from .client import Client
from .events import CheckFailed
from .gajim import Gajim
from .pidgin import Pidgin
from .profanity import Profanity
from .slix import Slixmpp


@dataclass(frozen=True)
class Fate:
    """How somebody is put out of a room and what all in it are told of that (XEP-0045 §8.2, §9.1)."""
    name: str          # "kicked" or "banned"
    code: int          # the status code
    affiliation: str   # of who was put out, from then on
    reason: str
    actor: str         # the nick of who did it

    def told(self, event: dict) -> bool:
        """Whether a report of SlixmppOccupant's that somebody left says all of it."""
        return event['what'] == 'left' and self.code in event['codes'] and event['item'] == {
            'role': 'none', 'affiliation': self.affiliation, 'reason': self.reason, 'actor': self.actor}


class Occupant(Client):
    """A client that enters rooms. Unless a method is replaced, the program reports "room" events with the keys
    room and what, which is "said" (nick, text), "joined" (nick), "renamed" (nick, new), "subject" (text),
    "entered", "refused", "kicked" or "banned"."""

    async def enter(self, room: str, nick: str) -> None:
        raise NotImplementedError

    async def say_in(self, room: str, text: str) -> None:
        raise NotImplementedError

    async def rename(self, room: str, nick: str) -> None:
        raise NotImplementedError

    async def set_subject(self, room: str, text: str) -> None:
        raise NotImplementedError

    async def refused(self, room: str, nick: str) -> None:
        """Tries to enter and is told that it may not."""
        raise NotImplementedError

    async def hears_in(self, room: str, nick: str, text: str, since: int) -> None:
        await self._told(room, since, what='said', nick=nick, text=text)

    async def gets_history(self, room: str, nick: str, text: str, since: int) -> None:
        """Shows, having entered, what was said before."""
        await self.hears_in(room, nick, text, since)

    async def sees_join(self, room: str, nick: str, since: int) -> None:
        await self._told(room, since, what='joined', nick=nick)

    async def sees_rename(self, room: str, nick: str, new: str, since: int) -> None:
        await self._told(room, since, what='renamed', nick=nick, new=new)

    async def sees_subject(self, room: str, text: str, since: int) -> None:
        await self._told(room, since, what='subject', text=text)

    async def sees_itself(self, room: str, fate: Fate, since: int) -> None:
        """Learns that it was kicked or banned."""
        await self._told(room, since, what=fate.name)

    async def _told(self, room: str, since: int, **facts) -> None:
        wanted = {'kind': 'room', 'room': room} | facts
        said = ' '.join(str(v) for v in facts.values())
        await self.events.expect(f'"{said}" in {room}', lambda e: e.items() >= wanted.items(), since=since, timeout=10)


class SlixmppOccupant(Slixmpp, Occupant):
    plugins = (*Slixmpp.plugins, 'xep_0045', 'xep_0313', 'xep_0163', 'xep_0363')

    async def _log_in(self, show: str, text: str) -> None:
        await super()._log_in(show, text)
        self.xmpp.add_event_handler('groupchat_message', self._said)
        self.xmpp.add_event_handler('groupchat_subject', self._subject)
        self.xmpp.add_event_handler('groupchat_presence', self._occupant)

    def _tell(self, stanza, what: str, **facts) -> None:
        self.events.add('room', room=stanza['from'].bare, what=what, **facts)

    def _said(self, message) -> None:
        delayed = message.get_plugin('delay', check=True) is not None
        self._tell(message, 'said', nick=message['from'].resource, text=message['body'], delayed=delayed)

    def _subject(self, message) -> None:
        if not message['body']:
            self._tell(message, 'subject', text=message['subject'])

    def _occupant(self, presence) -> None:
        codes, nick = presence['muc']['status_codes'], presence['from'].resource
        if presence['type'] == 'error':
            return
        if presence['type'] != 'unavailable':
            self._tell(presence, 'joined', nick=nick)
        elif 303 in codes:
            self._tell(presence, 'renamed', nick=nick, new=presence['muc']['item_nick'])
        else:
            # get_plugin with check, since [] would make the elements that are not there.
            item = presence['muc'].get_plugin('item', check=True)
            actor = item.get_plugin('actor', check=True) if item else None
            self._tell(presence, 'left', nick=nick, codes=sorted(codes), item={
                'role': presence['muc']['role'], 'affiliation': presence['muc']['affiliation'],
                'reason': item['reason'] if item else '', 'actor': actor['nick'] if actor else ''})

    async def enter(self, room: str, nick: str):
        """Returns slixmpp's result: own presence, subject, occupants, history."""
        return await self.xmpp['xep_0045'].join_muc_wait(JID(room), nick, timeout=10)

    async def say_in(self, room: str, text: str) -> None:
        self.xmpp.send_message(mto=room, mbody=text, mtype='groupchat')

    async def rename(self, room: str, nick: str) -> None:
        await self.xmpp['xep_0045'].set_self_nick(JID(room), nick, timeout=10)

    async def set_subject(self, room: str, text: str) -> None:
        self.xmpp['xep_0045'].set_subject(room, text)

    async def refused(self, room: str, nick: str) -> None:
        try:
            await self.enter(room, nick)
        except PresenceError as error:
            if (error.etype, error.condition) == ('auth', 'forbidden'):  # XEP-0045 §7.2.7
                return
            raise CheckFailed(f'{self.events.who}: refused with {error.etype} {error.condition}') from None
        raise CheckFailed(f'{self.events.who}: entered {room}')

    async def gets_history(self, room: str, nick: str, text: str, since: int) -> None:
        # With a delay (XEP-0045 §7.2.13): not what reached it before it was back.
        await self._told(room, since, what='said', nick=nick, text=text, delayed=True)

    async def sees_itself(self, room: str, fate: Fate, since: int) -> None:
        await self.events.expect(f'own leave, {fate}', lambda e: e['kind'] == 'room' and e['room'] == room
                                 and fate.told(e) and 110 in e['codes'], since=since)


class SlixmppGuest(SlixmppOccupant):
    """Somebody without an account (SASL ANONYMOUS); its address is known after the login."""
    kind = 'slixmpp-guest'

    @property
    def jid(self) -> str:
        return self.xmpp.boundjid.bare if self.xmpp else self.account.domain


class GajimOccupant(Gajim, Occupant):
    async def enter(self, room: str, nick: str) -> None:
        mark = self.events.mark
        await self._do('join', room, nick)
        await self._told(room, mark, what='entered')

    async def create(self, room: str, config: dict | None = None) -> None:
        """Makes a room as its dialogue does: enters, fetches the form, fills in config and Gajim's own preferences."""
        mark = self.events.mark
        await self._do('create', room, config or {})
        await self._told(room, mark, what='configured')

    async def say_in(self, room: str, text: str) -> None:
        await self._do('say_in', room, text)

    async def rename(self, room: str, nick: str) -> None:
        await self._do('rename', room, nick)

    async def set_subject(self, room: str, text: str) -> None:
        await self._do('set_subject', room, text)

    async def refused(self, room: str, nick: str) -> None:
        mark = self.events.mark
        await self._do('join', room, nick)
        await self._told(room, mark, what='refused')


class PidginOccupant(Pidgin, Occupant):
    async def enter(self, room: str, nick: str) -> None:
        mark = self.events.mark
        await self._join(room, nick)
        await self._told(room, mark, what='entered')

    async def _join(self, room: str, nick: str) -> None:
        name, server = room.split('@')
        connection = await self._call('PurpleAccountGetConnection', 'i', self._account)
        await self._call('ServJoinChat', 'ia{ss}', connection, {'room': name, 'server': server, 'handle': nick})

    async def say_in(self, room: str, text: str) -> None:
        chat = await self._call('PurpleConversationGetChatData', 'i', self._chats[room])
        await self._call('PurpleConvChatSend', 'is', chat, text)

    async def rename(self, room: str, nick: str) -> None:
        await self._command(room, f'/nick {nick}')

    async def set_subject(self, room: str, text: str) -> None:
        await self._command(room, f'/topic {text}')

    async def _command(self, room: str, command: str) -> None:
        """Types into the room's window: D-Bus has no call for commands."""
        display = await self.desktop.start()
        found = await self._xdotool(display, 'search', '--onlyvisible', '--name', room.split('@')[0])
        if not found:
            raise CheckFailed(f'{self.events.who}: no window for {room}')
        window = found.split()[-1]
        await self._xdotool(display, 'type', '--window', window, '--delay', '8', command)
        await self._xdotool(display, 'key', '--window', window, 'Return')

    async def refused(self, room: str, nick: str) -> None:
        mark = self.events.mark
        await self._join(room, nick)
        # The signal has the room as a pointer only; it tries one at a time.
        await self.events.expect('refusal', lambda e: e['kind'] == 'room' and e['what'] == 'refused', since=mark)

    async def sees_rename(self, room: str, nick: str, new: str, since: int) -> None:
        await self._notice(room, f'{nick} is now known as {new}', since)

    async def sees_itself(self, room: str, fate: Fate, since: int) -> None:
        if fate.name == 'banned':  # Pidgin says no more than that it is out
            await self._told(room, since, what='out')
        else:
            await self._notice(room, f'You have been {fate.name}', since)

    async def _notice(self, room: str, text: str, since: int) -> None:
        await self.events.expect(f'"{text}" in {room}', lambda e: e['kind'] == 'notice' and e['room'] == room
                                 and e['text'].startswith(text), since=since, timeout=10)


class ProfanityOccupant(Profanity, Occupant):
    async def enter(self, room: str, nick: str) -> None:
        mark = self.events.mark
        await self._keys(f'/join {room} nick {nick}')
        await self._says(f'^-> You have joined the room as {nick}', mark)

    async def say_in(self, room: str, text: str) -> None:
        await self._keys(text)

    async def rename(self, room: str, nick: str) -> None:
        await self._keys(f'/nick {nick}')

    async def set_subject(self, room: str, text: str) -> None:
        await self._keys(f'/subject set "{text}"')

    async def refused(self, room: str, nick: str) -> None:
        mark = self.events.mark
        await self._keys(f'/join {room} nick {nick}')
        # The second where the error does not repeat the join's <x/>.
        await self._says(f'^Error (joining room:?|from) {re.escape(room)}', mark)

    async def hears_in(self, room: str, nick: str, text: str, since: int) -> None:
        await self._says(f'^{re.escape(nick)}: {re.escape(text)}$', since)

    async def sees_join(self, room: str, nick: str, since: int) -> None:
        await self._says(f'^-> {re.escape(nick)} has joined the room', since)

    async def sees_rename(self, room: str, nick: str, new: str, since: int) -> None:
        await self._says(f'^\\*\\* {re.escape(nick)} is now known as {re.escape(new)}', since)

    async def sees_subject(self, room: str, text: str, since: int) -> None:
        await self._says(f'subject: {re.escape(text)}|^{re.escape(text)}$', since)

    async def sees_itself(self, room: str, fate: Fate, since: int) -> None:
        await self._keys('/win 1')
        await self._says(f'{fate.name.capitalize()} from {re.escape(room)}', since)


async def all_of(*waits) -> None:
    """Waits for all, and names every one that failed."""
    failures = [e for e in await asyncio.gather(*waits, return_exceptions=True) if e]
    if failures:
        if not all(isinstance(e, CheckFailed) for e in failures):
            raise failures[0]
        raise CheckFailed('\n'.join(str(e) for e in failures))
