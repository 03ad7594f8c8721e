"""A desktop for graphical clients: one virtual X display, and a session bus for each client."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from .process import Process, output

DISPLAYS = range(71, 80)


class Desktop:
    """One Xvfb, started when the first client needs it."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.display: str | None = None
        self._server: Process | None = None
        self._lock = asyncio.Lock()

    async def start(self) -> str:
        """Returns the display's name, such as ":71". The first free one of DISPLAYS is taken."""
        async with self._lock:
            if self.display is None:
                for number in DISPLAYS:
                    if await self._try(number):
                        self.display = f':{number}'
                        break
                else:
                    raise RuntimeError('no free X display; see xvfb.log')
        return self.display

    async def _try(self, number: int) -> bool:
        if os.path.exists(f'/tmp/.X{number}-lock'):
            return False
        # Xvfb writes the display's number to this pipe once it listens.
        reader, writer = os.pipe()
        try:
            server = await Process.start(
                ['Xvfb', f':{number}', '-screen', '0', '1400x900x24', '-nolisten', 'tcp', '-ac',
                 '-displayfd', str(writer)],
                self.directory / 'xvfb.log', privileged=True, pass_fds=(writer,))
        finally:
            os.close(writer)
        # Number and newline come by two writes, and Xvfb dies if the second finds no reader.
        with os.fdopen(reader) as pipe:
            ready = await asyncio.to_thread(pipe.readline)
        if not ready:
            await server.stop()
            return False
        self._server = server
        return True

    async def screenshot(self, path: Path, area: str = '1400x900+0+0') -> Path | None:
        """Saves the display, or an area of it, as PNG. None when there is no display or it can't be read."""
        if self.display is None:
            return None
        try:
            await output(['import', '-display', self.display, '-window', 'root', '-crop', area, '+repage', str(path)],
                         privileged=True, timeout=15)
        except (RuntimeError, OSError):
            return None
        return path

    async def stop(self) -> None:
        if self._server:
            await self._server.stop()


async def session_bus(directory: Path, env: dict) -> tuple[Process, str]:
    """Starts a D-Bus daemon for one client and returns it with its address."""
    config = directory / 'dbus.conf'
    config.write_text(_BUS.format(directory=directory))
    daemon = await Process.start(
        ['dbus-daemon', f'--config-file={config}', '--nofork', '--nopidfile', '--print-address'],
        directory / 'dbus.log', env, stdout=asyncio.subprocess.PIPE)
    line = await asyncio.wait_for(daemon.child.stdout.readline(), 10)
    if not line:
        raise RuntimeError('dbus-daemon did not start; see dbus.log')
    return daemon, line.decode().strip()


# Open to every local user, since the client may run as another one than we; without services to start.
_BUS = '''<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir={directory}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
'''
