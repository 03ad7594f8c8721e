"""Where the server under check comes from: natter started here, one that already runs, or Debian's Prosody."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shlex
import socket
import ssl
from pathlib import Path

from .client import Account, Server
from .process import Process, give, output
from .probe import Offer, offer

DOMAIN = 'localhost'
HOST = '127.0.0.1'


def free_port() -> int:
    with socket.socket() as s:
        s.bind((HOST, 0))
        return s.getsockname()[1]


class Running:
    """A server somebody else runs. accounts is a command that makes an account: the JID in place of {jid},
    or at the end, and the password on standard input."""

    def __init__(self, host: str, port: int, domain: str, ca: Path, accounts: str):
        self.host, self.port, self.domain, self.ca = host, port, domain, ca
        self.accounts = accounts
        self.offer: Offer | None = None
        self._suffix = '-' + secrets.token_hex(2)  # the server may remember accounts of an earlier run

    async def start(self, directory: Path) -> Server:
        self.offer = await offer(self.host, self.port, self.domain, self.ca)
        leaf = directory / 'leaf.pem'
        leaf.write_text(ssl.DER_cert_to_PEM_cert(self.offer.leaf))
        ca = directory / 'ca.pem'
        ca.write_bytes(self.ca.read_bytes())
        return Server(self.host, self.port, self.domain, ca, leaf, self.offer.mechanisms)

    async def account(self, name: str) -> Account:
        account = Account(name + self._suffix, self.domain, secrets.token_urlsafe(12))
        words = shlex.split(self.accounts)
        if any('{jid}' in w for w in words):
            words = [w.replace('{jid}', account.jid) for w in words]
        else:
            words.append(account.jid)
        await output(words, env=dict(os.environ), stdin=account.password + '\n', privileged=True)
        return account

    async def stop(self) -> list[tuple[str, str]]:
        """Stops what was started. Returns checks of that: a name and what is wrong, or ''."""
        return []

    def logs(self) -> list[Path]:
        return []


class Natter(Running):
    """natter itself, on free loopback ports and an empty data directory."""

    def __init__(self, binary: str, port: int | None = None):
        super().__init__(HOST, port or free_port(), DOMAIN, Path(), '')
        self.binary = binary
        self.url = ''  # of its pages and its API
        self._suffix = ''
        self._process: Process | None = None
        self._log = Path()
        self._argv: list[str] = []
        self._data = Path()

    async def start(self, directory: Path) -> Server:
        data = self._data = directory / 'data'
        self._log = directory / 'server.log'
        self.accounts = f'{shlex.quote(self.binary)} user add {{jid}} --data {shlex.quote(str(data))}'
        settings = directory / 'natter.toml'  # what is there no flag for
        settings.write_text(f'bytestreams = "{HOST}:{free_port()}"\n')
        http = f'{HOST}:{free_port()}'
        self.url = f'http://localhost:{http.rpartition(":")[2]}'
        self._argv = [self.binary, 'serve', '--config', str(settings), '--data', str(data), '--domain', DOMAIN, '--c2s', f'{HOST}:{self.port}',
                      '--c2s-tls', 'off', '--http', http, '--https', 'off']
        await self._run()
        self.ca = await self._ready(data)
        return await super().start(directory)

    async def invite(self, *flags: str) -> list[str]:
        """Makes an invitation and returns its links: the page's, and the one for chat programs."""
        said = await output([self.binary, 'invite', *flags, '--data', str(self._data)], env=dict(os.environ), privileged=True)
        return said.split()

    async def _run(self) -> None:
        self._process = await Process.start(self._argv, self._log, dict(os.environ), privileged=True)

    async def crash(self) -> None:
        """Ends the server with SIGKILL and starts it again on the same data directory and port."""
        self._process.child.kill()
        await self._process.child.wait()
        await self._run()

    async def _ready(self, data: Path, seconds: float = 20.0) -> Path:
        """Waits until the port is open and the authority's certificate is there, and returns its path."""
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end and self._process.running:
            try:
                _, writer = await asyncio.open_connection(self.host, self.port)
                writer.close()
                found = next((p for p in data.rglob('*') if p.name in ('ca.pem', 'ca.crt')), None)
                if found:
                    return found
            except OSError:
                pass
            await asyncio.sleep(0.05)
        raise RuntimeError(f'natter serve did not become ready: {_tail(self._log)}')

    async def stop(self) -> list[tuple[str, str]]:
        if not self._process:
            return []
        ended = not self._process.running
        code = await self._process.stop(grace=10)
        bad = [line for line in self._log.read_text(errors='replace').splitlines()
               if re.search(r'level=ERROR|^panic:|^goroutine |DATA RACE', line)]
        return [('exits with 0 within 10 s of SIGTERM',
                 'it had ended before' if ended else f'exit code {code}' if code else ''),
                ('logged no error', '\n'.join(bad[:20]))]

    def logs(self) -> list[Path]:
        return [self._log]


