// Elements to send, and questions to those that came.

type Attrs = Record<string, string | number | undefined | null>;
type Kid = Element | string | undefined | null | false;

const factory = document.implementation.createDocument(null, null);

/** Whether XML 1.0 can carry the character: what it cannot would end the stream. */
const forbidden = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu;

/** Returns text without what XML 1.0 cannot carry. */
export const clean = (text: string): string => text.replace(forbidden, "");

/**
 * Makes an element; a namespace is given as the attribute xmlns. Attributes without
 * a value and empty kids are left out.
 */
export function x(name: string, attrs: Attrs = {}, ...kids: Kid[]): Element {
  const el = factory.createElement(name);
  for (const [k, v] of Object.entries(attrs)) {
    if (v !== undefined && v !== null) el.setAttribute(k, clean(String(v)));
  }
  for (const kid of kids) {
    if (kid === undefined || kid === null || kid === false || kid === "") continue;
    el.appendChild(typeof kid === "string" ? factory.createTextNode(clean(kid)) : kid);
  }
  return el;
}

/** Returns the children of that name, and of that namespace if one is given. */
export function all(el: Element | null | undefined, name: string, ns?: string): Element[] {
  if (!el) return [];
  return [...el.children].filter((c) => c.localName === name && (!ns || c.namespaceURI === ns));
}

/** Returns the first child of that name and namespace. */
export function one(el: Element | null | undefined, name: string, ns?: string): Element | undefined {
  if (!el) return undefined;
  for (let c = el.firstElementChild; c; c = c.nextElementSibling) {
    if (c.localName === name && (!ns || c.namespaceURI === ns)) return c;
  }
  return undefined;
}

/** Returns the text of the first such child, undefined when there is none. */
export const text = (el: Element | null | undefined, name: string, ns?: string): string | undefined =>
  one(el, name, ns)?.textContent ?? undefined;

/** Returns an attribute, "" when it is not there. */
export const attr = (el: Element | null | undefined, name: string): string => el?.getAttribute(name) ?? "";

/** A submitted data form (XEP-0004) with a FORM_TYPE. */
export function form(type: string, fields: Record<string, string | string[] | undefined>): Element {
  const kids = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined
      ? []
      : [x("field", { var: name }, ...(Array.isArray(value) ? value : [value]).map((v) => x("value", {}, v)))],
  );
  return x(
    "x",
    { xmlns: "jabber:x:data", type: "submit" },
    x("field", { var: "FORM_TYPE", type: "hidden" }, x("value", {}, type)),
    ...kids,
  );
}
