package server

import (
	_ "embed"
	"slices"
	"time"

	"natter/server/proxy"
)

// ConfigSource is this file: the comments of Config are the manual of its
// settings.
//
//go:embed config.go
var ConfigSource string

// Config is what the core needs to know. The zero value of a field means its
// default; Defaults fills them in. The comments are the manual;
// one that begins with # is the title of a chapter.
type Config struct {
	// # What is served

	// Domains are what the server speaks for; the first is the default one.
	Domains []string
	// Archive says whether messages are kept after they are delivered.
	Archive bool
	// ArchiveDays is how many days archived messages are kept, 0 for ever.
	// ArchiveMessages is how many of the newest are kept in the archive of each
	// account and room, 0 for all; an archive may be a little over it for a while.
	// What has not reached its recipient is kept until it has.
	ArchiveDays     int
	ArchiveMessages int
	// Register says whether strangers may make accounts from within their
	// clients (XEP-0077).
	Register bool
	// InviteAccounts says who may invite people to make accounts here, also where
	// strangers may not (XEP-0401): "admins", "users", which is all of them, or "off".
	// Everybody may invite people who have an account to be their contact. An invitation
	// is good for InviteTime unless it says otherwise. Invitations bounds how many an
	// account has at one time.
	InviteAccounts string
	InviteTime     time.Duration
	Invitations    int
	// Guests, on or off, says whether people without an account may come to the
	// rooms, as guests at guests.DOMAIN (SASL ANONYMOUS). They can write to rooms that
	// allow it and to nobody else, and nothing is kept of them. The certificate has to
	// be good for that name too. Default: on for the domain localhost, else off.
	Guests string
	// GuestRooms, on or off, says whether guests also make rooms by entering them.
	// Such rooms have no owner and go with the last one in them. Default: on for
	// localhost, off for other domains.
	GuestRooms string
	// GuestAccounts bounds the guests of one domain at a time, GuestsPerAddress those
	// from one address.
	GuestAccounts    int
	GuestsPerAddress int
	// UserSearch says who is found by searching at search.DOMAIN (XEP-0055): "off",
	// nobody, and there is no such service; "listed", who has said so by a command of
	// their client (Whether others find me by searching); or "all". People are found
	// by their name and what their card tells everybody.
	UserSearch string
	// UserSearchBy says who may search: "accounts" of the domain or "admins".
	UserSearchBy string
	// Dev is for protocol tests on this machine, the only one that is served
	// then: registration is open, everybody may invite, people can be searched for if
	// they want to, and logins need no TLS.
	Dev bool
	// NoLimits lifts rates, registration and per-address limits; never stanza
	// size, depth, memory, tries per stream or the deadline before login.
	NoLimits bool
	// Admins are the addresses of the administrators. The first one's account
	// is made, with a random password, when there are no accounts yet.
	Admins []string

	// # Over HTTP, and behind proxies

	// PublicURL is where the HTTP listeners are reached from outside when that is
	// not where they listen, as behind a proxy: https://chat.example.org, without
	// a path.
	PublicURL string
	// Origins are the sites whose pages may talk to this server from a browser,
	// beside its own: https://example.org, or "*" for all.
	Origins []string
	// TrustedProxies lists the proxies, as addresses or networks, whose word on
	// who the client is counts: X-Forwarded-For and X-Forwarded-Proto, or
	// Forwarded. Without it a login through a proxy needs TLS up to this server.
	TrustedProxies []string
	// ProxyProtocol lists the proxies, as addresses or networks, that begin each
	// connection by saying who the client is, with the PROXY protocol (version 1 or 2):
	// for proxies that pass on what they do not read. A connection of theirs that
	// begins otherwise is closed; from everybody else the PROXY protocol is not taken.
	// ProxyProtocolOn is on which listeners: c2s, c2s_tls, http, https.
	ProxyProtocol   []string
	ProxyProtocolOn []string
	// HTTPConnections bounds the connections of one HTTP listener, WebSockets
	// included.
	HTTPConnections int
	// PublicAddresses are where this machine is seen from outside: IPv4 and IPv6
	// addresses, for clients that look at host-meta before DNS (XEP-0487).
	PublicAddresses []string

	// # Phones and files

	// PushContent is what push services are told of what wakes a phone: "none",
	// but that something came; "sender", who it is from; or "all", the text too.
	PushContent string
	// Files is the directory for files that users upload. Default: files in the data
	// directory; with memory, one for temporary files that goes with the server.
	Files string
	// Bytestreams is where clients connect that pass files through the server, as
	// HOST:PORT (XEP-0065); "off" turns it off. Default: port 7777, for the domain
	// localhost on 127.0.0.1 only.
	Bytestreams string

	// # Whom to turn to

	// AbuseContacts and the others are whom people turn to, as URIs, of mail, chat or
	// the web: mailto:abuse@example.org, xmpp:admin@example.org (XEP-0157). Default for
	// AbuseContacts, AdminContacts, SecurityContacts and SupportContacts: the
	// administrators.
	AbuseContacts    []string
	AdminContacts    []string
	FeedbackContacts []string
	SalesContacts    []string
	SecurityContacts []string
	StatusContacts   []string
	SupportContacts  []string
	// OutageAddresses are where to look, on another machine, when this server cannot
	// be reached: files as XEP-0455 describes them.
	OutageAddresses []string

	// # Limits

	// OfflineMessages and OfflineBytes bound what waits for an absent account.
	OfflineMessages int
	OfflineBytes    int64
	// RosterItems bounds a roster; PendingRequests the subscription requests
	// that wait for an answer.
	RosterItems     int
	PendingRequests int
	// Resources bounds the sessions of an account; DetachedSessions those of
	// them that wait to be resumed.
	Resources        int
	DetachedSessions int
	// PrivateBytes bounds one private XML document, PrivateTotal an account's.
	PrivateBytes int
	PrivateTotal int
	// UploadBytes bounds one uploaded file, UploadTotal those of an account that are
	// kept at one time, UploadFiles their number. A file is kept for UploadKeep, but
	// for what its owner has asked to be kept for good, such as pictures of profiles.
	// An account may upload UploadRate files a minute (XEP-0363).
	UploadBytes int64
	UploadTotal int64
	UploadFiles int
	UploadKeep  time.Duration
	UploadRate  int
	// RoomOccupants bounds who is in one chat room, RoomsPerAccount the rooms that
	// one account makes and RoomAffiliations how many a room keeps on its lists.
	RoomOccupants    int
	RoomsPerAccount  int
	RoomAffiliations int
	// RoomHistory and RoomHistoryBytes bound what a room remembers for those who
	// enter, RoomNick a nick in bytes and RoomText what an owner writes into one
	// field of a room's configuration.
	RoomHistory      int
	RoomHistoryBytes int
	RoomNick         int
	RoomText         int
	// PubSubNodes, PubSubItems and PubSubBytes bound what an account publishes by
	// PEP (avatars, bookmarks, keys, moods): nodes, items of all nodes together,
	// and what they take in the store. PubSubItem bounds one item.
	PubSubNodes int   `key:"pubsub_nodes"`
	PubSubItems int   `key:"pubsub_items"`
	PubSubBytes int64 `key:"pubsub_bytes"`
	PubSubItem  int   `key:"pubsub_item"`
	// QueueBytes bounds what waits for one session, written or unconfirmed.
	QueueBytes int
	// MaxStanza bounds one stanza in bytes after login.
	MaxStanza int
	// LoginTimeout is the time from accept to bound session.
	LoginTimeout time.Duration
	// ResumeTime is how long a session without a connection can be resumed.
	ResumeTime time.Duration
	// TokenLifetime is how long a client may stay away and still log in without the
	// password (XEP-0484). ClientMemory is how long one that stays away is listed as a
	// client of the account (XEP-0494).
	TokenLifetime time.Duration
	ClientMemory  time.Duration
	// Idle is how long a quiet connection is left alone before it is asked
	// for a sign of life; IdleInactive the same while its client is inactive;
	// PingTimeout how long the answer may take.
	Idle         time.Duration
	IdleInactive time.Duration
	PingTimeout  time.Duration
	// StoreTimeout bounds one read from the store.
	StoreTimeout time.Duration
	// ConnectionsPerAddress bounds connections before login from one address;
	// Connections those of all. BytesPerSecond bounds what one client may send,
	// with BurstBytes at once.
	ConnectionsPerAddress int
	Connections           int
	BytesPerSecond        int
	BurstBytes            int
}

