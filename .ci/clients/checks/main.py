"""Command line of the checks: which server, which groups; runs them side by side and reports."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from .capture import CLIENTS, capture
from .client import Client
from .desktop import Desktop
from .events import CheckFailed
from .groups import GROUPS, Context
from .picture import picture
from .report import Report
from .servers import Natter, Prosody, Running

AT_ONCE = 3          # groups side by side; more only makes each slower on two cores
STEP_SECONDS = 60    # each step waits for events with shorter limits of its own
LOG_LINES = 6        # of each log in the report of a failure


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='.ci/clients/run', description='Drives real chat clients against an XMPP server.',
        epilog='Without --server or --prosody it starts the natter binary named by $NATTER itself.')
    parser.add_argument('--server', metavar='HOST:PORT', help='a server that runs already (c2s port with STARTTLS)')
    parser.add_argument('--domain', default='localhost', help='its domain (default: localhost)')
    parser.add_argument('--ca', type=Path, metavar='FILE', help='the authority to trust, PEM')
    parser.add_argument('--accounts-cmd', metavar='CMD',
                        help='makes an account: {jid} or the last argument is the JID, stdin has the password')
    parser.add_argument('--prosody', action='store_true', help="use Debian's Prosody: checks the checks")
    parser.add_argument('--port', type=int, help='port for the server started here (default: a free one)')
    parser.add_argument('--capture', type=Path, metavar='DIR',
                        help='instead of checks, write one session of each client to DIR/CLIENT.xml')
    parser.add_argument('--picture', type=Path, metavar='FILE',
                        help='instead of checks, save a screenshot of Pidgin and Gajim in conversation')
    parser.add_argument('--keep', action='store_true', help='keep logs and settings also when all passed')
    parser.add_argument('--list', action='store_true', help='print the names of the groups of checks')
    parser.add_argument('checks', nargs='*', metavar='check', help=f'of {", ".join(GROUPS)}; default: all')
    options = parser.parse_args(argv)
    known = CLIENTS if options.capture else GROUPS
    unknown = [c for c in options.checks if c not in known]
    if unknown:
        parser.error(f'no such check: {", ".join(unknown)}; there are {", ".join(known)}')
    if options.server and not (options.ca and options.accounts_cmd):
        parser.error('--server needs --ca and --accounts-cmd')
    return options


def source(options: argparse.Namespace) -> Running:
    if options.server:
        host, _, port = options.server.rpartition(':')
        return Running(host.strip('[]'), int(port), options.domain, options.ca, options.accounts_cmd)
    if options.prosody:
        return Prosody(options.port)
    if not os.environ.get('NATTER'):
        sys.exit('run: set $NATTER to the natter binary, or name a server with --server')
    return Natter(os.environ['NATTER'], options.port)


async def run_group(name: str, steps_of, context: Context, report: Report) -> None:
    """Runs one group's steps in order. After a failed step that the others stand on, these count as failed too."""
    try:
        steps = await steps_of(context)
    except Exception as error:
        report.not_ok(f'{name}: accounts', _text(error), [])
        return
    broken = ''
    for title, step, needed in steps:
        check = f'{name}: {title}'
        if broken:
            report.not_ok(check, f'not reached: "{broken}" failed', [])
            continue
        begun = time.monotonic()
        try:
            async with asyncio.timeout(STEP_SECONDS):
                await step()
        except Exception as error:
            report.not_ok(check, _text(error), await kept(name, context, report))
            broken = title if needed else ''
        else:
            report.ok(check, time.monotonic() - begun)


def _text(error: Exception) -> str:
    if isinstance(error, CheckFailed):
        return str(error)
    if isinstance(error, TimeoutError):
        return f'did not end within {STEP_SECONDS} s'
    return ''.join(traceback.format_exception(error)).strip()


async def kept(name: str, context: Context, report: Report) -> list[str]:
    """Saves a screenshot and says where it and the logs are, with the logs' last lines."""
    lines = []
    picture = await context.desktop.screenshot(context.directory / f'{name}-{report.failed + 1}.png')
    if picture:
        lines.append(f'screen: {picture}')
    logs = [log for client in context.clients for log in client.logs()] + context.source.logs()
    for log in logs:
        lines.append(f'log: {log}')
        if log.exists():
            lines += ['  ' + line[:300] for line in log.read_text(errors='replace').splitlines()[-LOG_LINES:]]
    return lines


async def stop(clients: list[Client]) -> None:
    for client in clients:
        try:
            await asyncio.wait_for(client.stop(), 15)
        except Exception as error:
            print(f'# {client.events.who}: stopping: {_text(error)}', file=sys.stderr)


async def run(options: argparse.Namespace) -> int:
    report = Report()
    directory = Path(tempfile.mkdtemp(prefix='natter-clients-'))
    directory.chmod(0o755)
    desktop = Desktop(directory)
    running = source(options)
    slots = asyncio.Semaphore(AT_ONCE)
    try:
        server = await running.start(directory)

        @contextlib.asynccontextmanager
        async def context(name: str):
            made = Context(name, running, server, desktop, directory, [])
            try:
                yield made
            finally:
                await stop(made.clients)
                if made.own_server:
                    await made.own_server.stop()

        async def group(name: str) -> None:
            async with slots, context(name) as made:
                await run_group(name, GROUPS[name], made, report)

        if options.capture:
            for kind in options.checks or CLIENTS:
                async with context(kind) as made:
                    begun = time.monotonic()
                    path = await capture(made, kind, options.capture)
                    report.ok(f'captured {path}', time.monotonic() - begun)
        elif options.picture:
            async with context('picture') as made:
                begun = time.monotonic()
                report.ok(f'saved {await picture(made, options.picture)}', time.monotonic() - begun)
        else:
            chosen = [name for name in GROUPS if not options.checks or name in options.checks]
            await asyncio.gather(*(group(name) for name in chosen))
    except Exception as error:
        report.not_ok('the server starts, and what was asked for', _text(error), [])
    finally:
        await desktop.stop()
        begun = time.monotonic()
        for title, wrong in await running.stop():
            if wrong:
                report.not_ok(f'server: {title}', wrong, [f'log: {log}' for log in running.logs()])
            else:
                report.ok(f'server: {title}', time.monotonic() - begun)
        if report.failed or not report.passed or options.keep:
            print(f'# kept: {directory}', flush=True)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    return report.close()


def main() -> int:
    options = arguments(sys.argv[1:])
    if options.list:
        print('\n'.join(GROUPS))
        return 0
    try:
        return asyncio.run(until_term(options))
    except (asyncio.CancelledError, KeyboardInterrupt):
        print('not ok - the checks were stopped before their end', flush=True)
        return 1


async def until_term(options: argparse.Namespace) -> int:
    """Runs all, and ends in order when `timeout` sends TERM, so that no child stays behind."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
    return await run(options)
