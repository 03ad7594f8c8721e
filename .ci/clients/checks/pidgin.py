"""Pidgin under the virtual display, driven over D-Bus (im.pidgin.purple.PurpleInterface)."""

from __future__ import annotations

import asyncio
import html
import re
from pathlib import Path
from xml.sax.saxutils import escape

from jeepney import DBusAddress, MatchRule, MessageType, message_bus, new_method_call
from jeepney.io.asyncio import open_dbus_router

from .client import Client
from .desktop import session_bus
from .events import CheckFailed
from .process import Process, output

PURPLE = DBusAddress('/im/pidgin/purple/PurpleObject', bus_name='im.pidgin.purple.PurpleService',
                     interface='im.pidgin.purple.PurpleInterface')

# PurpleStatusPrimitive, as im.pidgin.purple numbers it.
PRIMITIVES = {'offline': 1, 'online': 2, 'dnd': 3, 'away': 5, 'xa': 6}
# The jabber protocol's status ids.
SHOWS = {'available': 'online', 'freeforchat': 'chat', 'away': 'away', 'extended_away': 'xa', 'dnd': 'dnd',
         'offline': 'offline'}
STANZA = re.compile(r'jabber: Sending \(ssl\) \([^)]*\): <(iq|presence|message)\b')
ACKNOWLEDGED = re.compile(r'XEP-0198: Acknowledged (\d+) out of (\d+) outbound stanzas')
IM = 1  # PURPLE_CONV_TYPE_IM


