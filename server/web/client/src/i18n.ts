// The page's words, in the language the browser asks for.
import { en, type Words } from "./words/en";
import { zh } from "./words/zh";

const pick = (): [string, Words] => {
  for (const l of navigator.languages ?? [navigator.language]) {
    if (/^zh\b/i.test(l)) return ["zh", zh];
    if (/^en\b/i.test(l)) return ["en", en];
  }
  return ["en", en];
};

export const [lang, words] = pick();
document.documentElement.lang = lang === "zh" ? "zh-Hans" : "en";

/** Returns the words for a key, with {name}s filled in. */
export function t(key: keyof Words, values: Record<string, string | number> = {}): string {
  return words[key].replace(/\{(\w+)\}/g, (_, k: string) => String(values[k] ?? ""));
}

/** Returns what a condition of XMPP means for the user, and what to do about it. */
export function reason(condition: string | undefined): string {
  const key = ("e_" + (condition ?? "")) as keyof Words;
  return key in words ? words[key] : t("e_unknown", { condition: condition || "?" });
}

const locale = navigator.languages?.find((l) => l.toLowerCase().startsWith(lang)) ?? lang;
const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium" });
const weekday = new Intl.DateTimeFormat(locale, { weekday: "long" });
const date = new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", year: "numeric" });
const short = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });

export const atTime = (ms: number): string => clock.format(ms);
export const exactly = (ms: number): string => full.format(ms);

const day = (ms: number): number => new Date(ms).setHours(0, 0, 0, 0);
const daysAgo = (ms: number): number => Math.round((day(Date.now()) - day(ms)) / 86400000);

/** The day as a heading: today, yesterday, a weekday, a date. */
export function onDay(ms: number): string {
  const n = daysAgo(ms);
  if (n <= 0) return t("today");
  if (n === 1) return t("yesterday");
  return n < 7 ? weekday.format(ms) : date.format(ms);
}

/** When, as short as it can be said in a list. */
export function when(ms: number): string {
  const n = daysAgo(ms);
  return n <= 0 ? clock.format(ms) : n === 1 ? t("yesterday") : short.format(ms);
}

export const sameDay = (a: number, b: number): boolean => day(a) === day(b);
