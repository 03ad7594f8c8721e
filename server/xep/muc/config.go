package muc

import (
	"slices"
	"strconv"
	"strings"

	"natter/server/xep/forms"
	"natter/stanza"
)

// config is what an owner decides about a room (XEP-0045 §10.2).
type config struct {
	Name        string `json:",omitempty"`
	Description string `json:",omitempty"`
	Lang        string `json:",omitempty"`
	Password    string `json:",omitempty"` // "" for none

	Persistent      bool
	Public          bool
	Moderated       bool
	MembersOnly     bool
	ChangeSubject   bool   // participants may change the subject
	Invites         bool   // members may invite
	Register        bool   // who likes may register as a member (§7.10)
	VoiceRequests   bool   // visitors may ask for voice
	PM              string // who may send private messages: anyone, participants, moderators or none
	Whois           string // who sees real addresses: anyone or moderators
	MaxUsers        int
	History         int // messages told on entry, unless the client says otherwise
	Archive         bool
	Broadcast       []string // roles whose presence is told to all
	MembersPresence bool     // presence of members and up alone is told to all
	Guests          bool     // anonymous users may enter
	SlowMode        int      // seconds between two messages of one user (XEP-0500)
}

// defaults are those of a room that nobody has configured yet.
func (s *service) defaults() config {
	c := &s.srv.Config
	return config{
		Public: true, Whois: "moderators", PM: "anyone", ChangeSubject: false, Invites: true, Register: true, VoiceRequests: true,
		MaxUsers: c.RoomOccupants, History: min(20, c.RoomHistory), Archive: c.Archive,
		Broadcast: []string{"moderator", "participant", "visitor"}, Guests: true,
	}
}

// shows reports whether presence of a role is told to everybody.
func (c *config) shows(r role) bool {
	return r == absent || slices.Contains(c.Broadcast, r.String())
}

// field is one field of the configuration form: how it is shown and what a value
// does.
type field struct {
	name, typ, label string
	options          []string // of lists, as VALUE=LABEL
	extra            string   // elements that say what a value is like
	get              func(*config) []string
	set              func(c *config, v []string) bool // false for what it cannot be
}

func boolField(name, label string, p func(*config) *bool) field {
	return field{
		name: name, typ: "boolean", label: label,
		get: func(c *config) []string {
			if *p(c) {
				return []string{"1"}
			}
			return []string{"0"}
		},
		set: func(c *config, v []string) bool {
			switch first(v) {
			case "1", "true":
				*p(c) = true
			case "0", "false", "":
				*p(c) = false
			default:
				return false
			}
			return true
		},
	}
}

func textField(name, typ, label string, p func(*config) *string) field {
	return field{
		name: name, typ: typ, label: label,
		get: func(c *config) []string {
			if typ == "text-multi" {
				return strings.Split(*p(c), "\n")
			}
			return []string{*p(c)}
		},
		set: func(c *config, v []string) bool {
			*p(c) = strings.Join(v, "\n")
			return true
		},
	}
}

func choiceField(name, label string, p func(*config) *string, options ...string) field {
	return field{
		name: name, typ: "list-single", label: label, options: options,
		get: func(c *config) []string { return []string{*p(c)} },
		set: func(c *config, v []string) bool {
			*p(c) = first(v)
			return slices.ContainsFunc(options, func(o string) bool { return strings.HasPrefix(o, first(v)+"=") })
		},
	}
}

// wholeNumber says that a value is a number from 0 (XEP-0122 §3.2.2; XEP-0500 §4.1).
const wholeNumber = "<validate xmlns='http://jabber.org/protocol/xdata-validate' datatype='xs:integer'><range min='0'/></validate>"

// numberField takes a whole number; what is too large for the server is made less
// in apply.
func numberField(name, typ, label string, p func(*config) *int) field {
	return field{
		name: name, typ: typ, label: label, extra: wholeNumber,
		get: func(c *config) []string { return []string{strconv.Itoa(*p(c))} },
		set: func(c *config, v []string) bool {
			n, err := strconv.ParseUint(strings.TrimSpace(first(v)), 10, 31)
			*p(c) = int(n)
			return err == nil
		},
	}
}

func first(v []string) string {
	if len(v) == 0 {
		return ""
	}
	return v[0]
}

