"""Finch, Pidgin's sibling for terminals: the same libpurple and the same D-Bus, a window of tmux for what is typed."""

from __future__ import annotations

import asyncio
import shlex

from jeepney.io.asyncio import open_dbus_router

from .desktop import session_bus
from .events import CheckFailed
from .occupants import PidginOccupant
from .process import give, output


class FinchOccupant(PidginOccupant):
    kind = 'finch'

    async def start(self) -> None:
        self._write_settings()
        accounts = self.home / 'purple/accounts.xml'
        accounts.write_text(accounts.read_text().replace("ui='gtk-gaim'", "ui='gnt-purple'"))
        give(self.home)
        env = self.environment() | {'SHELL': '/bin/sh', 'TERM': 'xterm-256color'}
        self._bus, address = await session_bus(self.home, env)
        self._env = env | {'DBUS_SESSION_BUS_ADDRESS': address}
        self._stack = open_dbus_router(address)
        self._router = await self._stack.__aenter__()
        self._signals = asyncio.create_task(self._listen())
        await asyncio.sleep(0)
        program = shlex.join(['finch', '--debug', '--config', str(self.home / 'purple')])
        await self._tmux('new-session', '-d', '-x', '200', '-y', '60', '-c', str(self.home),
                         f'{program} 2>{shlex.quote(str(self.home / "client.log"))}')
        await self.events.expect('sign-on', lambda e: e['kind'] == 'signed on', timeout=30)

    # Finch does not say what it has displayed: libpurple what it was given to write.
    async def _on_WroteChatMsg(self, account: int, who: str, text: str, conversation: int, flags: int) -> None:
        await self._on_DisplayedChatMsg(account, who, text, conversation, flags)

    async def _tmux(self, *words: str) -> str:
        return await output(['tmux', '-u', '-S', str(self.home / 'tmux'), '-f', '/dev/null', *words], env=self._env)

    async def _command(self, room: str, command: str) -> None:
        """Types into the room's window, having gone through the windows until it has the focus: its title is shown
        at the top of the screen."""
        chat = self._chats[room]
        for _ in range(8):
            if await self._call('PurpleConversationHasFocus', 'i', chat):
                break
            await self._tmux('send-keys', 'M-n')
            await asyncio.sleep(0.2)
        else:
            raise CheckFailed(f'{self.events.who}: no window for {room}')
        await self._tmux('send-keys', '-l', '--', command, ';', 'send-keys', 'Enter')

    async def stop(self) -> None:
        try:
            await self._tmux('kill-server')
        except (AttributeError, RuntimeError):
            pass  # it was not started, or has ended
        await super().stop()
