"""Accounts and contacts by invitation (XEP-0379, XEP-0401, XEP-0445): slixmpp, and Gajim as far as it goes.

Gajim 1.7 knows none of the three. Its URI handler drops what holds a token and its links within a chat lead to the
address alone, so the way in is its account wizard, whose form asks for the invitation.
"""

from __future__ import annotations

import asyncio

from slixmpp.xmlstream import ET
from slixmpp.xmlstream.handler import Waiter
from slixmpp.xmlstream.matcher import MatcherId

from .client import Account
from .dialogue import Step
from .events import CheckFailed
from .gajim import Gajim
from .servers import Natter
from .slix import Slixmpp

PASSWORD = 'a long secret'


class SlixmppInvited(Slixmpp):
    """slixmpp that makes its account first, with a token shown before (XEP-0445 §4)."""

    plugins = (*Slixmpp.plugins, 'xep_0077')
    token = ''

    def prepare(self, xmpp) -> None:
        async def register(_features) -> None:
            show = xmpp.Iq()
            show['type'] = 'set'
            show['to'] = xmpp.boundjid.domain
            show.xml.append(ET.Element('{urn:xmpp:pars:0}preauth', token=self.token))
            # Before the session slixmpp holds back whatever it does not know to belong there.
            answer = Waiter('preauth', MatcherId(show['id']))
            xmpp.register_handler(answer)
            xmpp.send_raw(str(show))
            if not await answer.wait(10):
                raise CheckFailed(f'{self.events.who}: no answer to the token')
            ask = xmpp.Iq()
            ask['type'] = 'set'
            ask['to'] = xmpp.boundjid.domain
            ask['register']['username'] = xmpp.boundjid.user
            ask['register']['password'] = self.account.password
            await ask.send(timeout=10)
            self.events.add('registered')
        if self.token:
            xmpp['xep_0077'].force_registration = True
            xmpp.add_event_handler('register', register)


async def invitations(context) -> list[Step]:
    if not isinstance(context.source, Natter):
        return []
    inviter = await context.client(Slixmpp, '-inviter')
    domain = context.server.domain
    newcomer = context.adopt(SlixmppInvited(context.server, Account('newcomer', domain, PASSWORD), context.directory,
                                            context.desktop))
    friend = await context.client(Slixmpp, '-friend')
    gajim = context.adopt(Gajim(context.server, Account('gajim-invited', domain, PASSWORD), context.directory,
                                context.desktop))

    async def registers() -> None:
        await inviter.start()
        link = (await context.source.invite('--contact', inviter.jid))[-1]
        newcomer.token = link.rpartition('preauth=')[2]
        await newcomer.start()
        await newcomer.events.expect('registration', lambda e: e['kind'] == 'registered')
        await asyncio.gather(inviter.sees(newcomer.jid, 'online'), newcomer.sees(inviter.jid, 'online'))

    async def befriends() -> None:
        await friend.start()
        link = (await context.source.invite('--no-account', '--contact', inviter.jid))[-1]
        request = friend.xmpp.Presence()
        request['type'] = 'subscribe'
        request['to'] = inviter.jid
        request.xml.append(ET.Element('{urn:xmpp:pars:0}preauth', token=link.rpartition('preauth=')[2]))
        mark = inviter.events.mark
        request.send()
        await asyncio.gather(inviter.sees(friend.jid, 'online'), friend.sees(inviter.jid, 'online'))
        if any(e['kind'] == 'request' for e in inviter.events.seen[mark:] + friend.events.seen):
            raise CheckFailed('somebody was asked for a subscription')

    async def reads() -> None:
        await gajim.launch()
        for flags in ((), ('--user', 'kept'), ('--no-account', '--contact', inviter.jid)):
            link = (await context.source.invite(*flags))[-1]
            read = await gajim.parse(link)
            if read['type'] != 'XMPP' or read['params'].get('preauth') != link.rpartition('preauth=')[2]:
                raise CheckFailed(f'it reads {link} as {read}')

    async def wizard() -> None:
        page = (await context.source.invite('--contact', inviter.jid))[0]
        await gajim.sign_up(page)
        await asyncio.gather(inviter.sees(gajim.jid, 'online'), gajim.sees(inviter.jid, 'online'))

    return [('slixmpp makes an account with a token, and the inviter is its contact', registers, True),
            ('slixmpp becomes a contact with a token, and nobody is asked', befriends, False),
            ('Gajim reads the links as what they are', reads, True),
            ('Gajim makes an account with an invitation pasted into its wizard', wizard, False)]