class Prosody(Running):
    """Debian's Prosody with a configuration and certificates of its own: another server to check these checks with."""

    def __init__(self, port: int | None = None):
        super().__init__(HOST, port or free_port(), DOMAIN, Path(), '')
        self._suffix = ''
        self._process: Process | None = None
        self._directory = Path()

    async def start(self, directory: Path) -> Server:
        self._directory = directory / 'prosody'
        self._directory.mkdir(mode=0o755)
        self.ca = await certificates(self._directory)
        (self._directory / 'data').mkdir()
        config = self._directory / 'prosody.cfg.lua'
        config.write_text(_PROSODY.format(dir=self._directory, port=self.port, domain=DOMAIN))
        give(self._directory)
        self._process = await Process.start(['prosody', '-F', '--config', str(config)], self._directory / 'prosody.log')
        for _ in range(200):
            try:
                return await super().start(directory)
            except (ConnectionError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.1)
        raise RuntimeError(f'prosody did not become ready: {_tail(self._directory / "prosody.log")}')

    async def account(self, name: str) -> Account:
        account = Account(name, self.domain, secrets.token_urlsafe(12))
        await output(['prosodyctl', '--config', str(self._directory / 'prosody.cfg.lua'), 'register',
                      name, self.domain, account.password])
        return account

    async def stop(self) -> list[tuple[str, str]]:
        if self._process:
            await self._process.stop()
        return []

    def logs(self) -> list[Path]:
        return [self._directory / 'prosody.log']


async def certificates(directory: Path) -> Path:
    """Makes an authority (ca.pem) and a leaf for localhost and 127.0.0.1 (leaf.pem, leaf.key); returns the former."""
    async def openssl(*words: str) -> None:
        await output(['openssl', *words], privileged=True)
    ca, key = directory / 'ca.pem', directory / 'ca.key'
    await openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
                  '-subj', '/CN=checks authority', '-keyout', str(key), '-out', str(ca))
    extensions = directory / 'leaf.ext'
    extensions.write_text('subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n'
                          'extendedKeyUsage=serverAuth\n')
    request = directory / 'leaf.csr'
    await openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=localhost',
                  '-keyout', str(directory / 'leaf.key'), '-out', str(request))
    await openssl('x509', '-req', '-in', str(request), '-CA', str(ca), '-CAkey', str(key), '-CAcreateserial',
                  '-days', '2', '-extfile', str(extensions), '-out', str(directory / 'leaf.pem'))
    return ca


def _tail(path: Path, lines: int = 15) -> str:
    try:
        return '\n'.join(path.read_text(errors='replace').splitlines()[-lines:])
    except OSError:
        return '(no log)'


_PROSODY = '''
pidfile = "{dir}/prosody.pid"
data_path = "{dir}/data"
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
modules_enabled = {{ "disco", "roster", "saslauth", "tls", "blocklist", "carbons", "pep", "private", "smacks",
  "vcard_legacy", "ping", "register", "time", "version", "offline", "posix", "mam" }}
modules_disabled = {{ "s2s" }}
c2s_require_encryption = true
authentication = "internal_hashed"
tls_profile = "intermediate"
ssl = {{ protocol = "tlsv1_2+" }}
log = {{ info = "*console" }}
run_as_root = false
VirtualHost "{domain}"
  ssl = {{ certificate = "{dir}/leaf.pem", key = "{dir}/leaf.key", protocol = "tlsv1_2+" }}
Component "conference.{domain}" "muc"
  modules_enabled = {{ "muc_mam" }}
'''
