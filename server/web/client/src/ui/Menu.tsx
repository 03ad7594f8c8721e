// A button that opens a menu; arrows, Escape and Tab as one expects (WAI-ARIA menu button).
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./icons";

export interface Item {
  text: string;
  icon: IconName;
  run: () => void;
  /** Stands in the row on top, without an icon. */
  quick?: boolean;
}

interface Props {
  label: string;
  items: (Item | false | undefined | null | "")[];
  icon?: IconName;
}

export function Menu({ label, items, icon = "dots" }: Props) {
  const [shown, setShown] = useState(false);
  const [up, setUp] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const list = items.filter((i): i is Item => !!i);
  const focusable = () => [...(root.current?.querySelectorAll<HTMLElement>('[role="menuitem"]') ?? [])];

  useLayoutEffect(() => {
    if (!shown) return;
    focusable()[0]?.focus();
    const outside = (e: Event) => {
      if (!root.current?.contains(e.target as Node)) setShown(false);
    };
    addEventListener("pointerdown", outside);
    return () => removeEventListener("pointerdown", outside);
  }, [shown]);

  const keys = (e: KeyboardEvent) => {
    if (!shown) return;
    const all = focusable();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to: Record<string, number> = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 };
    if (e.key === "Escape" || e.key === "Tab") {
      setShown(false);
      if (e.key === "Escape") {
        e.stopPropagation();
        button.current?.focus();
      }
    } else if (e.key in to) {
      e.preventDefault();
      all[(to[e.key]! + all.length) % all.length]?.focus();
    }
  };

  const entry = (i: Item) => (
    <button
      key={i.text}
      role="menuitem"
      tabIndex={-1}
      onClick={() => {
        setShown(false);
        button.current?.focus();
        i.run();
      }}
    >
      {!i.quick && <Icon name={i.icon} size={18} />}
      {i.text}
    </button>
  );

  if (!list.length) return null;
  return (
    <div class="menu" ref={root} onKeyDown={keys}>
      <button
        ref={button}
        class="icon-button"
        aria-haspopup="menu"
        aria-expanded={shown}
        aria-label={label}
        title={label}
        onClick={() => {
          setUp(button.current!.getBoundingClientRect().top > innerHeight / 2);
          setShown(!shown);
        }}
      >
        <Icon name={icon} />
      </button>
      {shown && (
        <div class={"menu-list" + (up ? " menu-up" : "")} role="menu" aria-label={label}>
          {list.some((i) => i.quick) && (
            <div class="menu-quick" role="group">
              {list.filter((i) => i.quick).map(entry)}
            </div>
          )}
          {list.filter((i) => !i.quick).map(entry)}
        </div>
      )}
    </div>
  );
}