class Pidgin(Client):
    kind = 'pidgin'
    complaint = re.compile(r'XEP-0198: (?!Acknowledged|Stream management is enabled|Enabling)'
                           r'|jabber: (XML parser error|Received .* without|Invalid|Malformed)|g_log: .*jabber')
    knows_certificate = True
    listens_on: int | None = None  # the one port it may be connected to for files; None for any

    def __init__(self, *args):
        super().__init__(*args)
        self._process: Process | None = None
        self._bus: Process | None = None
        self._router = None
        self._stack = None
        self._signals: asyncio.Task | None = None
        self._account = 0
        self._chats: dict[str, int] = {}  # conversations of rooms

    async def start(self) -> None:
        self._write_settings()
        env = self.environment() | {'DISPLAY': await self.desktop.start()}
        self._bus, address = await session_bus(self.home, env)
        env['DBUS_SESSION_BUS_ADDRESS'] = address
        self._stack = open_dbus_router(address)
        self._router = await self._stack.__aenter__()
        self._signals = asyncio.create_task(self._listen())
        await asyncio.sleep(0)
        self._process = await Process.start(['pidgin', '--debug', '--config', str(self.home / 'purple')],
                                            self.home / 'client.log', env)
        await self.events.expect('sign-on', lambda e: e['kind'] == 'signed on', timeout=30)

    def _write_settings(self) -> None:
        purple = self.home / 'purple'
        peers = purple / 'certificates/x509/tls_peers'
        peers.mkdir(parents=True)
        # As if the question about the unknown authority had been answered with "Accept" before.
        for name in {self.server.host, self.server.domain} if self.knows_certificate else ():
            (peers / name).write_text(self.server.leaf.read_text())
        (purple / 'accounts.xml').write_text(_ACCOUNTS.format(
            jid=escape(f'{self.jid}/Pidgin'), password=escape(self.account.password),
            host=self.server.host, port=self.server.port))
        network = '' if self.listens_on is None else _PORTS.format(port=self.listens_on)
        (purple / 'prefs.xml').write_text(_PREFS.format(plugins=purple / 'plugins', network=network))
        (purple / 'plugins').mkdir()
        (purple / 'plugins/approve.pl').write_text(_APPROVE)
        self.received.mkdir()

    async def _call(self, method: str, signature: str = '', *args):
        """Calls PurpleInterface.method and returns its result: None, one value or a tuple."""
        reply = await asyncio.wait_for(
            self._router.send_and_get_reply(new_method_call(PURPLE, method, signature or None, args)), 10)
        if reply.header.message_type == MessageType.error:
            raise CheckFailed(f'{self.events.who}: D-Bus {method}: {reply.body}')
        return reply.body[0] if len(reply.body) == 1 else reply.body or None

    async def _listen(self) -> None:
        rule = MatchRule(type='signal', interface=PURPLE.interface)
        await self._router.send_and_get_reply(message_bus.AddMatch(rule))
        with self._router.filter(rule, bufsize=1000) as queue:
            while True:
                signal = await queue.get()
                name = signal.header.fields[3]
                handler = getattr(self, f'_on_{name}', None)
                if handler:
                    await handler(*signal.body)

    async def _on_AccountSignedOn(self, account: int) -> None:
        self._account = account
        self.events.add('signed on')

    async def _on_AccountSignedOff(self, _account: int) -> None:
        self.events.add('signed off')

    async def _on_AccountConnectionError(self, _account: int, error: int, text: str) -> None:
        self.events.add('connection error', error=error, text=text)

    async def _on_AccountAuthorizationRequested(self, _account: int, user: str, *_rest) -> None:
        self.events.add('request', jid=user.split('/')[0])

    # An instant message as it was put into a window; ReceivedImMsg would come before that.
    async def _on_DisplayedImMsg(self, _account: int, who: str, text: str, _conv: int, flags: int) -> None:
        if flags & 0x2:  # PURPLE_MESSAGE_RECV
            self.events.add('message', jid=who.split('/')[0], text=_plain(text))

    # The window that asks stays open, and has no say any more.
    async def _on_FileRecvRequest(self, xfer: int) -> None:
        name = await self._call('PurpleXferGetFilename', 'i', xfer)
        await self._call('PurpleXferRequestAccepted', 'is', xfer, str(self.received / name))

    # Rooms: what was put into their windows, notices of the room's and of Pidgin's own included.
    async def _on_DisplayedChatMsg(self, _account: int, who: str, text: str, conversation: int, flags: int) -> None:
        room = await self._room(conversation)
        if flags & 0x4:  # PURPLE_MESSAGE_SYSTEM
            self.events.add('notice', room=room, text=_plain(text))
        else:
            self.events.add('room', room=room, what='said', nick=who, text=_plain(text))

    async def _on_ChatJoined(self, conversation: int) -> None:
        room = await self._room(conversation)
        self._chats[room] = conversation
        self.events.add('room', room=room, what='entered')

    async def _on_ChatBuddyJoined(self, conversation: int, nick: str, _flags: int, _new: int) -> None:
        self.events.add('room', room=await self._room(conversation), what='joined', nick=nick)

    async def _on_ChatTopicChanged(self, conversation: int, _who: str, topic: str) -> None:
        self.events.add('room', room=await self._room(conversation), what='subject', text=topic)

    async def _on_ChatLeft(self, conversation: int) -> None:
        self.events.add('room', room=await self._room(conversation), what='out')

    async def _on_ChatJoinFailed(self, *_) -> None:
        self.events.add('room', what='refused')

    async def _room(self, conversation: int) -> str:
        return await self._call('PurpleConversationGetName', 'i', conversation)

    async def _on_BuddySignedOn(self, buddy: int) -> None:
        await self._report(buddy)

    async def _on_BuddySignedOff(self, buddy: int) -> None:
        self.events.add('presence', jid=await self._call('PurpleBuddyGetName', 'i', buddy), show='offline')

    async def _on_BuddyStatusChanged(self, buddy: int, _old: int, _new: int) -> None:
        await self._report(buddy)

    async def _report(self, buddy: int) -> None:
        name = await self._call('PurpleBuddyGetName', 'i', buddy)
        presence = await self._call('PurpleBuddyGetPresence', 'i', buddy)
        status = await self._call('PurplePresenceGetActiveStatus', 'i', presence)
        show = await self._call('PurpleStatusGetId', 'i', status)
        self.events.add('presence', jid=name, show=SHOWS.get(show, show))

    async def add(self, jid: str) -> None:
        buddy = await self._call('PurpleFindBuddy', 'is', self._account, jid)
        if not buddy:
            buddy = await self._call('PurpleBuddyNew', 'iss', self._account, jid, jid.split('@')[0])
            group = await self._call('PurpleGroupNew', 's', 'Checks')
            await self._call('PurpleBlistAddGroup', 'ii', group, 0)
            await self._call('PurpleBlistAddBuddy', 'iiii', buddy, 0, group, 0)
        await self._call('PurpleAccountAddBuddy', 'ii', self._account, buddy)

    async def accept(self, jid: str) -> None:
        # approve.pl has answered by the time the signal comes.
        await self.events.expect(f'request from {jid}', lambda e: e['kind'] == 'request' and e['jid'] == jid)

    async def remove(self, jid: str) -> None:
        buddy = await self._call('PurpleFindBuddy', 'is', self._account, jid)
        group = await self._call('PurpleBuddyGetGroup', 'i', buddy)
        await self._call('PurpleAccountRemoveBuddy', 'iii', self._account, buddy, group)
        try:
            await self._call('PurpleBlistRemoveBuddy', 'i', buddy)
        except CheckFailed:  # the server's roster push may have come first and done it
            if await self._call('PurpleFindBuddy', 'is', self._account, jid):
                raise

    async def block(self, jid: str) -> None:
        connection = await self._call('PurpleAccountGetConnection', 'i', self._account)
        await self._call('ServAddDeny', 'is', connection, jid)

    async def unblock(self, jid: str) -> None:
        connection = await self._call('PurpleAccountGetConnection', 'i', self._account)
        await self._call('ServRemDeny', 'is', connection, jid)

    @property
    def received(self) -> Path:
        """The directory for files that friends send, which are all taken."""
        return self.home / 'received'

    async def send_file(self, jid: str, path: Path) -> None:
        connection = await self._call('PurpleAccountGetConnection', 'i', self._account)
        await self._call('ServSendFile', 'iss', connection, jid, str(path))

    async def show_picture(self, path: Path) -> None:
        """Sets its owner's picture, as choosing a file beside the status does."""
        await self._call('PurplePrefsSetPath', 'ss', '/pidgin/accounts/buddyicon', str(path))

    async def online(self) -> bool:
        return bool(await self._call('PurpleAccountIsConnected', 'i', self._account))

    async def status(self, show: str, text: str = '') -> None:
        if show == 'offline':
            await self._confirmed()
        mark = self.events.mark
        was_offline = not await self.online()
        saved = await self._call('PurpleSavedstatusNew', 'si', '', PRIMITIVES[show])
        if text:
            await self._call('PurpleSavedstatusSetMessage', 'is', saved, text)
        await self._call('PurpleSavedstatusActivate', 'i', saved)
        if show == 'offline':
            await self.events.expect('sign-off', lambda e: e['kind'] == 'signed off', since=mark)
        elif was_offline:
            await self.events.expect('sign-on', lambda e: e['kind'] == 'signed on', since=mark, timeout=20)

    async def _confirmed(self) -> None:
        """Waits until the server has acknowledged all that Pidgin sent: it sends the rest again at the next login."""
        for _ in range(100):
            lines = (self.home / 'client.log').read_text(errors='replace').splitlines()
            sent = max((n for n, line in enumerate(lines) if STANZA.search(line)), default=-1)
            last = next((m for line in reversed(lines[sent + 1:]) if (m := ACKNOWLEDGED.search(line))), None)
            if sent < 0 or (last and last[1] == last[2]) or not any('Stream management is enabled' in x for x in lines):
                return
            await asyncio.sleep(0.05)
        raise CheckFailed(f'{self.events.who}: not acknowledged in 5 s: {lines[sent][:300]}')

    async def say(self, jid: str, text: str) -> None:
        conversation = await self._call('PurpleConversationNew', 'iis', IM, self._account, jid)
        im = await self._call('PurpleConvIm', 'i', conversation)
        await self._call('PurpleConvImSend', 'is', im, escape(text))

    async def answer_certificate_question(self) -> None:
        """Waits for the window that asks about an unknown certificate and presses Return, which is "Accept"."""
        display = await self.desktop.start()
        for _ in range(150):
            window = await self._xdotool(display, 'search', '--onlyvisible', '--name', 'SSL Certificate Verification')
            if window:
                # Without a window manager nobody else gives it the focus.
                await self._xdotool(display, 'windowfocus', '--sync', window.split()[0], 'key', 'Return')
                return
            await asyncio.sleep(0.1)
        raise CheckFailed(f'{self.events.who}: no question about the certificate within 15 s')

    async def _xdotool(self, display: str, *words: str) -> str:
        try:
            return await output(['xdotool', *words], env={'PATH': '/usr/bin:/bin', 'DISPLAY': display}, timeout=10)
        except RuntimeError:
            return ''  # nothing found

    async def stop(self) -> None:
        if self._signals:
            self._signals.cancel()
        if self._stack:
            await self._stack.__aexit__(None, None, None)
        for process in (self._process, self._bus):
            if process:
                await process.stop()


