// Text with the little styling that people type (XEP-0393): *strong*, _emphasis_, ~struck~,
// `code`, lines of > quotes, and ``` blocks. What was typed stays to be seen.
import type { ComponentChildren } from "preact";
import { pieces } from "./util";

const deepest = 6; // quotes in quotes, spans in spans

/** Words and links, nothing more. */
export const linked = (text: string): ComponentChildren =>
  pieces(text).map((p) => {
    if (!("url" in p)) return "text" in p ? p.text : null;
    return (
      <a href={p.url} target="_blank" rel="noopener noreferrer">
        {p.text}
      </a>
    );
  });

/** Text with its styling and links. */
export function styled(text: string, depth = 0): ComponentChildren {
  const out: ComponentChildren[] = [];
  const lines = text.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    if (line.startsWith("```")) {
      let end = lines.indexOf("```", i + 1);
      if (end < 0) end = lines.length;
      out.push(<pre>{lines.slice(i + 1, end).join("\n")}</pre>);
      i = end;
    } else if (line.startsWith(">") && depth < deepest) {
      const quoted = [];
      for (; i < lines.length && lines[i]!.startsWith(">"); i++) quoted.push(lines[i]!.slice(1).replace(/^ /, ""));
      i--;
      out.push(<blockquote>{styled(quoted.join("\n"), depth + 1)}</blockquote>);
    } else {
      out.push(spans(line, 0), i < lines.length - 1 && !lines[i + 1]!.startsWith(">") ? "\n" : null);
    }
  }
  return out;
}

const tags: Record<string, "strong" | "em" | "s" | "code"> = { "*": "strong", "_": "em", "~": "s", "`": "code" };
const blank = (c: string | undefined): boolean => c === undefined || /\s/.test(c);

// A directive opens at the beginning, behind a space or behind another that opens, and
// before what is no space; the next of its kind behind what is no space closes it (§6).
function spans(text: string, depth: number): ComponentChildren {
  const out: ComponentChildren[] = [];
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const mark = text[i]!;
    const Tag = tags[mark];
    if (!Tag || depth >= deepest || !blank(i ? text[i - 1] : undefined) || blank(text[i + 1])) continue;
    let end = text.indexOf(mark, i + 2);
    while (end > 0 && blank(text[end - 1])) end = text.indexOf(mark, end + 1);
    if (end < 0 || text[i + 1] === mark) continue;
    const inner = text.slice(i + 1, end);
    out.push(
      linked(text.slice(from, i)),
      <Tag>
        <i class="directive">{mark}</i>
        {Tag === "code" ? inner : spans(inner, depth + 1)}
        <i class="directive">{mark}</i>
      </Tag>,
    );
    from = end + 1;
    i = end;
  }
  out.push(linked(text.slice(from)));
  return out;
}
