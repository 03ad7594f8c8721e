"""A screenshot of Pidgin and Gajim in conversation, for the documentation."""

from __future__ import annotations

import asyncio
from pathlib import Path

from .dialogue import Dialogue
from .events import CheckFailed
from .gajim import Gajim
from .pidgin import Pidgin
from .process import output

TALK = (('romeo', 'But soft, what light through yonder window breaks?'),
        ('juliet', 'What man art thou that thus bescreen\'d in night so stumblest on my counsel?'),
        ('romeo', 'By a name I know not how to tell thee who I am.'),
        ('juliet', 'How camest thou hither, tell me, and wherefore?'),
        ('romeo', 'With love\'s light wings. And Pidgin.'))


async def picture(context, path: Path) -> Path:
    """Lets the two talk, puts their windows side by side and saves the display as path, a PNG file."""
    people = {'romeo': await context.client(Pidgin, name='romeo'), 'juliet': await context.client(Gajim, name='juliet')}
    dialogue = Dialogue(people['romeo'], people['juliet'])
    await dialogue.login()
    await dialogue.subscribe()
    for who, text in TALK:
        other = people['juliet' if who == 'romeo' else 'romeo']
        mark = other.events.mark
        await people[who].say(other.jid, text)
        await other.hears(people[who].jid, [text], since=mark)
    display = await context.desktop.start()
    await place(display, 'Buddy List', 0, 0, 240, 520)
    await place(display, 'juliet', 245, 0, 400, 520)
    await place(display, 'Gajim', 650, 0, 750, 520)
    await asyncio.sleep(1)  # they redraw; nothing tells when
    path.parent.mkdir(parents=True, exist_ok=True)
    if not await context.desktop.screenshot(path, '1400x520+0+0'):
        raise CheckFailed('no screenshot')
    return path


async def place(display: str, name: str, x: int, y: int, width: int, height: int) -> None:
    """Moves the visible window whose title has name."""
    env = {'PATH': '/usr/bin:/bin', 'DISPLAY': display}
    found = await output(['xdotool', 'search', '--onlyvisible', '--name', name], env=env, privileged=True)
    window = found.split()[-1]
    await output(['xdotool', 'windowsize', window, str(width), str(height), 'windowmove', window, str(x), str(y)],
                 env=env, privileged=True)
