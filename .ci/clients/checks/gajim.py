"""Gajim under the virtual display, driven from within its main loop (gajim_inside.py)."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import socket
from pathlib import Path

from .client import Client
from .desktop import session_bus
from .events import CheckFailed
from .process import Process


class Gajim(Client):
    kind = 'gajim'
    complaint = re.compile(r'\(E\) nbxmpp|\(W\) nbxmpp\.(?!connection)|Mismatch detected|^Traceback')

    knows_certificate = True

    def __init__(self, *args):
        super().__init__(*args)
        self._process: Process | None = None
        self._bus: Process | None = None
        self._reader: asyncio.Task | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future] = {}
        self._offline = True

    async def start(self) -> None:
        await self.launch()
        await self.log_in()

    def complaints(self) -> list[str]:
        return super().complaints() + [e['text'] for e in self.events.seen if e['kind'] == 'exception']

    async def launch(self) -> None:
        """Starts the program and waits for its window."""
        leaf = self.home / 'leaf.pem'
        leaf.write_bytes(self.server.leaf.read_bytes())
        inside = self.home / 'gajim_inside.py'
        inside.write_bytes((Path(__file__).parent / 'gajim_inside.py').read_bytes())
        env = self.environment() | {'DISPLAY': await self.desktop.start()}
        self._bus, env['DBUS_SESSION_BUS_ADDRESS'] = await session_bus(self.home, env)
        ours, theirs = socket.socketpair()
        # Debian's Python, which is the one that has Gajim's modules.
        self._process = await Process.start(
            ['/usr/bin/python3', str(inside), str(theirs.fileno()), str(self.home / 'config')],
            self.home / 'client.log', env, cwd=self.home, pass_fds=(theirs.fileno(),))
        theirs.close()
        reader, self._writer = await asyncio.open_connection(sock=ours)
        self._reader = asyncio.create_task(self._read(reader))
        await self._started()

    async def _started(self) -> None:
        came = await self.events.expect('window', lambda e: e['kind'] in ('started', 'exception', 'ended'),
                                        timeout=40)
        if came['kind'] != 'started':
            why = came.get('text', 'see its log')
            raise CheckFailed(f'{self.events.who}: did not start: {why}')

    async def log_in(self) -> None:
        mark = self.events.mark
        await self._do('account', self.account.name, self.account.domain, self.account.password,
                       self.server.host, self.server.port, str(self.home / 'leaf.pem') if self.knows_certificate else '')
        await self.events.expect('sign-on', lambda e: e['kind'] == 'signed on', since=mark, timeout=30)
        self._offline = False

    async def parse(self, uri: str) -> dict:
        """What its parser of URIs makes of one."""
        return await self._do('parse', uri)

    async def sign_up(self, invitation: str) -> None:
        """Makes its account with its wizard, the invitation in the form, and goes online."""
        await self._do('sign_up', self.account.domain, self.server.host, self.server.port, str(self.home / 'leaf.pem'))
        for _ in range(200):
            page, text = await self._do('wizard_page')
            if page == 'form':
                break
            if page in ('error', 'redirect'):
                raise CheckFailed(f'{self.events.who}: its wizard says {text}')
            await asyncio.sleep(0.1)
        else:
            raise CheckFailed(f'{self.events.who}: no form within 20 s, but the page {page}')
        await self._until('fill_in', [self.account.name, self.account.password, invitation])
        await self._until('submit')
        for _ in range(200):
            page, text = await self._do('wizard_page')
            if page == 'success':
                mark = self.events.mark
                await self._do('connect')
                await self.events.expect('sign-on', lambda e: e['kind'] == 'signed on', since=mark, timeout=30)
                self._offline = False
                return
            if page == 'error':
                raise CheckFailed(f'{self.events.who}: its wizard says {text}')
            await asyncio.sleep(0.1)
        raise CheckFailed(f'{self.events.who}: no account within 20 s')

    async def _until(self, command: str, *args) -> None:
        """Has it done as soon as it can be."""
        for _ in range(100):
            if await self._do(command, *args):
                return
            await asyncio.sleep(0.1)
        raise CheckFailed(f'{self.events.who}: {command} was not possible within 10 s')

    async def answer_certificate_question(self) -> None:
        """Waits for the window about the unknown certificate and adds it to the trusted ones there."""
        await self._started()
        for _ in range(150):
            if await self._do('trust'):
                return
            await asyncio.sleep(0.1)
        raise CheckFailed(f'{self.events.who}: no question about the certificate within 15 s')

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            report = json.loads(line)
            if 'id' in report:
                self._waiting.pop(report['id']).set_result(report)
            else:
                self.events.add(report.pop('kind'), **report)
        self.events.add('ended')

    async def _do(self, command: str, *args):
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._writer.write(json.dumps({'id': number, 'do': command, 'args': args}).encode() + b'\n')
        report = await asyncio.wait_for(answer, 15)
        if 'error' in report:
            raise CheckFailed(f'{self.events.who}: {command}: {report["error"]}')
        return report['result']

    async def add(self, jid: str) -> None:
        await self._do('add', jid)

    async def accept(self, jid: str) -> None:
        await self.events.expect(f'request from {jid}', lambda e: e['kind'] == 'request' and e['jid'] == jid)
        await self._do('accept', jid)

    async def remove(self, jid: str) -> None:
        await self._do('remove', jid)

    async def avatar(self, jid: str) -> str:
        """The SHA-1 of the picture that it has of jid, in hex, or ""."""
        return await self._do('avatar', jid)

    async def shared(self, jid: str) -> dict:
        """Where jid is and what it hears, as it shows them: 'location' and 'tune', None for nothing."""
        return await self._do('shared', jid)

    async def share_place(self, place: dict) -> None:
        """Publishes where its owner is; nothing is nowhere."""
        await self._do('share_place', place)

    async def share_tune(self, tune: dict) -> None:
        await self._do('share_tune', tune)

    async def online(self) -> bool:
        return not self._offline

    async def status(self, show: str, text: str = '') -> None:
        if show == 'offline':
            await self._confirmed()
        mark = self.events.mark
        await self._do('status', show, text)
        if show == 'offline':
            await self.events.expect('sign-off', lambda e: e['kind'] == 'signed off', since=mark)
        elif self._offline:
            await self.events.expect('sign-on', lambda e: e['kind'] == 'signed on', since=mark, timeout=20)
        self._offline = show == 'offline'

    async def _confirmed(self) -> None:
        """Waits until the server has asked for and got the acknowledgement of all that came (XEP-0198 §4).

        What is not acknowledged at log-out comes again as offline message, rightly.
        """
        for _ in range(100):
            left = await self._do('unconfirmed')
            if left <= 0:
                return
            await asyncio.sleep(0.05)
        raise CheckFailed(f'{self.events.who}: not asked to acknowledge the last {left} stanzas within 5 s')

    async def say(self, jid: str, text: str) -> None:
        await self._do('say', jid, text)

    async def stop(self) -> None:
        if self._writer:
            self._writer.close()
        for process in (self._process, self._bus):
            if process:
                await process.stop()
        if self._reader:
            self._reader.cancel()
