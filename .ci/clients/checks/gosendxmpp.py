"""go-sendxmpp: one process a message, or one that listens."""

from __future__ import annotations

import asyncio
import re

from .client import Client
from .events import CheckFailed
from .process import Process, client_user

HEARD = re.compile(r'^\S+ (?:\[\w*\] )?(?P<jid>[^/:\s]+)(?:/[^:]*)?: (?P<text>.*)$')


class GoSendxmpp(Client):
    """Not a full client: it has no contact list and no presence of its own. add, accept and status don't apply."""

    kind = 'go-sendxmpp'

    def __init__(self, *args):
        super().__init__(*args)
        self._listener: Process | None = None
        self._reader: asyncio.Task | None = None
        self._env: dict = {}

    async def start(self) -> None:
        """Writes the configuration; there is nothing to keep running."""
        config = self.home / 'config'
        config.write_text(f'username: {self.jid}\njserver: {self.server.host}:{self.server.port}\n'
                          f'password: {self.account.password}\n')
        config.chmod(0o600)  # it refuses files that others may read
        (self.home / 'ca.pem').write_bytes(self.server.ca.read_bytes())
        # The only authority it is to know.
        self._env = self.environment() | {
            'SSL_CERT_FILE': str(self.home / 'ca.pem'), 'SSL_CERT_DIR': str(self.home / 'none')}

    def _argv(self, *words: str) -> list[str]:
        return ['go-sendxmpp', '--debug', '-f', str(self.home / 'config'), *words]

    async def say(self, jid: str, text: str) -> None:
        """Sends one message in a process of its own and waits for it to end well."""
        with (self.home / 'client.log').open('ab') as log:
            child = await asyncio.create_subprocess_exec(
                *self._argv(jid), env=self._env, stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log,
                start_new_session=True, **client_user())
        await asyncio.wait_for(child.communicate(text.encode()), 20)
        if child.returncode != 0:
            raise CheckFailed(f'{self.events.who}: exit code {child.returncode} when sending to {jid}')

    async def listen(self) -> None:
        """Starts the listening process; messages it prints become events."""
        self._listener = await Process.start(self._argv('-l'), self.home / 'client.log', self._env,
                                             stdout=asyncio.subprocess.PIPE)
        self._reader = asyncio.create_task(self._read(self._listener.child.stdout))

    async def _read(self, out: asyncio.StreamReader) -> None:
        while line := await out.readline():
            text = line.decode(errors='replace').rstrip('\n')
            if m := HEARD.match(text):
                self.events.add('message', jid=m['jid'], text=m['text'])
            else:
                self.events.add('line', text=text[:200])

    async def deafen(self) -> None:
        if self._listener:
            await self._listener.stop()
            self._listener = None
            self._reader.cancel()

    async def stop(self) -> None:
        await self.deafen()
