"""Sessions of real clients as files: testdata/streams/*.xml. The format is told in testdata/streams/README.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterator

from .client import Client
from .dialogue import AWKWARD
from .gajim import Gajim
from .gosendxmpp import GoSendxmpp
from .groups import Context
from .occupants import GajimOccupant, PidginOccupant, SlixmppOccupant
from .pidgin import Pidgin
from .process import output
from .profanity import Profanity
from .recorder import Recorder
from .slix import Slixmpp

CLIENTS: dict[str, type[Client]] = {
    'pidgin': Pidgin, 'gajim': Gajim, 'profanity': Profanity, 'slixmpp': Slixmpp, 'go-sendxmpp': GoSendxmpp,
    'pidgin-room': PidginOccupant, 'gajim-room': GajimOccupant}

# A tag, an instruction or declaration, a comment or CDATA; quoted values may hold ">".
TOKEN = re.compile(r'<\?.*?\?>|<!--.*?-->|<!\[CDATA\[.*?\]\]>'
                   r'|<(?P<end>/?)(?P<name>[^\s/>!?]+)(?:[^>"\']|"[^"]*"|\'[^\']*\')*?(?P<empty>/?)>', re.S)
SASL = re.compile(r'(<(auth|challenge|response|success)\b[^>]*[^/>]>)[^<]*(</\2>)')


def items(text: str) -> Iterator[tuple[str, int]]:
    """The top-level items of one direction of a connection: declarations, stream tags, stanzas and the like,
    each with the place in text where it ends. What is not complete at the end is left out."""
    depth = start = 0
    for token in TOKEN.finditer(text):
        if depth == 0:
            start = token.start()
        if token['name'] and token['name'] != 'stream:stream':
            depth += -1 if token['end'] else 0 if token['empty'] else 1
        if depth == 0:
            yield text[start:token.end()], token.end()


def redact(item: str) -> str:
    """Takes the payload out of SASL elements; everything else stays, ids included."""
    return SASL.sub(r'\1REDACTED\3', item)


def lines(notes: list[tuple[str, bytes]]) -> Iterator[str]:
    """The lines of a capture file: one item each, in the order in which they became complete."""
    pending = {'C': '', 'S': ''}
    for direction, data in notes:
        if direction == 'tls':
            pending = {'C': '', 'S': ''}
            yield '# TLS'
            continue
        pending[direction] += data.decode()
        end = 0
        for item, end in items(pending[direction]):
            yield f'{direction}: {redact(item)}'
        pending[direction] = pending[direction][end:]


async def capture(context: Context, kind: str, directory: Path) -> Path:
    """Lets one client log in, find a friend or meet it in a room, talk and leave, and writes what went over the wire."""
    friend = await context.client(SlixmppOccupant, '-friend')
    recorder = Recorder(context.server)
    context.server = await recorder.start(context.directory / f'recorder-{kind}')
    client = await context.client(CLIENTS[kind])
    await friend.start()
    await client.start()
    if isinstance(client, GoSendxmpp):
        await client.say(friend.jid, AWKWARD)
        await friend.hears(client.jid, [AWKWARD])
        await client.listen()
        await friend.say(client.jid, AWKWARD)
        await client.hears(friend.jid, [AWKWARD])
    elif kind.endswith('-room'):
        await in_room(client, friend, f'{client.account.name}@conference.{context.server.domain}')
    else:
        await client.add(friend.jid)
        await friend.accept(client.jid)
        await client.sees(friend.jid, 'online')
        await friend.add(client.jid)
        await client.accept(friend.jid)
        await friend.sees(client.jid, 'online')
        await client.status('away', 'at lunch')
        await friend.sees(client.jid, 'away')
        await client.say(friend.jid, AWKWARD)
        await friend.hears(client.jid, [AWKWARD])
        await friend.say(client.jid, AWKWARD)
        await client.hears(friend.jid, [AWKWARD])
        await client.status('offline')
        await friend.sees(client.jid, 'offline')
    await client.stop()
    context.clients.remove(client)
    await recorder.stop()

    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f'{kind}.xml'
    body = '\n'.join(lines(recorder.notes))
    path.write_text(f'# {await _version(kind)}\n{body}\n')
    return path


async def in_room(client: PidginOccupant | GajimOccupant, friend: SlixmppOccupant, room: str) -> None:
    """One session in a room, which Gajim makes itself and Pidgin finds."""
    nick, mark = 'romeo', friend.events.mark
    if isinstance(client, GajimOccupant):
        nick = client.account.name
        await client.create(room, {'muc#roomconfig_membersonly': False})
        await friend.enter(room, 'juliet')
    else:
        await friend.enter(room, 'juliet')
        muc = friend.xmpp['xep_0045']
        form = await muc.get_room_config(room, timeout=10)
        form['type'] = 'submit'
        await muc.set_room_config(room, form, timeout=10)
        await client.enter(room, nick)
        await friend.sees_join(room, nick, mark)
    await client.say_in(room, AWKWARD)
    await friend.hears_in(room, nick, AWKWARD, mark)
    mark = client.events.mark
    await friend.say_in(room, AWKWARD)
    await client.hears_in(room, 'juliet', AWKWARD, mark)
    mark = friend.events.mark
    await client.rename(room, 'benvolio')
    await friend.sees_rename(room, nick, 'benvolio', mark)
    await client.status('offline')
    await friend.events.expect('leave', lambda e: e['kind'] == 'room' and e['what'] == 'left'
                               and e['nick'] == 'benvolio', since=mark)


async def _version(kind: str) -> str:
    kind = kind.removesuffix('-room')
    if kind == 'slixmpp':
        import slixmpp
        return f'slixmpp {slixmpp.__version__}'
    return f'{kind} ' + await output(['dpkg-query', '-W', '-f', '${Version}', kind])
