import type { Session } from "../session";
import { hue, initials } from "./util";

interface Props {
  s: Session;
  /** Whose picture: a bare JID, or an occupant's full one. */
  jid: string;
  name: string;
  size?: number;
  show?: string;
  room?: boolean;
}

/** A picture of somebody, or their initials; for the eyes only. */
export function Avatar({ s, jid, name, size = 36, show, room }: Props) {
  void s.avatarRev.value;
  const url = s.avatars.get(jid);
  return (
    <span
      class={"avatar" + (room ? " avatar-room" : "")}
      style={{ "--size": size + "px", "--hue": String(Math.round(hue(name))) }}
      aria-hidden="true"
    >
      {url ? <img src={url} alt="" width={size} height={size} /> : room ? "#" : initials(name)}
      {show !== undefined && <i class={"dot dot-" + (show || "on")} />}
    </span>
  );
}
