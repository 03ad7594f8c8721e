package muc

// Namespaces of XEP-0045 and of what goes with it.
const (
	nsMUC      = "http://jabber.org/protocol/muc"
	nsUser     = "http://jabber.org/protocol/muc#user"
	nsAdmin    = "http://jabber.org/protocol/muc#admin"
	nsOwner    = "http://jabber.org/protocol/muc#owner"
	nsConfig   = "http://jabber.org/protocol/muc#roomconfig"
	nsInfo     = "http://jabber.org/protocol/muc#roominfo"
	nsRequest  = "http://jabber.org/protocol/muc#request"
	nsRegister = "http://jabber.org/protocol/muc#register"
	nsTraffic  = "http://jabber.org/protocol/muc#traffic"
	nsSelfPing = "http://jabber.org/protocol/muc#self-ping-optimization"
	nsStableID = "http://jabber.org/protocol/muc#stable_id"
	nsReserved = "x-roomuser-item"
	nsDirect   = "jabber:x:conference" // XEP-0249
	nsOccupant = "urn:xmpp:occupant-id:0"
	nsSID      = "urn:xmpp:sid:0"
	nsDelay    = "urn:xmpp:delay"
	nsPing     = "urn:xmpp:ping"
	nsVCard    = "vcard-temp"
	nsHats     = "urn:xmpp:hats:0"
	nsQuery    = "jabber:iq:register"
)

// Status codes (XEP-0045 §15.6.2).
const (
	statusNonAnonymous  = "100" // anybody here sees your real address
	statusAffChanged    = "101" // your affiliation changed while you were not in the room
	statusConfigChanged = "104"
	statusSelf          = "110"
	statusLogging       = "170"
	statusLoggingOff    = "171"
	statusNowNonAnon    = "172"
	statusNowSemiAnon   = "173"
	statusCreated       = "201"
	statusNickChanged   = "210" // the service changed your nick
	statusBanned        = "301"
	statusNewNick       = "303"
	statusKicked        = "307"
	statusAffiliation   = "321" // removed because the affiliation changed
	statusMembersOnly   = "322"
	statusShutdown      = "332"
	statusTechnical     = "333"
)
