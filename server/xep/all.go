// Package xep lists the extensions natter serves, one folder each.
package xep

import (
	"natter/server"
	"natter/server/xep/adhoc"
	"natter/server/xep/administration"
	"natter/server/xep/avatar"
	"natter/server/xep/blocking"
	"natter/server/xep/bookmarks"
	"natter/server/xep/bytestreams"
	"natter/server/xep/caps"
	"natter/server/xep/carbons"
	"natter/server/xep/clients"
	"natter/server/xep/contact"
	"natter/server/xep/csi"
	"natter/server/xep/disco"
	"natter/server/xep/displayed"
	"natter/server/xep/external"
	"natter/server/xep/invite"
	"natter/server/xep/last"
	"natter/server/xep/mam"
	"natter/server/xep/muc"
	"natter/server/xep/pep"
	"natter/server/xep/ping"
	"natter/server/xep/private"
	"natter/server/xep/publish"
	"natter/server/xep/push"
	"natter/server/xep/register"
	"natter/server/xep/search"
	"natter/server/xep/session"
	xtime "natter/server/xep/time"
	"natter/server/xep/upload"
	"natter/server/xep/vcard"
	"natter/server/xep/version"
)

// All makes the modules of a host, in the order in which their hooks are
// consulted. Adding an extension is one line here.
func All(h *server.Host) []*server.Module {
	if h.Anonymous {
		return guests(h)
	}
	return []*server.Module{
		session.New(h),
		blocking.New(h),
		server.RosterModule(h),
		server.MessageModule(h),
		disco.New(h),
		caps.New(h),
		pep.New(h),
		bookmarks.New(h),
		avatar.New(h),
		displayed.New(h),
		publish.New(h),
		ping.New(h),
		mam.New(h),
		carbons.New(h),
		csi.New(h),
		version.New(h),
		xtime.New(h),
		last.New(h),
		private.New(h),
		register.New(h),
		invite.New(h),
		clients.New(h),
		vcard.New(h),
		search.New(h),
		push.New(h),
		contact.New(h),
		bytestreams.New(h),
		adhoc.New(h),
		administration.New(h),
		upload.New(h),
		external.New(h),
		muc.New(h),
	}
}

// guests are the modules of a host for guests: what keeps something is not there.
func guests(h *server.Host) []*server.Module {
	return []*server.Module{
		session.New(h),
		server.GuestModule(h),
		server.MessageModule(h),
		disco.New(h),
		ping.New(h),
		csi.New(h),
		version.New(h),
		xtime.New(h),
	}
}
