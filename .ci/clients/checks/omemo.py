"""End-to-end encryption (XEP-0384) between two slixmpp clients: keys and device lists by PEP, messages through the server."""

from __future__ import annotations

import asyncio
import logging

from slixmpp import JID
from slixmpp.plugins.base import register_plugin

from .dialogue import AWKWARD, Dialogue, Step
from .events import CheckFailed
from .slix import Slixmpp

try:
    from omemo.storage import Just, Maybe, Nothing, Storage
    from slixmpp_omemo import XEP_0384, TrustLevel
except ImportError:  # the environment was made before this check; install adds it
    XEP_0384 = None

OLD_LIST = 'eu.siacs.conversations.axolotl.devicelist'
NEW_LIST = 'urn:xmpp:omemo:2:devices'
NEW_BUNDLES = 'urn:xmpp:omemo:2:bundles'

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


class SlixmppEncrypted(Slixmpp):
    """slixmpp with slixmpp-omemo. What it decrypts is an event of the kind 'decrypted'."""

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
        try:
            plain, device = await self.xmpp['xep_0384'].decrypt_message(message)
        except Exception as error:  # whatever it is, the check is to say so
            self.events.add('undecryptable', jid=message['from'].bare, error=repr(error))
            return
        self.events.add('decrypted', jid=message['from'].bare, text=plain['body'], device=device.device_id,
                        sealed=plain['body'] not in str(message))

    async def whisper(self, jid: str, text: str) -> None:
        message = self.xmpp.make_message(mto=jid, mbody=text, mtype='chat')
        sealed, errors = await self.xmpp['xep_0384'].encrypt_message(message, JID(jid))
        if errors or sealed is None:
            raise CheckFailed(f'{self.events.who}: encrypting: {errors}')
        sealed.send()

    async def reads(self, jid: str, text: str, since: int = 0) -> None:
        event = await self.events.expect(
            f'decrypted {text!r} from {jid}', since=since,
            match=lambda e: e['kind'] == 'undecryptable' or e['kind'] == 'decrypted' and e['jid'] == jid and e['text'] == text)
        if event['kind'] != 'decrypted' or not event['sealed']:
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

    async def open_to_all() -> None:
        items = await stranger.xmpp['xep_0060'].get_items(JID(first.jid), NEW_LIST, timeout=10)
        if not list(items['pubsub']['items']):
            raise CheckFailed('a stranger does not see the devices')

    return [('publishes devices and keys of both versions', publishes, True),
            ('encrypts for a friend, who decrypts and answers', talks, True),
            ('shows its devices to a stranger, who can then write', open_to_all, False),
            ('reaches a friend who is away, encrypted', away, False)]


logging.getLogger('omemo').setLevel(logging.CRITICAL)
