"""slixmpp, in our own process: the peer of most checks, and a client under check itself."""

from __future__ import annotations

import asyncio
import logging
import ssl

from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError

from .client import Client
from .events import CheckFailed


class Slixmpp(Client):
    """slixmpp over STARTTLS only, or with direct_tls as it comes: a TLS ClientHello first, on any port."""

    kind = 'slixmpp'
    direct_tls = False
    newest_tls: ssl.TLSVersion | None = None
    plugins: tuple[str, ...] = ('xep_0030', 'xep_0115', 'xep_0199', 'xep_0203')

    def __init__(self, *args):
        super().__init__(*args)
        self.xmpp: ClientXMPP | None = None
        self.mechanism = ''
        self.tls = ''
        # slixmpp logs to one logger for all; wire() copies what our stream logs into our own file.
        self._log = (self.home / 'client.log').open('a', encoding='utf-8')

    async def start(self) -> None:
        await self._log_in('online', '')

    async def _log_in(self, show: str, text: str) -> None:
        xmpp = ClientXMPP(self.jid, self.account.password)
        self.xmpp = xmpp
        xmpp.ca_certs = self.server.ca
        xmpp.enable_direct_tls = self.direct_tls
        xmpp.enable_plaintext = False
        xmpp.auto_reconnect = False
        xmpp.roster.auto_authorize = None
        xmpp.roster.auto_subscribe = False
        if self.newest_tls:
            xmpp.ssl_context.maximum_version = self.newest_tls
        for plugin in self.plugins:
            xmpp.register_plugin(plugin)
        self.prepare(xmpp)
        xmpp.add_filter('in', lambda stanza: self._wire('RECV', stanza))
        xmpp.add_filter('out', lambda stanza: self._wire('SEND', stanza))

        loop = asyncio.get_running_loop()
        ready: asyncio.Future = loop.create_future()

        def settle(error: str | None) -> None:
            if not ready.done():
                ready.set_result(error)

        async def started(_event) -> None:
            try:
                await xmpp.get_roster(timeout=10)
            except Exception as error:  # an IqError, a time-out: both fail the login
                settle(f'roster: {error!r}')
                return
            self._send_presence(show, text)
            settle(None)

        xmpp.add_event_handler('session_start', started)
        xmpp.add_event_handler('failed_all_auth', lambda _e: settle('no SASL mechanism worked'))
        xmpp.add_event_handler('stream_error', lambda e: settle(f'stream error: {e}'))
        xmpp.add_event_handler('connection_failed', lambda e: self.events.add('connect', error=str(e)))
        xmpp.add_event_handler('ssl_invalid_chain', lambda e: settle(f'certificate: {e}'))
        xmpp.add_event_handler('disconnected', lambda e: settle(f'disconnected: {e}'))
        xmpp.add_event_handler('message', self._message)
        xmpp.add_event_handler('message_error', self._error)
        xmpp.add_event_handler('presence_subscribe', lambda p: self.events.add('request', jid=p['from'].bare))
        xmpp.add_event_handler('presence_subscribed', lambda p: self.events.add('approved', jid=p['from'].bare))
        for kind in ('available', 'chat', 'away', 'xa', 'dnd', 'unavailable'):
            xmpp.add_event_handler(f'presence_{kind}', self._presence)
        xmpp.connect(self.server.host, self.server.port)
        try:
            error = await asyncio.wait_for(ready, 20)
        except asyncio.TimeoutError:
            error = 'no session within 20 s'
        if error:
            raise CheckFailed(f'{self.events.who}: login: {error}')
        self.mechanism = xmpp['feature_mechanisms'].mech.name
        self.tls = xmpp.socket.version() if xmpp.socket else ''

    def prepare(self, xmpp: ClientXMPP) -> None:
        """For what a kind of client does before it connects."""

    def _wire(self, direction: str, stanza):
        self._log.write(f'{direction}: {stanza}\n')
        self._log.flush()
        return stanza

    def _message(self, message) -> None:
        if message['type'] in ('chat', 'normal') and message['body']:
            delayed = message.xml.find('{urn:xmpp:delay}delay') is not None
            self.events.add('message', jid=message['from'].bare, text=message['body'], delayed=delayed)

    def _error(self, message) -> None:
        self.events.add('error', jid=message['from'].bare, condition=message['error']['condition'])

    def _presence(self, presence) -> None:
        show = {'available': 'online', 'unavailable': 'offline'}.get(presence['type'], presence['type'])
        self.events.add('presence', jid=presence['from'].bare, show=show, text=presence['status'])

    def _send_presence(self, show: str, text: str) -> None:
        self.xmpp.send_presence(pshow=None if show == 'online' else show, pstatus=text or None)

    @property
    def full_jid(self) -> str:
        return self.xmpp.boundjid.full

    async def add(self, jid: str) -> None:
        # update_roster sends the roster set; the request for presence is a stanza of its own.
        await self.xmpp.update_roster(jid, name=jid.split('@')[0], groups=['Checks'], timeout=10)
        self.xmpp.send_presence(pto=jid, ptype='subscribe')

    async def accept(self, jid: str) -> None:
        await self.events.expect(f'request from {jid}', lambda e: e['kind'] == 'request' and e['jid'] == jid)
        self.xmpp.send_presence(pto=jid, ptype='subscribed')

    async def remove(self, jid: str) -> None:
        # del_roster_item would send an unsubscribe of its own first.
        await self.xmpp.update_roster(jid, subscription='remove', timeout=10)

    async def online(self) -> bool:
        return self.xmpp is not None

    async def status(self, show: str, text: str = '') -> None:
        if show == 'offline':
            await self._log_out()
        elif self.xmpp is None:
            await self._log_in(show, text)
        else:
            self._send_presence(show, text)

    async def say(self, jid: str, text: str) -> None:
        self.xmpp.send_message(mto=jid, mbody=text, mtype='chat')

    async def settle(self) -> None:
        # A server takes the stanzas of one stream in order (RFC 6120 §10.1).
        try:
            await self.xmpp['xep_0199'].send_ping(self.server.domain, timeout=10)
        except IqError:
            pass  # an error is an answer too

    async def subscription(self, jid: str) -> str:
        """Our subscription to jid as the server's roster has it now."""
        answer = await self.xmpp.get_roster(timeout=10)
        item = answer['roster']['items'].get(jid)
        return item['subscription'] if item else 'absent'

    async def stop(self) -> None:
        if self.xmpp:
            await self._log_out()
        self._log.close()

    def forget(self) -> None:
        """Gives up a session whose server is gone."""
        if self.xmpp:
            self.xmpp.abort()
            self.xmpp = None

    async def _log_out(self) -> None:
        xmpp, self.xmpp = self.xmpp, None
        xmpp.cancel_connection_attempt()
        await asyncio.wait_for(xmpp.disconnect(wait=2.0), 10)
        # slixmpp leaves this task to the garbage collector, which complains about it.
        sender = getattr(xmpp, '_run_out_filters', None)
        if sender:
            sender.cancel()
            await asyncio.wait([sender])


class SlixmppDirect(Slixmpp):
    kind = 'slixmpp-direct'
    login_step = 'logs in trying direct TLS on the STARTTLS port first'
    direct_tls = True


class SlixmppPlus(Slixmpp):
    """TLS 1.2, the newest version for which Python can bind channels."""
    kind = 'slixmpp-tls12'
    newest_tls = ssl.TLSVersion.TLSv1_2


logging.getLogger('slixmpp').setLevel(logging.CRITICAL)
