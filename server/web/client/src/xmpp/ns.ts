// Namespaces, by the word that the code uses for them.
export const NS = {
  client: "jabber:client",
  stanzas: "urn:ietf:params:xml:ns:xmpp-stanzas",
  sm: "urn:xmpp:sm:3", // XEP-0198
  roster: "jabber:iq:roster", // RFC 6121 §2
  ping: "urn:xmpp:ping", // XEP-0199
  info: "http://jabber.org/protocol/disco#info", // XEP-0030
  items: "http://jabber.org/protocol/disco#items",
  caps: "http://jabber.org/protocol/caps", // XEP-0115
  data: "jabber:x:data", // XEP-0004
  rsm: "http://jabber.org/protocol/rsm", // XEP-0059
  delay: "urn:xmpp:delay", // XEP-0203
  forward: "urn:xmpp:forward:0", // XEP-0297
  carbons: "urn:xmpp:carbons:2", // XEP-0280
  mam: "urn:xmpp:mam:2", // XEP-0313
  sid: "urn:xmpp:sid:0", // XEP-0359
  states: "http://jabber.org/protocol/chatstates", // XEP-0085
  receipts: "urn:xmpp:receipts", // XEP-0184
  hints: "urn:xmpp:hints", // XEP-0334
  markers: "urn:xmpp:chat-markers:0", // XEP-0333
  payload: "urn:xmpp:json-msg:0", // XEP-0432
  styling: "urn:xmpp:styling:0", // XEP-0393
  json: "urn:xmpp:json:0", // XEP-0335
  register: "jabber:iq:register", // XEP-0077
  correct: "urn:xmpp:message-correct:0", // XEP-0308
  retract: "urn:xmpp:message-retract:1", // XEP-0424
  moderate: "urn:xmpp:message-moderate:1", // XEP-0425
  reactions: "urn:xmpp:reactions:0", // XEP-0444
  fallback: "urn:xmpp:fallback:0", // XEP-0428
  oob: "jabber:x:oob", // XEP-0066
  upload: "urn:xmpp:http:upload:0", // XEP-0363
  muc: "http://jabber.org/protocol/muc", // XEP-0045
  mucUser: "http://jabber.org/protocol/muc#user",
  mucAdmin: "http://jabber.org/protocol/muc#admin",
  mucOwner: "http://jabber.org/protocol/muc#owner",
  occupant: "urn:xmpp:occupant-id:0", // XEP-0421
  invite: "jabber:x:conference", // XEP-0249
  pubsub: "http://jabber.org/protocol/pubsub", // XEP-0060
  event: "http://jabber.org/protocol/pubsub#event",
  options: "http://jabber.org/protocol/pubsub#publish-options",
  avatarData: "urn:xmpp:avatar:data", // XEP-0084
  avatarMeta: "urn:xmpp:avatar:metadata",
  vcard: "vcard-temp", // XEP-0054
  vcardUpdate: "vcard-temp:x:update", // XEP-0153
  bookmarks: "urn:xmpp:bookmarks:1", // XEP-0402
  displayed: "urn:xmpp:mds:displayed:0", // XEP-0490
  geoloc: "http://jabber.org/protocol/geoloc", // XEP-0080
  csi: "urn:xmpp:csi:0", // XEP-0352
  blocking: "urn:xmpp:blocking", // XEP-0191
} as const;