// Defaults returns cfg with defaults for what is zero.
func Defaults(cfg Config) Config {
	if cfg.Dev {
		def(&cfg.InviteAccounts, InviteUsers)
	}
	def(&cfg.InviteAccounts, InviteAdmins)
	def(&cfg.InviteTime, 7*24*time.Hour)
	def(&cfg.Invitations, 50)
	def(&cfg.PushContent, "none")
	if cfg.ProxyProtocolOn == nil {
		cfg.ProxyProtocolOn = []string{"c2s", "c2s_tls"}
	}
	def(&cfg.UserSearch, "off")
	def(&cfg.UserSearchBy, "accounts")
	def(&cfg.OfflineMessages, 1000)
	def(&cfg.OfflineBytes, 10<<20)
	def(&cfg.RosterItems, 10_000)
	def(&cfg.PendingRequests, 1000)
	def(&cfg.Resources, 50)
	def(&cfg.DetachedSessions, 10)
	def(&cfg.PrivateBytes, 256<<10)
	def(&cfg.PrivateTotal, 5<<20)
	def(&cfg.UploadBytes, 100<<20)
	def(&cfg.UploadTotal, 2<<30)
	def(&cfg.UploadFiles, 10_000)
	def(&cfg.UploadKeep, 90*24*time.Hour)
	def(&cfg.UploadRate, 30)
	def(&cfg.RoomOccupants, 2000)
	def(&cfg.RoomsPerAccount, 100)
	def(&cfg.RoomAffiliations, 5000)
	def(&cfg.RoomHistory, 100)
	def(&cfg.RoomHistoryBytes, 256<<10)
	def(&cfg.RoomNick, 255)
	def(&cfg.RoomText, 4096)
	def(&cfg.PubSubNodes, 500)
	def(&cfg.PubSubItems, 10_000)
	def(&cfg.PubSubBytes, 20<<20)
	def(&cfg.PubSubItem, 256<<10)
	def(&cfg.QueueBytes, 1<<20)
	def(&cfg.MaxStanza, 256<<10)
	def(&cfg.LoginTimeout, 30*time.Second)
	def(&cfg.ResumeTime, time.Hour)
	def(&cfg.GuestAccounts, 2000)
	def(&cfg.GuestsPerAddress, 50)
	def(&cfg.TokenLifetime, 21*24*time.Hour)
	def(&cfg.ClientMemory, 90*24*time.Hour)
	def(&cfg.Idle, 5*time.Minute)
	def(&cfg.IdleInactive, 15*time.Minute)
	def(&cfg.PingTimeout, time.Minute)
	def(&cfg.StoreTimeout, 10*time.Second)
	def(&cfg.HTTPConnections, 20_000)
	def(&cfg.ConnectionsPerAddress, 200)
	def(&cfg.Connections, 10_000)
	def(&cfg.BytesPerSecond, 2<<20)
	def(&cfg.BurstBytes, 8<<20)
	return cfg
}

// Announcing returns the proxies that speak the PROXY protocol to a listener, by its
// key in the configuration, and logs when there is something among them that is none.
func (srv *Server) Announcing(listener string) proxy.Networks {
	if !slices.Contains(srv.Config.ProxyProtocolOn, listener) {
		return nil
	}
	n, err := proxy.ParseNetworks(srv.Config.ProxyProtocol)
	if err != nil {
		srv.Log.Error("proxy_protocol left out", "err", err) // cmd has checked it
	}
	return n
}

func def[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}
