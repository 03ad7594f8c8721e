package register

import (
	"natter/server"
	"natter/stanza"
)

// fields are those parts of a request that matter here.
type fields struct {
	username, password string
	remove             bool
	others             int // elements other than <remove/>
}

// read takes the fields out of a request and makes the request forget them, as
// what is answered to it, errors included, must not hold the password (§3.3).
func read(q *server.IQ) (f fields) {
	st := q.Stanza
	for c := range st.Children(q.Payload) {
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
