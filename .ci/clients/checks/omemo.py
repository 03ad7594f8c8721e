"""End-to-end encryption (XEP-0384) between two slixmpp clients: keys and device lists by PEP, messages through the server."""

from __future__ import annotations

import asyncio
import logging
import secrets
import xml.etree.ElementTree as ET

from slixmpp import JID
from slixmpp.plugins.base import register_plugin
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from .dialogue import AWKWARD, Dialogue, Step
from .events import CheckFailed
from .slix import Slixmpp

try:
    import twomemo
    import twomemo.etree
    from omemo.storage import Just, Maybe, Nothing, Storage
    from slixmpp_omemo import XEP_0384, TrustLevel
except ImportError:  # the environment was made before this check; install adds it
    XEP_0384 = None

OLD_LIST = 'eu.siacs.conversations.axolotl.devicelist'
NEW = 'urn:xmpp:omemo:2'
NEW_LIST = 'urn:xmpp:omemo:2:devices'
NEW_BUNDLES = 'urn:xmpp:omemo:2:bundles'
SCE = 'urn:xmpp:sce:1'

if XEP_0384:
    class Memory(Storage):
        """What a client remembers of its sessions, for as long as it lives."""

        def __init__(self) -> None:
            super().__init__()
            self.values: dict = {}

        async def _load(self, key: str) -> Maybe:
            return Just(self.values[key]) if key in self.values else Nothing()

        async def _store(self, key: str, value) -> None:
            self.values[key] = value

        async def _delete(self, key: str) -> None:
            self.values.pop(key, None)

    class Encryption(XEP_0384):
        """The plugin, trusting every device that it meets."""

        memories: dict[str, Memory] = {}  # by account: they outlive a connection

        def plugin_init(self) -> None:
            super().plugin_init()
            # slixmpp tells of messages with a body alone, and what the new version encrypts needs none.
            self.xmpp.register_handler(Callback('encrypted', MatchXPath(f'{{jabber:client}}message/{{{NEW}}}encrypted'),
                                                lambda m: m['body'] or self.xmpp.event('message', m)))

        @property
        def storage(self) -> Storage:
            return self.memories.setdefault(self.xmpp.boundjid.bare, Memory())

        @property
        def _btbv_enabled(self) -> bool:
            return True

        async def _prompt_manual_trust(self, manually_trusted, identifier) -> None:
            manager = await self.get_session_manager()
            for device in manually_trusted:
                await manager.set_trust(device.bare_jid, device.identity_key, TrustLevel.TRUSTED.value)

    register_plugin(Encryption)


def envelope(sender: str, text: str) -> bytes:
    """What `urn:xmpp:omemo:2` encrypts: the body in an envelope of XEP-0420, with what XEP-0384 §5.5 asks for."""
    root = ET.Element(f'{{{SCE}}}envelope')
    ET.SubElement(ET.SubElement(root, f'{{{SCE}}}content'), '{jabber:client}body').text = text
    ET.SubElement(root, f'{{{SCE}}}rpad').text = secrets.token_hex(secrets.randbelow(100))
    ET.SubElement(root, f'{{{SCE}}}from', jid=sender)
    return ET.tostring(root)


def unfold(sender: str, sealed: bytes) -> str:
    """The body of such an envelope, which must be its sender's (XEP-0384 §5.5)."""
    root = ET.fromstring(sealed)
    if root.tag != f'{{{SCE}}}envelope' or JID(root.find(f'{{{SCE}}}from').get('jid')).bare != sender:
        raise ValueError(f'no envelope of {sender}: {sealed!r}')
    return root.find(f'{{{SCE}}}content/{{jabber:client}}body').text


