"""A look at a server without any client: the features it offers before and after STARTTLS, and its certificate."""

from __future__ import annotations

import asyncio
import re
import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Offer:
    before_tls: str     # the <stream:features/> before STARTTLS, as sent
    after_tls: str      # and after it
    leaf: bytes         # the server's certificate, DER
    mechanisms: tuple[str, ...]


async def offer(host: str, port: int, domain: str, ca: Path) -> Offer:
    """Negotiates TLS by STARTTLS with the certificate checked against ca and domain. OSError or ssl.SSLError if not."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        before = await _features(reader, writer, domain)
        writer.write(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        answer = await reader.readuntil(b'>')
        if b'proceed' not in answer:
            raise OSError(f'STARTTLS answered with {answer!r}')
        await writer.start_tls(ssl.create_default_context(cafile=str(ca)), server_hostname=domain)
        after = await _features(reader, writer, domain)
        leaf = writer.get_extra_info('ssl_object').getpeercert(binary_form=True)
        writer.write(b'</stream:stream>')
        return Offer(before, after, leaf, tuple(re.findall(r'<mechanism>([^<]+)</mechanism>', after)))
    finally:
        writer.close()


async def direct_tls(host: str, port: int, domain: str, ca: Path) -> tuple[str | None, str]:
    """Begins with TLS at once (XEP-0368). Returns the ALPN protocol agreed on and the features."""
    context = ssl.create_default_context(cafile=str(ca))
    context.set_alpn_protocols(['xmpp-client'])
    reader, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=domain)
    try:
        features = await _features(reader, writer, domain)
        writer.write(b'</stream:stream>')
        return writer.get_extra_info('ssl_object').selected_alpn_protocol(), features
    finally:
        writer.close()


async def _features(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, domain: str) -> str:
    writer.write(f"<?xml version='1.0'?><stream:stream to='{domain}' version='1.0' xmlns='jabber:client' "
                 "xmlns:stream='http://etherx.jabber.org/streams'>".encode())
    text = await reader.readuntil(b'</stream:features>')
    return text.decode()[text.decode().index('<stream:features'):]
