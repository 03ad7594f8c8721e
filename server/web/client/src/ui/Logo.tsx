import { t } from "../i18n";
import { change, settings } from "../settings";
import { Icon } from "./icons";

export const Logo = () => (
  <span class="logo">
    <svg width="26" height="26" viewBox="0 0 26 26" aria-hidden="true">
      <path d="M3 7a4 4 0 014-4h12a4 4 0 014 4v8a4 4 0 01-4 4h-7l-5 4v-4a4 4 0 01-4-4z" fill="var(--accent)" />
      <path d="M8.5 11v.1M13 11v.1M17.5 11v.1" stroke="var(--on-accent)" stroke-width="2.6" stroke-linecap="round" />
    </svg>
    natter
  </span>
);

/** Whether the page is dark now. */
const dark = (): boolean =>
  settings.value.theme === "dark" ||
  (settings.value.theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);

export const ThemeButton = () => (
  <button
    class="icon-button"
    aria-label={t("toggle_theme")}
    title={t("toggle_theme")}
    onClick={() => change({ theme: dark() ? "light" : "dark" })}
  >
    <Icon name={dark() ? "sun" : "moon"} />
  </button>
);