// fields are the form, in the order they are shown; names are those of XEP-0045
// §15.5.3 where it has one.
var fields = []field{
	textField("muc#roomconfig_roomname", "text-single", "Name", func(c *config) *string { return &c.Name }),
	textField("muc#roomconfig_roomdesc", "text-single", "Description", func(c *config) *string { return &c.Description }),
	textField("muc#roomconfig_lang", "text-single", "Language of the conversation", func(c *config) *string { return &c.Lang }),
	boolField("muc#roomconfig_persistentroom", "Keep the room when the last one has left", func(c *config) *bool { return &c.Persistent }),
	boolField("muc#roomconfig_publicroom", "List the room for everybody to find", func(c *config) *bool { return &c.Public }),
	boolField("muc#roomconfig_membersonly", "Only members may enter", func(c *config) *bool { return &c.MembersOnly }),
	boolField("muc#roomconfig_allowinvites", "Members may invite others", func(c *config) *bool { return &c.Invites }),
	boolField("{urn:natter:muc}roomconfig_guests", "Guests without an account may enter", func(c *config) *bool { return &c.Guests }),
	boolField("muc#roomconfig_moderatedroom", "Only those with voice may speak", func(c *config) *bool { return &c.Moderated }),
	boolField("{urn:natter:muc}roomconfig_voicerequests", "Visitors may ask for voice", func(c *config) *bool { return &c.VoiceRequests }),
	boolField("muc#roomconfig_changesubject", "Participants may change the subject", func(c *config) *bool { return &c.ChangeSubject }),
	{
		name: "muc#roomconfig_passwordprotectedroom", typ: "boolean", label: "A password is needed to enter",
		get: func(c *config) []string {
			if c.Password != "" {
				return []string{"1"}
			}
			return []string{"0"}
		},
		set: func(c *config, v []string) bool {
			switch first(v) {
			case "1", "true":
				return true
			case "0", "false", "":
				c.Password = ""
				return true
			}
			return false
		},
	},
	textField("muc#roomconfig_roomsecret", "text-private", "Password", func(c *config) *string { return &c.Password }),
	choiceField("muc#roomconfig_whois", "Who sees real addresses", func(c *config) *string { return &c.Whois },
		"moderators=Moderators", "anyone=Everybody"),
	choiceField("muc#roomconfig_allowpm", "Who may send private messages", func(c *config) *string { return &c.PM },
		"anyone=Everybody", "participants=Those with voice", "moderators=Moderators", "none=Nobody"),
	{
		name: "muc#roomconfig_maxusers", typ: "list-single", label: "Most occupants",
		options: []string{"10=10", "20=20", "50=50", "100=100", "200=200", "500=500", "1000=1000", "none=As many as the server allows"},
		get: func(c *config) []string {
			if c.MaxUsers <= 0 {
				return []string{"none"}
			}
			return []string{strconv.Itoa(c.MaxUsers)}
		},
		set: func(c *config, v []string) bool {
			if s := first(v); s == "none" || s == "" {
				c.MaxUsers = 0
				return true
			}
			n, err := strconv.ParseUint(first(v), 10, 31)
			c.MaxUsers = int(n)
			return err == nil && n > 0
		},
	},
	numberField("muc#maxhistoryfetch", "text-single", "Messages told to who enters", func(c *config) *int { return &c.History }),
	boolField("muc#roomconfig_enablearchiving", "Keep messages in the room's archive", func(c *config) *bool { return &c.Archive }),
	{
		name: "muc#roomconfig_presencebroadcast", typ: "list-multi", label: "Roles whose presence is told to everybody",
		options: []string{"moderator=Moderator", "participant=Participant", "visitor=Visitor"},
		get:     func(c *config) []string { return c.Broadcast },
		set: func(c *config, v []string) bool {
			c.Broadcast = nil
			for _, s := range v {
				if r, ok := parseRole(s); !ok || r == absent {
					return false
				}
				if !slices.Contains(c.Broadcast, s) {
					c.Broadcast = append(c.Broadcast, s)
				}
			}
			return true
		},
	},
	boolField("{urn:natter:muc}roomconfig_memberspresence", "Tell everybody only of members coming and going", func(c *config) *bool { return &c.MembersPresence }),
	boolField("{http://prosody.im/protocol/muc}roomconfig_allowmemberregistration", "Who likes may register as a member", func(c *config) *bool { return &c.Register }),
	numberField("muc#roomconfig_slow_mode_duration", "text-single", "Seconds between two messages of one user, 0 for no such limit", func(c *config) *int { return &c.SlowMode }),
}

// form is the configuration form as an owner gets it (§10.1.3, §10.2).
func (r *room) form() *forms.Form {
	f := forms.New("form", nsConfig)
	f.Title = "Configuration of " + r.jid.String()
	for _, d := range fields {
		var options []forms.Option
		for _, o := range d.options {
			v, l, _ := strings.Cut(o, "=")
			options = append(options, forms.Option{Label: l, Value: v})
		}
		f.Fields = append(f.Fields, forms.Field{Var: d.name, Type: d.typ, Label: d.label, Values: d.get(&r.config), Options: options, Extra: []byte(d.extra)})
	}
	return f
}

// apply returns the configuration with what a submitted form changes. Fields that
// are not there stay as they are, unknown ones are passed over.
func (s *service) apply(c config, f *forms.Form) (config, *stanza.Error) {
	if t := f.FormType(); t != "" && t != nsConfig {
		return c, stanza.BadRequest("the form is not one of a room's configuration")
	}
	c.Broadcast = slices.Clone(c.Broadcast)
	limit := s.srv.Config.RoomText
	for _, d := range fields {
		v := f.Field(d.name)
		if v == nil {
			continue
		}
		n := 0
		for _, s := range v.Values {
			n += len(s)
		}
		if n > limit {
			return c, stanza.NotAcceptable(d.label + ": longer than " + strconv.Itoa(limit) + " bytes")
		}
		if d.name == "muc#roomconfig_roomsecret" && f.Has("muc#roomconfig_passwordprotectedroom") {
			if on, _, err := f.Bool("muc#roomconfig_passwordprotectedroom"); err != nil || !on {
				continue // the password of a room without one (§10.2)
			}
		}
		if !d.set(&c, v.Values) {
			return c, stanza.NotAcceptable(d.label + " cannot be " + strconv.Quote(strings.Join(v.Values, ", ")))
		}
	}
	on, given, _ := f.Bool("muc#roomconfig_passwordprotectedroom")
	if given && on && c.Password == "" {
		return c, stanza.NotAcceptable("a room that is protected by a password needs one")
	}
	most := s.srv.Config
	if c.MaxUsers <= 0 || c.MaxUsers > most.RoomOccupants {
		c.MaxUsers = most.RoomOccupants
	}
	c.History = min(c.History, most.RoomHistory)
	c.SlowMode = min(c.SlowMode, 24*60*60)
	return c, nil
}
