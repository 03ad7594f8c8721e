"""profanity in a terminal of tmux's: keys in, screen out."""

from __future__ import annotations

import asyncio
import re
import shlex
from pathlib import Path

from .client import Client
from .events import CheckFailed
from .process import give, output

LINE = re.compile(r'^\d\d:\d\d:\d\d [-!] (?P<text>.*)$')  # "!" for a room's notices
PRESENCE = re.compile(r'^(?:\+\+|--) (?P<jid>\S+)(?: \(.*?\))? is (?P<show>\w+)')
REQUEST = re.compile(r'^Received authorization request from (?P<jid>\S+)')
MESSAGE = re.compile(r'^(?P<jid>[^\s@/]+@[^\s/:]+)(?:/[^\s:]+)?: (?P<text>.*)$')


class Profanity(Client):
    """Stays in the window of the one contact it talks to, where statuses are shown as well."""

    kind = 'profanity'
    complaint = re.compile(r' (xmpp|conn|sm|parser|sasl): (ERR|WRN): ')

    def __init__(self, *args):
        super().__init__(*args)
        self._env: dict = {}
        self._screens: dict[str, list[str]] = {}  # window title -> its lines as last seen
        self._screen = ''
        self._watcher: asyncio.Task | None = None
        self._peer = ''
        self._said = 0, ''
        self._online = False

    async def start(self) -> None:
        await self._write_settings()
        self._env = self.environment() | {'SHELL': '/bin/sh', 'TERM': 'xterm-256color'}
        program = shlex.join(['profanity', '-l', 'DEBUG', '-f', str(self.home / 'client.log'), '-a', self.jid])
        await self._tmux('new-session', '-d', '-x', '200', '-y', '150', '-c', str(self.home), program)
        self._watcher = asyncio.create_task(self._watch())
        await self._logged_in(0)

    async def _write_settings(self) -> None:
        trust = self.home / 'trust'
        trust.mkdir()
        (trust / 'ca.pem').write_bytes(self.server.ca.read_bytes())
        await output(['openssl', 'rehash', str(trust)], privileged=True)
        config, data = self.home / '.config/profanity', self.home / '.local/share/profanity'
        config.mkdir(parents=True)
        data.mkdir(parents=True)
        (config / 'profrc').write_text(_PROFRC.format(trust=trust))
        (data / 'accounts').write_text(_ACCOUNT.format(
            jid=self.jid, host=self.server.host, port=self.server.port, password=self.account.password))
        give(self.home)

    async def _tmux(self, *words: str) -> str:
        return await output(['tmux', '-u', '-S', str(self.home / 'tmux'), '-f', '/dev/null', *words], env=self._env)

    async def _keys(self, text: str) -> None:
        await self._tmux('send-keys', '-l', '--', text, ';', 'send-keys', 'Enter')

    async def _watch(self) -> None:
        while True:
            try:
                self._screen = await self._tmux('capture-pane', '-p', '-J')
            except RuntimeError as error:
                self.events.add('ended', text=str(error))
                return
            self._read(self._screen.split('\n'))
            await asyncio.sleep(0.1)

    def _read(self, screen: list[str]) -> None:
        """Reports the lines that are new in the window shown: between its title and the status line."""
        title = screen[0].split()[0] if screen and screen[0].split() else ''
        lines = [m['text'].rstrip() for line in screen[1:] if (m := LINE.match(line))]
        seen = self._screens.get(title, [])
        keep = min(len(seen), len(lines))
        while keep and seen[-keep:] != lines[:keep]:  # what scrolled away at the top
            keep -= 1
        self._screens[title] = lines
        for text in lines[keep:]:
            self._report(text)

    def _report(self, text: str) -> None:
        if m := PRESENCE.match(text):
            self.events.add('presence', jid=m['jid'].split('/')[0], show=m['show'])
        elif m := REQUEST.match(text):
            self.events.add('request', jid=m['jid'])
        elif m := MESSAGE.match(text):
            self.events.add('message', jid=m['jid'], text=m['text'])
        else:
            self.events.add('line', text=text)

    async def _says(self, pattern: str, since: int, timeout: float = 15.0) -> None:
        await self.events.expect(f'line "{pattern}"',
                                 lambda e: e['kind'] == 'line' and re.search(pattern, e['text']) is not None,
                                 since=since, timeout=timeout)

    async def _logged_in(self, since: int) -> None:
        await self._says('logged in successfully', since, timeout=20)
        if '[TLS]' not in self._screen.split('\n')[0]:
            raise CheckFailed(f'{self.events.who}: the connection is not marked as TLS with a trusted certificate')
        self._online = True
        if self._peer:
            await self._open(self._peer)

    async def _open(self, jid: str) -> None:
        self._peer = jid
        await self._keys(f'/msg {jid}')

    async def add(self, jid: str) -> None:
        # The window first: presence that comes before it is shown nowhere.
        await self._open(jid)
        await self._keys(f'/sub request {jid}')

    async def accept(self, jid: str) -> None:
        await self._keys('/win 1')
        await self.events.expect(f'request from {jid}', lambda e: e['kind'] == 'request' and e['jid'] == jid)
        await self._keys(f'/sub allow {jid}')
        await self._open(jid)

    async def remove(self, jid: str) -> None:
        await self._keys(f'/roster remove {jid}')

    async def online(self) -> bool:
        return self._online

    async def status(self, show: str, text: str = '') -> None:
        mark = self.events.mark
        if show == 'offline':
            await self._keys('/disconnect')
            await self._says('logged out successfully', mark)
            # Its windows are gone and start empty next time.
            self._screens = {t: lines for t, lines in self._screens.items() if t != self._peer}
            self._online = False
        elif not self._online:
            await self._keys(f'/connect {self.jid}')
            await self._logged_in(mark)
        else:
            await self._keys(f'/status set {show}' + (f' "{text}"' if text else ''))

    async def say(self, jid: str, text: str) -> None:
        if jid != self._peer:
            await self._open(jid)
        self._said = self.events.mark, text
        await self._keys(text)

    async def settle(self) -> None:
        """What was typed last has been sent once the window shows it."""
        mark, text = self._said
        await self._says(f'^me: {re.escape(text)}$', mark)

    def logs(self) -> list[Path]:
        screen = self.home / 'screen.txt'
        screen.write_text(self._screen)
        return [self.home / 'client.log', screen]

    async def stop(self) -> None:
        if self._watcher:
            self._watcher.cancel()
        if self._env:
            try:
                await self._keys('/quit')
                await self._tmux('kill-server')
            except RuntimeError:
                pass  # it has ended


_PROFRC = '''[ui]
splash=false
tips=false
roster=false
history=false
wrap=false
statuses.chat=all
statuses.console=none
statuses.muc=all
occupants=false
time.chat=%H:%M:%S
time.muc=%H:%M:%S
time.console=%H:%M:%S
[connection]
autoping=0
reconnect=0
tls.certpath={trust}
[notifications]
message=off
room=off
invite=false
sub=false
typing=false
[chatstates]
enabled=false
'''

_ACCOUNT = '''[{jid}]
enabled=true
jid={jid}
server={host}
port={port}
resource=profanity
password={password}
tls.policy=force
presence.login=online
'''