def _plain(text: str) -> str:
    """What a Pidgin message, which is HTML, reads as."""
    return html.unescape(re.sub(r'<[^>]*>', '', re.sub(r'<br\s*/?>', '\n', text)))


_ACCOUNTS = '''<?xml version='1.0' encoding='UTF-8' ?>
<account version='1.0'><account>
<protocol>prpl-jabber</protocol><name>{jid}</name><password>{password}</password>
<settings>
<setting name='connect_server' type='string'>{host}</setting>
<setting name='port' type='int'>{port}</setting>
<setting name='connection_security' type='string'>require_tls</setting>
</settings>
<settings ui='gtk-gaim'><setting name='auto-login' type='bool'>1</setting></settings>
</account></account>
'''

_PREFS = '''<?xml version='1.0' encoding='UTF-8' ?>
<pref version='1' name='/'>
<pref name='pidgin'>
<pref name='plugins'><pref name='loaded' type='pathlist'><item value='{plugins}/approve.pl'/></pref></pref>
<pref name='sound'><pref name='method' type='string' value='none'/></pref>
<pref name='docklet'><pref name='show' type='string' value='never'/></pref>
<pref name='blist'><pref name='list_visible' type='bool' value='1'/><pref name='x' type='int' value='20'/></pref>
</pref>
<pref name='purple'>
<pref name='away'><pref name='idle_reporting' type='string' value='none'/>
<pref name='away_when_idle' type='bool' value='0'/></pref>
<pref name='logging'><pref name='log_ims' type='bool' value='0'/></pref>
{network}
</pref>
</pref>
'''

_PORTS = '''<pref name='network'><pref name='ports_range_use' type='bool' value='1'/>
<pref name='ports_range_start' type='int' value='{port}'/><pref name='ports_range_end' type='int' value='{port}'/></pref>
'''

# Answers a contact's request as the button "Authorize" does: D-Bus has no call for it.
_APPROVE = '''use Purple;
%PLUGIN_INFO = (perl_api_version => 2, name => "Approve", version => "1", summary => "Approves requests",
  description => "Approves every request to see our presence", author => "checks", url => "",
  load => "plugin_load");
sub plugin_init { return %PLUGIN_INFO; }
sub approve { return 1; }
sub plugin_load {
  my $plugin = shift;
  Purple::Signal::connect(Purple::Accounts::get_handle(), "account-authorization-requested", $plugin, \\&approve, 0);
}
'''
