// Package contact implements XEP-0157 Contact Addresses for XMPP Services, version
// 1.1.1, and the server's side of XEP-0455 Service Outage Status, version 0.4.0: whom
// to turn to, and where to look when the server cannot be reached. Both are forms in
// the host's disco#info (XEP-0128).
package contact

import (
	"natter/server"
	"natter/server/xep/forms"
)

const (
	nsInfo   = "http://jabber.org/network/serverinfo"
	nsOutage = "urn:xmpp:sos:0"
)

// New makes the module.
func New(h *server.Host) *server.Module {
	m := &server.Module{
		Name: "contact", XEP: "0157 1.1.1, 0455 0.4.0", Summary: "whom to turn to, and where to look when the server is down",
	}
	m.Forms = func() [][]byte {
		cfg := h.Server.Config
		var admins []string
		for _, a := range cfg.Admins {
			admins = append(admins, "xmpp:"+a)
		}
		or := func(list []string) []string {
			if len(list) == 0 {
				return admins
			}
			return list
		}
		info := forms.New("result", nsInfo)
		for _, f := range []struct {
			name   string
			values []string
		}{ // §3, in its order
			{"abuse-addresses", or(cfg.AbuseContacts)},
			{"admin-addresses", or(cfg.AdminContacts)},
			{"feedback-addresses", cfg.FeedbackContacts},
			{"sales-addresses", cfg.SalesContacts},
			{"security-addresses", or(cfg.SecurityContacts)},
			{"status-addresses", cfg.StatusContacts},
			{"support-addresses", or(cfg.SupportContacts)},
		} {
			if len(f.values) > 0 {
				info.Add("list-multi", f.name, "", f.values...)
			}
		}
		var list [][]byte
		if len(info.Fields) > 1 {
			list = append(list, info.Bytes())
		}
		if len(cfg.OutageAddresses) > 0 {
			list = append(list, forms.New("result", nsOutage).Add("list-multi", "external-status-addresses", "", cfg.OutageAddresses...).Bytes())
		}
		return list
	}
	return m
}
