"""Lines of results as they come, and the closing count."""

from __future__ import annotations

import sys
import time


class Report:
    def __init__(self, out=sys.stdout):
        self.out = out
        self.passed = 0
        self.failed = 0
        self._begun = time.monotonic()

    def ok(self, name: str, seconds: float) -> None:
        self.passed += 1
        self._line('ok', name, f'{seconds:.1f} s')

    def not_ok(self, name: str, why: str, kept: list[str]) -> None:
        """why may have many lines; kept are lines about what was saved and where."""
        self.failed += 1
        self._line('not ok', name)
        for line in (*why.splitlines(), *kept):
            print(f'#   {line}', file=self.out, flush=True)

    def _line(self, verdict: str, name: str, note: str = '') -> None:
        number = self.passed + self.failed
        print(f'{verdict} {number} - {name}' + (f' # {note}' if note else ''), file=self.out, flush=True)

    def close(self) -> int:
        """Prints the closing line and returns the exit code: 0 only if something passed and nothing failed."""
        print(f'{self.passed} passed, {self.failed} failed in {time.monotonic() - self._begun:.0f} s',
              file=self.out, flush=True)
        return 0 if self.passed and not self.failed else 1
