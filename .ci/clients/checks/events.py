"""What a client reported, in order, and waiting for more of it."""

from __future__ import annotations

import asyncio
from typing import Callable


class CheckFailed(Exception):
    """A check did not hold; the text says what was expected and what came instead."""


class Events:
    """An append-only list of reports. Each is a dict with the key "kind". Not for use across threads."""

    def __init__(self, who: str):
        self.who = who
        self.seen: list[dict] = []
        self._more = asyncio.Condition()

    def add(self, kind: str, **facts) -> None:
        self.seen.append({'kind': kind, **facts})
        asyncio.get_running_loop().create_task(self._wake())

    async def _wake(self) -> None:
        async with self._more:
            self._more.notify_all()

    @property
    def mark(self) -> int:
        """The place after the newest report, for expect's since."""
        return len(self.seen)

    async def expect(self, what: str, match: Callable[[dict], bool], *, since: int = 0, timeout: float = 15.0) -> dict:
        """Waits for a report after since that matches and returns it; what names it in the failure's text."""
        place = since

        async def look() -> dict:
            nonlocal place
            async with self._more:
                while True:
                    while place < len(self.seen):
                        place += 1
                        if match(self.seen[place - 1]):
                            return self.seen[place - 1]
                    await self._more.wait()

        try:
            return await asyncio.wait_for(look(), timeout)
        except asyncio.TimeoutError:
            came = '; '.join(_short(e) for e in self.seen[since:][-8:]) or 'nothing'
            raise CheckFailed(f'{self.who}: no {what} within {timeout:.0f} s; came: {came}') from None


def _short(event: dict) -> str:
    facts = ' '.join(f'{k}={v!r}' for k, v in event.items() if k != 'kind')
    return f'{event["kind"]} {facts}'[:160]