class SlixmppEncrypted(Slixmpp):
    """slixmpp with slixmpp-omemo. What it decrypts is an event of the kind 'decrypted'.

    The plugin publishes keys of both versions and encrypts with the old one alone, as slixmpp has no XEP-0420. With
    the new one the envelope is ours; keys, sessions, ratchet and elements are those of the library.
    """

    kind = 'slixmpp-omemo'
    plugins = Slixmpp.plugins + ('xep_0060', 'xep_0163', 'xep_0280', 'xep_0334', 'xep_0384')

    async def ready(self) -> None:
        """Waits until the client has published its keys."""
        # What slixmpp-omemo wants is noted before there is a resource, and slixmpp forgets it when one is bound.
        self.xmpp['xep_0163'].add_interest([OLD_LIST, NEW_LIST])
        await self.xmpp['xep_0115'].update_caps()
        await asyncio.wait_for(self.xmpp['xep_0384'].get_session_manager(), 30)

    def _message(self, message) -> None:
        if self.xmpp['xep_0384'].is_encrypted(message):
            asyncio.get_running_loop().create_task(self._decrypt(message))
        else:
            super()._message(message)

    async def _decrypt(self, message) -> None:
        plugin = self.xmpp['xep_0384']
        version = 'new' if NEW in plugin.is_encrypted(message) else 'old'
        sender = message['from'].bare
        try:
            if version == 'new':
                manager = await plugin.get_session_manager()
                parsed = twomemo.etree.parse_message(message.xml.find(f'{{{NEW}}}encrypted'), sender)
                sealed, device, _ = await manager.decrypt(parsed)
                if sealed is None:
                    return  # an empty message, which only carries keys on (XEP-0384 §4.3)
                text = unfold(sender, sealed)
            else:
                plain, device = await plugin.decrypt_message(message)
                text = plain['body']
        except Exception as error:  # whatever it is, the check is to say so
            self.events.add('undecryptable', jid=message['from'].bare, error=repr(error))
            return
        self.events.add('decrypted', jid=sender, text=text, device=device.device_id, version=version,
                        sealed=text not in str(message))

    async def whisper(self, jid: str, text: str) -> None:
        message = self.xmpp.make_message(mto=jid, mbody=text, mtype='chat')
        sealed, errors = await self.xmpp['xep_0384'].encrypt_message(message, JID(jid))
        if errors or sealed is None:
            raise CheckFailed(f'{self.events.who}: encrypting: {errors}')
        sealed.send()

    async def whisper_new(self, jid: str, text: str) -> None:
        """The same by `urn:xmpp:omemo:2` alone."""
        plugin = self.xmpp['xep_0384']
        await plugin.refresh_device_lists({JID(jid)})
        manager = await plugin.get_session_manager()
        sealed, errors = await manager.encrypt(frozenset({jid}), {NEW: envelope(self.jid, text)},
                                               backend_priority_order=[NEW], identifier=None)
        if errors or not sealed:
            raise CheckFailed(f'{self.events.who}: encrypting: {errors}')
        message = self.xmpp.make_message(mto=jid, mtype='chat')
        message.enable('store')
        for each in sealed:
            message.append(twomemo.etree.serialize_message(each))
        message.send()

    async def reads(self, jid: str, text: str, since: int = 0, version: str = 'old') -> None:
        event = await self.events.expect(
            f'decrypted {text!r} from {jid}', since=since,
            match=lambda e: e['kind'] == 'undecryptable' or e['kind'] == 'decrypted' and e['jid'] == jid and e['text'] == text)
        if event['kind'] != 'decrypted' or not event['sealed'] or event['version'] != version:
            raise CheckFailed(f'{self.events.who}: {event}')

    async def ids(self, node: str, jid: str) -> list[str]:
        """The ids of the items at a node."""
        answer = await self.xmpp['xep_0060'].get_items(JID(jid), node, timeout=10)
        return [item['id'] for item in answer['pubsub']['items']]


async def omemo(context) -> list[Step]:
    """Two clients, later a second device of one, and a message to who is away."""
    if XEP_0384 is None:
        raise CheckFailed('slixmpp-omemo is missing; run .ci/clients/install')
    first = await context.client(SlixmppEncrypted)
    second = await context.client(SlixmppEncrypted, '-friend')
    stranger = await context.client(Slixmpp, '-stranger')
    stranger.plugins = stranger.plugins + ('xep_0060',)
    dialogue = Dialogue(first, second)

    async def publishes() -> None:
        await dialogue.login()
        await stranger.start()
        await asyncio.gather(first.ready(), second.ready())
        await dialogue.subscribe()
        for client in (first, second):
            for node in (OLD_LIST, NEW_LIST, NEW_BUNDLES):
                if not await first.ids(node, client.jid):
                    raise CheckFailed(f'{client.events.who}: nothing at {node}')

    async def talks() -> None:
        for sender, reader in ((first, second), (second, first), (first, second)):
            mark = reader.events.mark
            await sender.whisper(reader.jid, AWKWARD)
            await reader.reads(sender.jid, AWKWARD, mark)

    async def away() -> None:
        mark = second.events.mark
        await second.status('offline')
        await first.whisper(second.jid, 'while you were out')
        await first.settle()
        await second.status('online')
        await second.reads(first.jid, 'while you were out', mark)

    async def talks_new() -> None:
        for sender, reader in ((first, second), (second, first), (first, second)):
            mark = reader.events.mark
            await sender.whisper_new(reader.jid, AWKWARD)
            await reader.reads(sender.jid, AWKWARD, mark, 'new')

    async def away_new() -> None:
        mark = second.events.mark
        await second.status('offline')
        await first.whisper_new(second.jid, 'while you were out, anew')
        await first.settle()
        await second.status('online')
        await second.reads(first.jid, 'while you were out, anew', mark, 'new')

    async def open_to_all() -> None:
        items = await stranger.xmpp['xep_0060'].get_items(JID(first.jid), NEW_LIST, timeout=10)
        if not list(items['pubsub']['items']):
            raise CheckFailed('a stranger does not see the devices')

    return [('publishes devices and keys of both versions', publishes, True),
            ('encrypts for a friend, who decrypts and answers', talks, True),
            ('does the same with urn:xmpp:omemo:2', talks_new, True),
            ('shows its devices to a stranger, who can then write', open_to_all, False),
            ('reaches a friend who is away, encrypted', away, False),
            ('reaches a friend who is away with urn:xmpp:omemo:2', away_new, False)]


logging.getLogger('omemo').setLevel(logging.CRITICAL)
