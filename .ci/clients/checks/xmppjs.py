"""xmpp.js: the one client here that logs in with SASL2, Bind 2 and tokens (XEP-0388, XEP-0386, XEP-0484)."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from .dialogue import Step
from .events import CheckFailed

MODULES = Path(os.environ.get('NATTER_CLIENTS_NPM') or
               Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'natter/clients-npm')


async def xmppjs(context) -> list[Step]:
    """Logs in with the password, then with a token only, then into the session of before."""
    account = await context.source.account(context.name)
    server = context.server
    said: dict[str, dict] = {}

    async def runs() -> None:
        child = await asyncio.create_subprocess_exec(
            'node', str(Path(__file__).with_name('xmppjs.mjs')), str(MODULES / 'node_modules'),
            f'xmpp://{server.host}:{server.port}', server.domain, account.jid.split('@')[0],
            env=os.environ | {'PASSWORD': account.password, 'NODE_EXTRA_CA_CERTS': str(server.ca)},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        try:
            out, err = await asyncio.wait_for(child.communicate(), 40)
        except TimeoutError:
            child.kill()
            out, err = await child.communicate()
        for line in out.decode().splitlines():
            row = json.loads(line)
            said[row['what']] = row
        if child.returncode != 0 or len(said) != 3:
            raise CheckFailed(f'exit code {child.returncode}, {list(said)}: {err.decode()[-500:]}')

    def wants(what: str, mechanism: str, **more):
        async def check() -> None:
            row = said[what]
            wanted = {'mechanism': mechanism, 'ns': 'urn:xmpp:sasl:2', 'managed': True, 'token': True} | more
            if row != row | wanted:
                raise CheckFailed(f'{row}, not {wanted}')
            if not row['address'].startswith(f'{account.jid}/'):
                raise CheckFailed(f'its address is {row["address"]}')
        return check

    return [('logs in three times', runs, True),
            ('logs in with the password, SASL2 and Bind 2, and gets a token',
             wants('password', 'SCRAM-SHA-1', bound=True, resumed=False), False),
            ('logs in with the token alone', wants('token', 'HT-SHA-256-NONE', bound=True, resumed=False), False),
            ('is back in its session with the token when the connection breaks',
             wants('resumed', 'HT-SHA-256-NONE', bound=False, resumed=True), False)]
