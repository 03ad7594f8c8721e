"""What every driven client can do, in the words of somebody chatting."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .desktop import Desktop
from .events import CheckFailed, Events
from .process import give


@dataclass(frozen=True)
class Server:
    """Where a server is and what to trust there."""
    host: str          # a loopback name or address, as a client is told to connect to
    port: int          # c2s with STARTTLS
    domain: str
    ca: Path           # PEM, the authority to trust
    leaf: Path         # PEM, the certificate it presents
    mechanisms: tuple[str, ...] = ()  # SASL mechanisms offered after STARTTLS


@dataclass(frozen=True)
class Account:
    name: str          # localpart
    domain: str
    password: str

    @property
    def jid(self) -> str:
        return f'{self.name}@{self.domain}'


class Client:
    """One logged-in program. Methods raise CheckFailed when what they wait for does not happen.

    Presence is named online, chat, away, xa, dnd or offline. JIDs are bare.
    """

    kind = 'client'
    login_step = 'logs in over STARTTLS with the server\'s own certificate'

    # Lines of client.log that show that the client found something wrong with the protocol.
    complaint: re.Pattern | None = None

    def __init__(self, server: Server, account: Account, directory: Path, desktop: Desktop, suffix: str = ''):
        self.server = server
        self.account = account
        self.desktop = desktop
        self.home = directory / f'{self.kind}-{account.name}{suffix}'
        self.home.mkdir(mode=0o755)
        self.events = Events(f'{self.kind} ({account.jid})')

    @property
    def jid(self) -> str:
        return self.account.jid

    # -- to be provided by each client

    async def start(self) -> None:
        """Starts the program and logs in; returns when it says it is online."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Ends the program. Called once, also after a failed start."""
        raise NotImplementedError

    async def add(self, jid: str) -> None:
        """Puts jid on the contact list and asks for its presence."""
        raise NotImplementedError

    async def accept(self, jid: str) -> None:
        """Waits for jid's request for our presence and approves it."""
        raise NotImplementedError

    async def remove(self, jid: str) -> None:
        """Takes jid off the contact list, and with that ends both subscriptions."""
        raise NotImplementedError

    async def online(self) -> bool:
        """Whether it is logged in."""
        raise NotImplementedError

    async def status(self, show: str, text: str = '') -> None:
        """Changes presence. "offline" logs out in order; any other logs in again if need be and waits for it."""
        raise NotImplementedError

    async def say(self, jid: str, text: str) -> None:
        raise NotImplementedError

    async def settle(self) -> None:
        """Waits until the server has taken everything said so far, if the client has a way to know."""

    def logs(self) -> list[Path]:
        """Files worth reading after a failure."""
        return [self.home / 'client.log']

    def complaints(self) -> list[str]:
        if not self.complaint:
            return []
        text = (self.home / 'client.log').read_text(errors='replace')
        return [line for line in text.splitlines() if self.complaint.search(line)]

    # -- shared: clients put "presence" (jid, show), "message" (jid, text), "request" (jid) into events

    async def sees(self, jid: str, show: str, *, since: int = 0, timeout: float = 15.0) -> None:
        """Waits until jid's presence is show; a state reached after since and left again does not count."""
        def now(event: dict) -> bool:
            return event['kind'] == 'presence' and event['jid'] == jid and event['show'] == show
        await self.events.expect(f'presence "{show}" of {jid}', now, since=since, timeout=timeout)

    async def hears(self, jid: str, texts: list[str], *, since: int = 0, timeout: float = 15.0,
                    delayed: bool = False) -> None:
        """Waits for these messages from jid, each once and in this order, with no other of jid's between.

        With delayed each must be marked as sent earlier, where the client shows such marks.
        """
        wanted = list(texts)
        got: list[str] = []
        unmarked: list[str] = []

        def each(event: dict) -> bool:
            if event['kind'] == 'message' and event['jid'] == jid:
                got.append(event['text'])
                if delayed and not event.get('delayed', True):
                    unmarked.append(event['text'])
            return len(got) >= len(wanted)
        try:
            await self.events.expect(f'{len(wanted)} messages from {jid}', each, since=since, timeout=timeout)
        except CheckFailed:
            if got:
                raise CheckFailed(f'{self.events.who}: wanted {wanted!r} from {jid}, got only {got!r}') from None
            raise
        if got != wanted:
            raise CheckFailed(f'{self.events.who}: wanted {wanted!r} from {jid}, got {got!r}')
        if unmarked:
            raise CheckFailed(f'{self.events.who}: not marked as delayed: {unmarked!r}')

    def environment(self) -> dict:
        """The environment of a child: a home of its own, a UTF-8 locale, nothing of the caller's desktop."""
        give(self.home)
        return {
            'HOME': str(self.home), 'PATH': '/usr/local/bin:/usr/bin:/bin', 'LANG': 'C.UTF-8', 'LC_ALL': 'C.UTF-8',
            'XDG_CONFIG_HOME': str(self.home / '.config'), 'XDG_DATA_HOME': str(self.home / '.local/share'),
            'XDG_CACHE_HOME': str(self.home / '.cache'), 'XDG_RUNTIME_DIR': str(self.home),
            'NO_AT_BRIDGE': '1', 'GSETTINGS_BACKEND': 'memory', 'GIO_USE_VFS': 'local',
        }
