// What an owner may set about a room: the form as the room gives it (XEP-0004).
import { useEffect, useState } from "preact/hooks";
import { roomForm, setRoom } from "../feature/rooms";
import { reason, t } from "../i18n";
import type { Conversation } from "../model";
import type { Session } from "../session";
import { StanzaError } from "../xmpp/link";
import { all, attr, text } from "../xmpp/xml";
import { Dialog } from "./Dialogs";

const condition = (e: unknown): string => reason(e instanceof StanzaError ? e.condition : "undefined-condition");

export function RoomSettings({ s, c, onClose }: { s: Session; c: Conversation; onClose: () => void }) {
  const [form, setForm] = useState<Element | undefined>();
  const [said, setSaid] = useState("");
  useEffect(() => {
    roomForm(s, c).then(setForm, (e: unknown) => setSaid(condition(e)));
  }, []);
  const fields = all(form, "field").filter((f) => attr(f, "var"));

  const submit = (e: Event) => {
    e.preventDefault();
    const data = new FormData(e.currentTarget as HTMLFormElement);
    const values: Record<string, string[]> = {};
    for (const f of fields) {
      const name = attr(f, "var");
      const type = attr(f, "type");
      if (name === "FORM_TYPE" || type === "fixed") continue;
      const got = data.getAll(name).map(String);
      if (type === "boolean") values[name] = [got.length ? "1" : "0"];
      else if (type === "hidden") values[name] = all(f, "value").map((v) => v.textContent ?? "");
      else if (/-multi$/.test(type) && type !== "list-multi") {
        values[name] = (got[0] ?? "").split("\n").map((l) => l.trim()).filter(Boolean);
      } else values[name] = got;
    }
    setRoom(s, c, values).then(
      () => {
        s.say(t("saved"));
        onClose();
      },
      (err: unknown) => setSaid(t("not_saved", { reason: condition(err) })),
    );
  };

  return (
    <Dialog title={t("room_settings")} onClose={onClose}>
      <form onSubmit={submit}>
        {!form && !said && <p class="muted">{t("loading")}</p>}
        {fields.map((f) => (
          <Field key={attr(f, "var")} f={f} />
        ))}
        <div role="alert">{said && <p class="alert">{said}</p>}</div>
        <div class="row end">
          <button type="button" onClick={onClose}>
            {t("cancel")}
          </button>
          {form && <button class="primary">{t("save")}</button>}
        </div>
      </form>
    </Dialog>
  );
}

function Field({ f }: { f: Element }) {
  const name = attr(f, "var");
  const type = attr(f, "type");
  const label = attr(f, "label") || name;
  const values = all(f, "value").map((v) => v.textContent ?? "");
  const id = "f-" + name;
  if (type === "hidden") return null;
  if (type === "fixed") return <p class="muted">{values.join(" ")}</p>;
  if (type === "boolean") {
    return (
      <label class="check">
        <input type="checkbox" name={name} value="1" defaultChecked={["1", "true"].includes(values[0] ?? "")} />
        <span>{label}</span>
      </label>
    );
  }
  const options = all(f, "option").map((o) => ({ value: text(o, "value") ?? "", label: attr(o, "label") || text(o, "value") || "" }));
  return (
    <>
      <label for={id}>{label}</label>
      {type.startsWith("list") ? (
        <select id={id} name={name} multiple={type === "list-multi"}>
          {options.map((o) => (
            <option key={o.value} value={o.value} selected={values.includes(o.value)}>
              {o.label}
            </option>
          ))}
        </select>
      ) : /-multi$/.test(type) ? (
        <textarea id={id} name={name} rows={2} defaultValue={values.join("\n")} />
      ) : type === "text-private" ? (
        <input id={id} name={name} type="password" defaultValue={values[0] ?? ""} autocomplete="off" />
      ) : (
        <input id={id} name={name} type="text" defaultValue={values[0] ?? ""} autocomplete="off" />
      )}
    </>
  );
}
