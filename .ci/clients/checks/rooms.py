"""One room (XEP-0045), made by slixmpp, with Gajim, Pidgin, Finch and profanity in it; its archive; an account's."""

from __future__ import annotations

import asyncio
import io
import json
import urllib.request
from xml.etree import ElementTree

from slixmpp import JID

from .client import Account
from .dialogue import Step
from .events import CheckFailed
from .finch import FinchOccupant
from .occupants import (
    Fate, GajimOccupant, Occupant, PidginOccupant, ProfanityOccupant, SlixmppGuest, SlixmppOccupant, all_of)
from .servers import Natter

SUBJECT = 'what is on & off'
KICKED = Fate('kicked', 307, 'none', 'quiet', 'nurse')
BANNED = Fate('banned', 301, 'outcast', 'for good', 'nurse')


def conference(context) -> str:
    return f'conference.{context.server.domain}'


async def rooms(context) -> list[Step]:
    """Everybody joins, talks, changes nicks, is kicked and banned; each sees what XEP-0045 says."""
    owner = await context.client(SlixmppOccupant)
    room = f'{owner.account.name}-yard@{conference(context)}'
    gajim = await context.client(GajimOccupant, '-gajim')
    guests: dict[str, Occupant] = {
        'romeo': gajim,
        'juliet': await context.client(PidginOccupant, '-pidgin'),
        'mercutio': await context.client(ProfanityOccupant, '-profanity'),
        'benvolio': await context.client(FinchOccupant, '-finch'),
    }
    everybody = {'nurse': owner} | guests
    late = await context.client(SlixmppOccupant, '-late')
    # A second device of the owner's, under the same nick.
    phone = context.adopt(SlixmppOccupant(context.server, owner.account, context.directory, context.desktop, '-phone'))

    async def login() -> None:
        await asyncio.gather(*(c.start() for c in (*everybody.values(), late)))

    async def makes() -> None:
        presence, *_ = await owner.enter(room, 'nurse')
        if 201 not in presence['muc']['status_codes']:
            raise CheckFailed(f'no status 201 for a new room: {presence}')
        muc = owner.xmpp['xep_0045']
        form = await muc.get_room_config(room, timeout=10)
        form['type'] = 'submit'
        form.set_values({'muc#roomconfig_roomname': 'The yard', 'muc#roomconfig_persistentroom': True,
                         'muc#roomconfig_changesubject': True})
        await muc.set_room_config(room, form, timeout=10)

    def joins(nick: str, client: Occupant):
        async def check() -> None:
            marks = {c: c.events.mark for c in everybody.values()}
            inside = [c for n, c in everybody.items() if n in present]
            await client.enter(room, nick)
            present.append(nick)
            await all_of(*(c.sees_join(room, nick, marks[c]) for c in inside))
        return check
    present = ['nurse']

    async def talk() -> None:
        for nick, client in everybody.items():
            marks = {c: c.events.mark for c in everybody.values()}
            text = f'{client.kind} says < & "hello"'
            await client.say_in(room, text)
            # The sender too: the room's reflection is what it shows.
            await all_of(*(c.hears_in(room, nick, text, marks[c]) for c in everybody.values()))

    def renames(nick: str, client: Occupant):
        async def check() -> None:
            for old, new in ((nick, f'{nick}-two'), (f'{nick}-two', nick)):
                marks = {c: c.events.mark for c in everybody.values()}
                await client.rename(room, new)
                await all_of(*(c.sees_rename(room, old, new, marks[c])
                               for c in everybody.values() if c is not client))
        return check

    def subject(client: Occupant, text: str):
        async def check() -> None:
            marks = {c: c.events.mark for c in everybody.values()}
            await client.set_subject(room, text)
            await all_of(*(c.sees_subject(room, text, marks[c]) for c in everybody.values()))
        return check

    async def history() -> None:
        presence, subject, occupants, messages = await late.enter(room, 'tybalt')
        if subject['subject'] != SUBJECT:
            raise CheckFailed(f'subject {subject}')
        said = [f'{c.kind} says < & "hello"' for c in everybody.values()]
        if [m['body'] for m in messages] != said:
            raise CheckFailed(f'history is {[m["body"] for m in messages]}, not {said}')
        missing = set(everybody) - {o['from'].resource for o in occupants}
        if missing:
            raise CheckFailed(f'not told of {missing}')

    async def device() -> None:
        await phone.start()
        marks = {c: c.events.mark for c in (owner, phone, late)}
        await phone.enter(room, 'nurse')
        await phone.say_in(room, 'from the phone')
        await all_of(*(c.hears_in(room, 'nurse', 'from the phone', m) for c, m in marks.items()))
        theirs = late.events.mark
        await phone.status('offline')
        await owner.say_in(room, 'still here')
        await late.hears_in(room, 'nurse', 'still here', theirs)
        if [e for e in late.events.seen[theirs:] if e.get('what') == 'left']:
            raise CheckFailed('the nick left although one device is still in the room')

    def kicked(nick: str, client: Occupant, witness: SlixmppOccupant):
        async def check() -> None:
            mark, theirs = client.events.mark, witness.events.mark
            await owner.xmpp['xep_0045'].set_role(room, nick, 'none', reason=KICKED.reason, timeout=10)
            await client.sees_itself(room, KICKED, mark)
            await left(nick, KICKED, witness, theirs)
            theirs, mark = witness.events.mark, client.events.mark
            missed = f'{client.kind} is away'
            await owner.say_in(room, missed)
            await witness.hears_in(room, 'nurse', missed, theirs)
            await client.enter(room, nick)
            await witness.sees_join(room, nick, theirs)
            await client.gets_history(room, 'nurse', missed, mark)
        return check

    def banned(nick: str, client: Occupant, witness: SlixmppOccupant):
        async def check() -> None:
            mark, theirs = client.events.mark, witness.events.mark
            await owner.xmpp['xep_0045'].set_affiliation(
                room, 'outcast', jid=JID(client.jid), reason=BANNED.reason, timeout=10)
            await client.sees_itself(room, BANNED, mark)
            await left(nick, BANNED, witness, theirs)
            theirs = witness.events.mark
            await client.refused(room, nick)
            await witness.settle()
            if [e for e in witness.events.seen[theirs:] if e.get('what') == 'joined']:
                raise CheckFailed(f'{nick} is back')
        return check

    async def left(nick: str, fate: Fate, witness: SlixmppOccupant, since: int) -> None:
        await witness.events.expect(f'leave of {nick}, {fate}', lambda e: e['kind'] == 'room' and fate.told(e)
                                    and e['nick'] == nick, since=since)

    async def archive() -> None:
        messages = [m async for m in late.xmpp['xep_0313'].iterate(JID(room), rsm={'max': 3})]
        bodies = [m['mam_result']['forwarded']['stanza']['body'] for m in messages]
        said = [f'{c.kind} says < & "hello"' for c in everybody.values()] + ['from the phone', 'still here']
        if [b for b in bodies if b] != said:
            raise CheckFailed(f'the archive has {bodies}, not {said}')

    async def guest() -> None:
        account = Account('', f'guests.{context.server.domain}', '')
        visitor = context.adopt(SlixmppGuest(context.server, account, context.directory, context.desktop))
        await visitor.start()
        marks = {c: c.events.mark for c in everybody.values()}
        presence, *_ = await visitor.enter(room, 'peter')
        await all_of(*(c.sees_join(room, 'peter', marks[c]) for c in everybody.values()))
        await visitor.say_in(room, 'passing by')
        await all_of(*(c.hears_in(room, 'peter', 'passing by', marks[c]) for c in everybody.values()))
        mark = late.events.mark
        await visitor.status('offline')
        await late.events.expect('leave', lambda e: e.get('what') == 'left' and e['nick'] == 'peter', since=mark)

    async def curl() -> None:
        """curl -N follows the room and curl -d speaks in it, as the README has it."""
        api = f'{context.source.url}/api/rooms/{room}'
        reader = await asyncio.create_subprocess_exec('curl', '-sN', f'{api}/events', stdout=asyncio.subprocess.PIPE)
        try:
            async def event() -> dict:
                while line := await asyncio.wait_for(reader.stdout.readline(), 20):
                    if line.startswith(b'data: '):
                        return json.loads(line[6:])
                raise CheckFailed('the stream of events ended')
            await asyncio.wait_for(reader.stdout.readline(), 20)  # it follows now
            marks = {c: c.events.mark for c in everybody.values()}
            poster = await asyncio.create_subprocess_exec(
                'curl', '-sf', '-d', 'curl says < & "hello"', f'{api}/messages?nick=cron', stdout=asyncio.subprocess.PIPE)
            answer, _ = await asyncio.wait_for(poster.communicate(), 20)
            await all_of(*(c.hears_in(room, 'cron', 'curl says < & "hello"', marks[c]) for c in everybody.values()))
            heard = await event()
            if heard['id'] != json.loads(answer)['id'] or heard['nick'] != 'cron':
                raise CheckFailed(f'posted {answer}, heard {heard}')
            for nick, client in guests.items():
                await client.say_in(room, f'{client.kind} to curl')
                heard = await event()
                if (heard['nick'], heard['body']) != (nick, f'{client.kind} to curl'):
                    raise CheckFailed(f'heard {heard}')
        finally:
            reader.kill()
            await reader.wait()

    async def content() -> None:
        wrong = [f'{c.events.who}: {line[:500]}' for c in everybody.values() for line in c.complaints()[:10]]
        if wrong:
            raise CheckFailed('\n'.join(wrong))

    steps = [('all log in', login, True), ('slixmpp makes a room and fills in its form', makes, True)]
    steps += [(f'{c.kind} joins, seen by all', joins(n, c), True) for n, c in guests.items()]
    steps += [('each says something that all see, the sender too', talk, False)]
    steps += [(f'{c.kind} changes its nick, and back, seen by the others', renames(n, c), False)
              for n, c in everybody.items()]
    steps += [(f'{c.kind} sets the subject, seen by all', subject(c, f'as {c.kind} likes it'), False)
              for c in guests.values()]
    steps += [('the owner sets the subject, seen by all', subject(owner, SUBJECT), False),
              ('one who joins late gets the history, the subject and the occupants', history, True),
              ('a second device shares the nick, unnoticed by the others', device, False)]
    steps += [('the room\'s archive has all of it, page by page', archive, False),
              ('Gajim makes a room of its own', lambda: gajim.create(f'{gajim.account.name}-garden@{conference(context)}'), False)]
    if isinstance(context.source, Natter):
        steps += [('a guest without an account enters, is heard and leaves', guest, False),
                  ('curl speaks, heard by all, and hears each of them', curl, False)]
    # slixmpp watches what becomes of the others, the owner what becomes of slixmpp: the last to be put out.
    fates = [(n, c, late) for n, c in guests.items()] + [('tybalt', late, owner)]
    steps += [(f'{c.kind} is kicked, sees it, comes back and gets the history', kicked(n, c, w), False) for n, c, w in fates]
    steps += [(f'{c.kind} is banned, sees it and can\'t come back', banned(n, c, w), False) for n, c, w in fates]
    steps += [('nobody logged a complaint about the protocol', content, False)]
    return steps


