// Files: put on the server over HTTP, then named in a message (XEP-0363).
import type { Session } from "../session";
import { NS } from "../xmpp/ns";
import { all, attr, one, x } from "../xmpp/xml";

/** What may go along with a PUT (XEP-0363 §5). */
const allowed = new Set(["authorization", "cookie", "expires"]);

/**
 * The same place, by the way the page itself came: a certificate or proxy that let the
 * page through lets the file through.
 */
export function near(url: string): string {
  const u = new URL(url, location.href);
  if (u.protocol !== "http:" && u.protocol !== "https:") throw new Error("not a web address");
  return u.hostname === location.hostname ? location.origin + u.pathname + u.search : u.href;
}

export class TooLarge extends Error {
  constructor(readonly max: number) {
    super("too large");
  }
}

/** Uploads, telling how far it is from 0 to 1; returns where the file is. */
export async function upload(
  s: Session,
  file: File,
  progress: (part: number) => void,
  signal: AbortSignal,
): Promise<string> {
  const service = s.upload;
  if (!service) throw new Error("no upload service");
  if (service.max && file.size > service.max) throw new TooLarge(service.max);
  const iq = await s.link.iq(
    "get",
    service.jid,
    x("request", {
      xmlns: NS.upload,
      filename: file.name || "file",
      size: file.size,
      "content-type": file.type || undefined,
    }),
  );
  const slot = one(iq, "slot", NS.upload);
  const put = one(slot, "put");
  const get = attr(one(slot, "get"), "url");
  if (!put || !get) throw new Error("no slot");
  await new Promise<void>((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open("PUT", near(attr(put, "url")));
    for (const h of all(put, "header")) {
      const name = attr(h, "name").toLowerCase();
      if (allowed.has(name) && name !== "cookie") xhr.setRequestHeader(name, (h.textContent ?? "").replace(/[\r\n]/g, ""));
    }
    if (file.type) xhr.setRequestHeader("Content-Type", file.type);
    xhr.upload.onprogress = (e) => e.lengthComputable && progress(e.loaded / e.total);
    xhr.onload = () => (xhr.status >= 200 && xhr.status < 300 ? resolve() : reject(new Error("HTTP " + xhr.status)));
    xhr.onerror = () => reject(new Error("network"));
    xhr.onabort = () => reject(new DOMException("aborted", "AbortError"));
    signal.addEventListener("abort", () => xhr.abort());
    xhr.send(file);
  });
  return get;
}
