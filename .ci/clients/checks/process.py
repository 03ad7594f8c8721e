"""Child processes: started with a log file, an own session and few privileges; ended by their own id."""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
from pathlib import Path

# Chat clients refuse to run as root, or should: as root the checks start them as this user.
UNPRIVILEGED = 'nobody'


def client_user() -> dict:
    """Arguments for a subprocess that make it run without privileges; empty if we have none."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(UNPRIVILEGED)
    return {'user': entry.pw_uid, 'group': entry.pw_gid, 'extra_groups': []}


def give(path: Path) -> Path:
    """Hands a file or a whole tree to the user that clients run as, and returns it."""
    if os.geteuid() == 0:
        entry = pwd.getpwnam(UNPRIVILEGED)
        for item in (path, *path.rglob('*')):
            os.chown(item, entry.pw_uid, entry.pw_gid, follow_symlinks=False)
    return path


class Process:
    """One child in a session of its own. Its output goes to log, which it may share with no other."""

    def __init__(self, child: asyncio.subprocess.Process, log: Path):
        self.child = child
        self.log = log

    @classmethod
    async def start(cls, argv: list[str], log: Path, env: dict | None = None, *,
                    privileged: bool = False, cwd: Path | None = None, stdout=None,
                    pass_fds: tuple[int, ...] = ()) -> Process:
        """Starts argv. stdout, when given, is an asyncio.subprocess constant and only errors are logged."""
        with log.open('ab') as out:
            child = await asyncio.create_subprocess_exec(
                *argv, env=env, cwd=cwd, stdin=asyncio.subprocess.DEVNULL,
                stdout=out if stdout is None else stdout, stderr=out,
                start_new_session=True, pass_fds=pass_fds,
                **({} if privileged else client_user()))
        return cls(child, log)

    @property
    def running(self) -> bool:
        return self.child.returncode is None

    async def stop(self, grace: float = 5.0) -> int:
        """Asks the child to end, and after grace seconds ends its whole session. Returns the exit code."""
        if self.running:
            try:
                self.child.terminate()
                await asyncio.wait_for(self.child.wait(), grace)
            except ProcessLookupError:
                pass
            except asyncio.TimeoutError:
                os.killpg(self.child.pid, signal.SIGKILL)
        return await self.child.wait()


async def output(argv: list[str], *, env: dict | None = None, stdin: str = '', timeout: float = 20.0,
                 privileged: bool = False) -> str:
    """Runs a short command to its end and returns its standard output. RuntimeError if it fails."""
    child = await asyncio.create_subprocess_exec(
        *argv, env=env, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, start_new_session=True,
        **({} if privileged else client_user()))
    try:
        out, err = await asyncio.wait_for(child.communicate(stdin.encode()), timeout)
    except asyncio.TimeoutError:
        os.killpg(child.pid, signal.SIGKILL)
        await child.wait()
        raise RuntimeError(f'{argv[0]} did not end within {timeout:.0f} s') from None
    if child.returncode != 0:
        said = err.decode(errors='replace').strip()
        raise RuntimeError(f'{" ".join(argv[:4])}: exit code {child.returncode}: {said}')
    return out.decode(errors='replace')