TUNE = 'http://jabber.org/protocol/tune'


async def personal(context) -> list[Step]:
    """slixmpp's own archive (XEP-0313) and what it publishes to its contacts (XEP-0163)."""
    one = await context.client(SlixmppOccupant)
    other = await context.client(SlixmppOccupant, '-friend')

    async def login() -> None:
        await asyncio.gather(one.start(), other.start())
        other.xmpp.add_event_handler('pubsub_publish', lambda m: other.events.add(
            'published', jid=m['from'].bare, node=m['pubsub_event']['items']['node']))
        for a, b in ((one, other), (other, one)):
            await a.add(b.jid)
            await b.accept(a.jid)
            await a.sees(b.jid, 'online')

    async def archive() -> None:
        mark = other.events.mark
        texts = [f'line {n}' for n in range(1, 8)]
        for text in texts:
            await one.say(other.jid, text)
        await other.hears(one.jid, texts, since=mark)
        for client, peer in ((one, other), (other, one)):
            messages = [m async for m in client.xmpp['xep_0313'].iterate(with_jid=JID(peer.jid), rsm={'max': 3})]
            bodies = [m['mam_result']['forwarded']['stanza']['body'] for m in messages]
            if bodies != texts:
                raise CheckFailed(f'{client.jid} has {bodies}')

    async def publishes() -> None:
        # Interest is told by caps (XEP-0115), so the friend says it first.
        other.xmpp['xep_0163'].add_interest(TUNE)
        await other.xmpp['xep_0115'].update_caps()
        await other.settle()
        mark = other.events.mark
        tune = ElementTree.fromstring(f'<tune xmlns="{TUNE}"><title>Queen Mab</title></tune>')
        await one.xmpp['xep_0060'].publish(None, TUNE, payload=tune, timeout=10)
        await other.events.expect('tune', lambda e: e['kind'] == 'published' and e['jid'] == one.jid
                                  and e['node'] == TUNE, since=mark)
        items = await other.xmpp['xep_0060'].get_items(JID(one.jid), TUNE, timeout=10)
        if 'Queen Mab' not in str(items):
            raise CheckFailed(f'the item is {items}')

    async def uploads() -> None:
        content = bytes(range(256)) * 100
        url = await one.xmpp['xep_0363'].upload_file('notes.txt', input_file=io.BytesIO(content), timeout=10)

        def fetch() -> bytes:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.read()
        if await asyncio.to_thread(fetch) != content:
            raise CheckFailed(f'{url} is not what was uploaded')

    upload = [('uploads a file that everybody can fetch', uploads, False)] if isinstance(context.source, Natter) else []
    return [('two accounts log in and find each other', login, True),
            ('reads its archive page by page, both sides the same', archive, False),
            ('publishes to a friend that asked for it, who can fetch it', publishes, False), *upload]
