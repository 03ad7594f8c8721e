package register

import (
	"natter/server"
	"natter/server/xep/forms"
	"natter/stanza"
)

// fields are those parts of a request that matter here.
type fields struct {
	username, password string
	invitation         string // as it was pasted into the form for strangers
	remove             bool
	others             int // elements other than <remove/>
}

// fieldInvitation is the form's field for an invitation; it is registered nowhere (XEP-0068 §3.4).
const fieldInvitation = "x-invitation"

// invitationForm asks strangers for an invitation where they need one, in clients that
// know forms and not XEP-0445, such as Gajim 1.7.
func invitationForm() []byte {
	f := forms.New("form", ns)
	f.Title = "A new account"
	f.Instructions = "Accounts are made by invitation here."
	f.Add("text-single", "username", "Name").Add("text-private", "password", "Password").Add("text-single", fieldInvitation, "Your invitation: its link, or the code in it")
	for i := range f.Fields[1:] {
		f.Fields[i+1].Required = true
	}
	return f.Bytes()
}

// read takes the fields out of a request and makes the request forget them, as
// what is answered to it, errors included, must not hold the password (§3.3).
func read(q *server.IQ) (f fields) {
	st := q.Stanza
	for c := range st.Children(q.Payload) {
		if st.ChildIs(c, forms.NS, "x") {
			if form, err := forms.Parse(st, c); err == nil && form.Type == "submit" {
				f.username, f.password, f.invitation = form.Get("username"), form.Get("password"), form.Get(fieldInvitation)
			}
		}
		if string(st.Space(c)) != ns {
			f.others++
			continue
		}
		switch string(st.Local(c)) {
		case "username":
			f.username = st.Text(c)
		case "password":
			f.password = st.Text(c)
		case "remove":
			f.remove = true
			continue
		}
		f.others++
	}
	b := stanza.AppendEmpty(nil, "iq", "xmlns", stanza.NSClient, "type", st.Type.String(),
		"id", st.IDString(), "from", st.FromString(), "to", st.ToString())
	if bare, err := stanza.Parse(b, stanza.AfterLogin); err == nil {
		q.Stanza = bare
	}
	return f
}
