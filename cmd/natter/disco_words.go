package main

import "strings"

// featureWords says what a disco#info feature is for, "" when it is not known
// here.
func featureWords(feature string) string {
	if words, ok := featureTable[feature]; ok {
		return words
	}
	if base, ok := strings.CutSuffix(feature, "+notify"); ok {
		if words := featureTable[base]; words != "" {
			return "wants news of " + words
		}
		return "wants news of that"
	}
	return ""
}

// featureTable has the registered features people are likely to meet, with the
// document each is from.
var featureTable = map[string]string{
	"http://jabber.org/protocol/address":                "one stanza to many addresses (XEP-0033)",
	"http://jabber.org/protocol/amp":                    "message processing rules (XEP-0079)",
	"http://jabber.org/protocol/bytestreams":            "file transfer by SOCKS5 (XEP-0065)",
	"http://jabber.org/protocol/caps":                   "capabilities in presence (XEP-0115)",
	"http://jabber.org/protocol/chatstates":             "typing notices (XEP-0085)",
	"http://jabber.org/protocol/commands":               "ad-hoc commands (XEP-0050)",
	"http://jabber.org/protocol/disco#info":             "answering this question (XEP-0030)",
	"http://jabber.org/protocol/disco#items":            "listing what is there (XEP-0030)",
	"http://jabber.org/protocol/ibb":                    "file transfer in band (XEP-0047)",
	"http://jabber.org/protocol/muc":                    "rooms (XEP-0045)",
	"http://jabber.org/protocol/offline":                "looking into the offline store (XEP-0013)",
	"http://jabber.org/protocol/pubsub":                 "publishing and subscribing (XEP-0060)",
	"http://jabber.org/protocol/pubsub#publish":         "publishing items (XEP-0060)",
	"http://jabber.org/protocol/pubsub#publish-options": "conditions on publishing (XEP-0060)",
	"http://jabber.org/protocol/rosterx":                "suggesting contacts (XEP-0144)",
	"http://jabber.org/protocol/si":                     "stream initiation (XEP-0095)",
	"http://jabber.org/protocol/xhtml-im":               "formatted messages (XEP-0071)",
	"iq":                                                "requests",
	"presence":                                          "presence",
	"jabber:iq:last":                                    "last activity (XEP-0012)",
	"jabber:iq:private":                                 "private storage (XEP-0049)",
	"jabber:iq:register":                                "registering an account, changing its password (XEP-0077)",
	"jabber:iq:roster":                                  "contact list (RFC 6121)",
	"jabber:iq:search":                                  "searching (XEP-0055)",
	"jabber:iq:time":                                    "time, the old way (XEP-0090)",
	"jabber:iq:version":                                 "software version (XEP-0092)",
	"jabber:x:conference":                               "invitations to rooms (XEP-0249)",
	"jabber:x:data":                                     "data forms (XEP-0004)",
	"jabber:x:oob":                                      "links (XEP-0066)",
	"msgoffline":                                        "keeping messages for those who are away (XEP-0160)",
	"storage:bookmarks":                                 "bookmarks (XEP-0048)",
	"urn:ietf:params:xml:ns:xmpp-sasl":                  "authentication (RFC 6120)",
	"urn:ietf:params:xml:ns:xmpp-tls":                   "encryption (RFC 6120)",
	"urn:xmpp:avatar:data":                              "avatars (XEP-0084)",
	"urn:xmpp:avatar:metadata":                          "avatars (XEP-0084)",
	"urn:xmpp:blocking":                                 "blocking addresses (XEP-0191)",
	"urn:xmpp:bookmarks:1":                              "bookmarks (XEP-0402)",
	"urn:xmpp:carbons:2":                                "copies to the other clients (XEP-0280)",
	"urn:xmpp:carbons:rules:0":                          "rules for those copies (XEP-0280)",
	"urn:xmpp:csi:0":                                    "client state (XEP-0352)",
	"urn:xmpp:delay":                                    "delayed delivery (XEP-0203)",
	"urn:xmpp:eme:0":                                    "naming the encryption (XEP-0380)",
	"urn:xmpp:extdisco:2":                               "finding call relays (XEP-0215)",
	"urn:xmpp:forward:0":                                "forwarded messages (XEP-0297)",
	"urn:xmpp:hints":                                    "message processing hints (XEP-0334)",
	"urn:xmpp:http:upload:0":                            "file upload (XEP-0363)",
	"urn:xmpp:jingle:1":                                 "calls and file transfer (XEP-0166)",
	"urn:xmpp:mam:2":                                    "message archive (XEP-0313)",
	"urn:xmpp:mam:2#extended":                           "message archive, more ways to ask (XEP-0313)",
	"urn:xmpp:message-correct:0":                        "correcting messages (XEP-0308)",
	"urn:xmpp:message-retract:1":                        "taking messages back (XEP-0424)",
	"urn:xmpp:message-retract:1#tombstone":              "a mark in the archive where one was (XEP-0424)",
	"urn:xmpp:occupant-id:0":                            "lasting ids of room members (XEP-0421)",
	"urn:xmpp:ping":                                     "ping (XEP-0199)",
	"urn:xmpp:push:0":                                   "push notifications (XEP-0357)",
	"urn:xmpp:receipts":                                 "delivery receipts (XEP-0184)",
	"urn:xmpp:reporting:1":                              "reporting whom one blocks (XEP-0377)",
	"urn:xmpp:sid:0":                                    "lasting message ids (XEP-0359)",
	"urn:xmpp:sm:3":                                     "stream management (XEP-0198)",
	"urn:xmpp:time":                                     "time (XEP-0202)",
	"vcard-temp":                                        "profile cards (XEP-0054)",
	"vcard-temp:x:update":                               "avatars of profile cards (XEP-0153)",
}
