// Icons, drawn here: 24 units, one stroke.
const paths = {
  send: "M4 12l16-8-6 16-3-6-7-2z",
  back: "M15 5l-7 7 7 7",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  people: "M9 11a3.5 3.5 0 100-7 3.5 3.5 0 000 7zM2.5 20a6.5 6.5 0 0113 0M16 4.5a3.5 3.5 0 010 6.5M18 14a6.5 6.5 0 013.5 6",
  gear: "M12 15a3 3 0 100-6 3 3 0 000 6zM19.4 13.5l1.6 1.2-2 3.4-1.9-.7a7.5 7.5 0 01-2.2 1.3L14.6 21h-4l-.4-2.3A7.5 7.5 0 018 17.4l-1.9.7-2-3.4 1.6-1.2a7.6 7.6 0 010-3L4.1 9.3l2-3.4 1.9.7a7.5 7.5 0 012.2-1.3L10.6 3h4l.3 2.3a7.5 7.5 0 012.2 1.3l1.9-.7 2 3.4-1.6 1.2a7.6 7.6 0 010 3z",
  smile: "M12 21a9 9 0 100-18 9 9 0 000 18zM8.5 14.5a4.5 4.5 0 007 0M9 9.5v.1M15 9.5v.1",
  clip: "M20 11.5l-8 8a5 5 0 01-7-7l8.5-8.5a3.5 3.5 0 015 5L10 17.5a2 2 0 01-3-3l7.5-7.5",
  pin: "M12 21s7-6.5 7-12a7 7 0 10-14 0c0 5.5 7 12 7 12zM12 11.5a2.5 2.5 0 100-5 2.5 2.5 0 000 5z",
  edit: "M4 20l1-4L16 5l3 3L8 19l-4 1z",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  down: "M6 9l6 6 6-6",
  check: "M5 13l4 4L19 7",
  checks: "M2 13l4 4L16 7M11 16l1 1L22 7",
  clock: "M12 21a9 9 0 100-18 9 9 0 000 18zM12 7v5l3 2",
  warn: "M12 4l9 16H3L12 4zM12 10v4M12 17v.1",
  dots: "M5 12v.1M12 12v.1M19 12v.1",
  moon: "M20 14a8 8 0 01-10-10 8 8 0 1010 10z",
  sun: "M12 16a4 4 0 100-8 4 4 0 000 8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5L19 19M19 5l-1.5 1.5M6.5 17.5L5 19",
  search: "M11 18a7 7 0 100-14 7 7 0 000 14zM20 20l-4-4",
  hash: "M9 4L7 20M17 4l-2 16M4 9h16M3 15h16",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  exit: "M14 4h5v16h-5M10 8l-4 4 4 4M6 12h10",
  bolt: "M13 3L5 14h6l-1 7 8-11h-6z",
  key: "M14 10a4.5 4.5 0 11-2-3.7A4.5 4.5 0 0114 10zM13 12l7 7M17 16l2-2",
  link: "M10 14a4 4 0 006 0l3-3a4 4 0 00-6-6l-1 1M14 10a4 4 0 00-6 0l-3 3a4 4 0 006 6l1-1",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg
      class="icon"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width={name === "dots" ? 3 : 1.75}
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={paths[name]} />
    </svg>
  );
}
