package pubsub

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"natter/server/xep/forms"
	"natter/stanza"
)

// FORM_TYPEs of XEP-0060 §16.4.
const (
	formConfig  = NS + "#node_config"
	formOptions = NS + "#publish-options"
	formMeta    = NS + "#meta-data"
	formSub     = NS + "#subscribe_options"
	formAuth    = NS + "#subscribe_authorization"
)

// Max is the value of Config.MaxItems for as many as the service allows.
const Max = -1

// Config is the configuration of a node (XEP-0060 §16.4.4).
type Config struct {
	Title        string   `json:",omitempty"`
	Description  string   `json:",omitempty"`
	Language     string   `json:",omitempty"`
	Type         string   `json:",omitempty"`
	Access       string   // open, presence, roster, authorize, whitelist
	Publish      string   // publishers, subscribers, open
	Groups       []string `json:",omitempty"` // of the roster, for access roster
	Persist      bool
	MaxItems     int // Max for as many as allowed
	MaxPayload   int // 0: as many bytes as the service allows
	Full         string
	SendLast     string // never, on_sub, on_sub_and_presence
	Payloads     bool   // notifications hold payloads
	Notify       bool   // there are notifications
	NotifyConfig bool
	NotifyDelete bool
	NotifyItems  bool // retractions
	NotifySub    bool
	MessageType  string   // of notifications: headline, normal
	Present      bool     // only who is available is notified
	Subscribe    bool     // one may subscribe
	Expire       int      `json:",omitempty"` // seconds after which items go; 0: they stay
	Reply        string   `json:",omitempty"` // whose an item is said to be: publisher, owner, none (§12.17)
	Contact      []string `json:",omitempty"`
}

// setting is one field of the form. Of get and set, set checks the value.
type setting struct {
	name, label string
	typ         string
	options     []string
	get         func(*Config) []string
	set         func(*Config, []string) error
}

// settings are the fields of the configuration form, in the order of the form.
var settings = []setting{
	text("title", "A name for people", func(c *Config) *string { return &c.Title }),
	text("description", "What it is about", func(c *Config) *string { return &c.Description }),
	text("language", "Language", func(c *Config) *string { return &c.Language }),
	text("type", "What the payloads mean, often their namespace", func(c *Config) *string { return &c.Type }),
	{name: "node_type", label: "Kind of node", typ: "list-single", options: []string{"leaf"},
		get: func(*Config) []string { return []string{"leaf"} },
		set: func(_ *Config, v []string) error {
			if len(v) != 1 || v[0] != "leaf" {
				return fmt.Errorf("there are no other nodes than leaves")
			}
			return nil
		}},
	{name: "contact", label: "Whom to ask about the node", typ: "jid-multi",
		get: func(c *Config) []string { return c.Contact },
		set: func(c *Config, v []string) error {
			if len(v) > 10 {
				return fmt.Errorf("too many contacts")
			}
			list := make([]string, 0, len(v))
			for _, x := range v {
				j, err := stanza.ParseJID(x)
				if err != nil {
					return fmt.Errorf("contacts are addresses")
				}
				list = append(list, j.String())
			}
			c.Contact = list
			return nil
		}},
	choice("access_model", "Who may subscribe and read", func(c *Config) *string { return &c.Access },
		"open", "presence", "roster", "authorize", "whitelist"),
	choice("publish_model", "Who may publish", func(c *Config) *string { return &c.Publish },
		"publishers", "subscribers", "open"),
	{name: "roster_groups_allowed", label: "Groups of contacts who may", typ: "list-multi",
		get: func(c *Config) []string { return c.Groups },
		set: func(c *Config, v []string) error {
			if len(v) > 100 {
				return fmt.Errorf("too many groups")
			}
			for _, g := range v {
				if len(g) > maxID {
					return fmt.Errorf("the name of a group is too long")
				}
			}
			c.Groups = append([]string(nil), v...)
			return nil
		}},
	flag("persist_items", "Keep items", func(c *Config) *bool { return &c.Persist }),
	{name: "max_items", label: "How many items to keep", typ: "text-single",
		get: func(c *Config) []string {
			if c.MaxItems == Max {
				return []string{"max"}
			}
			return []string{strconv.Itoa(c.MaxItems)}
		},
		set: func(c *Config, v []string) error {
			n, err := number("max_items", v, "max", Max)
			if n == 0 && err == nil {
				return fmt.Errorf("max_items is at least 1, or \"max\"")
			}
			c.MaxItems = n
			return err
		}},
	{name: "item_expire", label: "Seconds after which items go", typ: "text-single",
		get: func(c *Config) []string {
			if c.Expire == 0 {
				return []string{"max"}
			}
			return []string{strconv.Itoa(c.Expire)}
		},
		set: func(c *Config, v []string) error {
			if len(v) == 0 || len(v) == 1 && v[0] == "" {
				c.Expire = 0
				return nil
			}
			n, err := number("item_expire", v, "max", 0)
			c.Expire = n
			return err
		}},
	{name: "max_payload_size", label: "The largest payload in bytes", typ: "text-single",
		get: func(c *Config) []string { return []string{strconv.Itoa(c.MaxPayload)} },
		set: func(c *Config, v []string) (err error) {
			c.MaxPayload, err = number("max_payload_size", v, "", 0)
			return err
		}},
	choice("publish_node_full", "What gives way when it is full", func(c *Config) *string { return &c.Full },
		"retract-oldest", "discard-oldest", "reject"),
	choice("send_last_published_item", "When the last item is sent", func(c *Config) *string { return &c.SendLast },
		"never", "on_sub", "on_sub_and_presence"),
	flag("deliver_payloads", "Notifications hold the payload", func(c *Config) *bool { return &c.Payloads }),
	flag("deliver_notifications", "Notify subscribers", func(c *Config) *bool { return &c.Notify }),
	flag("notify_config", "… of configuration", func(c *Config) *bool { return &c.NotifyConfig }),
	flag("notify_delete", "… of deletion", func(c *Config) *bool { return &c.NotifyDelete }),
	flag("notify_retract", "… of items taken back", func(c *Config) *bool { return &c.NotifyItems }),
	flag("notify_sub", "Tell owners of subscriptions", func(c *Config) *bool { return &c.NotifySub }),
	choice("itemreply", "Whose items are said to be", func(c *Config) *string { return &c.Reply },
		"none", "publisher", "owner"),
	choice("notification_type", "Type of notifications", func(c *Config) *string { return &c.MessageType },
		"headline", "normal"),
	flag("presence_based_delivery", "Only to who is available", func(c *Config) *bool { return &c.Present }),
	flag("subscribe", "Subscriptions are possible", func(c *Config) *bool { return &c.Subscribe }),
}

// settingOf returns the setting of a field, nil for one that is not known.
func settingOf(name string) *setting {
	name, ok := strings.CutPrefix(name, "pubsub#")
	for i := range settings {
		if ok && settings[i].name == name {
			return &settings[i]
		}
	}
	return nil
}

func text(name, label string, p func(*Config) *string) setting {
	return setting{name: name, label: label, typ: "text-single",
		get: func(c *Config) []string {
			if *p(c) == "" {
				return nil
			}
			return []string{*p(c)}
		},
		set: func(c *Config, v []string) error {
			s := strings.Join(v, "\n")
			if len(s) > maxID {
				return fmt.Errorf("%s is too long", name)
			}
			*p(c) = s
			return nil
		}}
}

func choice(name, label string, p func(*Config) *string, options ...string) setting {
	return setting{name: name, label: label, typ: "list-single", options: options,
		get: func(c *Config) []string { return []string{*p(c)} },
		set: func(c *Config, v []string) error {
			for _, o := range options {
				if len(v) == 1 && v[0] == o {
					*p(c) = o
					return nil
				}
			}
			return fmt.Errorf("%s is one of %s", name, strings.Join(options, ", "))
		}}
}

func flag(name, label string, p func(*Config) *bool) setting {
	return setting{name: name, label: label, typ: "boolean",
		get: func(c *Config) []string {
			if *p(c) {
				return []string{"1"}
			}
			return []string{"0"}
		},
		set: func(c *Config, v []string) error {
			if len(v) != 1 {
				return fmt.Errorf("%s is true or false", name)
			}
			switch v[0] {
			case "1", "true":
				*p(c) = true
			case "0", "false":
				*p(c) = false
			default:
				return fmt.Errorf("%s is true or false", name)
			}
			return nil
		}}
}

// number reads a count; word, when not empty, stands for a value of its own.
func number(name string, v []string, word string, value int) (int, error) {
	if len(v) == 1 {
		if word != "" && v[0] == word {
			return value, nil
		}
		if n, err := strconv.ParseUint(v[0], 10, 31); err == nil {
			return int(n), nil
		}
	}
	return 0, fmt.Errorf("%s is a number", name)
}

// apply sets what a submitted form holds. A field that is not known is an error
// where strict, else it is left alone.
func (c *Config) apply(f *forms.Form, strict bool) error {
	for _, d := range f.Fields {
		if d.Var == "FORM_TYPE" {
			continue
		}
		set := settingOf(d.Var)
		if set == nil {
			if strict {
				return errUnknownField(d.Var)
			}
			continue
		}
		if len(d.Values) == 0 && set.typ != "list-multi" && set.typ != "jid-multi" && set.typ != "text-single" {
			continue // nothing was chosen
		}
		if err := set.set(c, d.Values); err != nil {
			return err
		}
	}
	return nil
}

// read applies the form of a request to make or configure a node (§8.1.2, §8.2.5.2).
func (c *Config) read(f *forms.Form) error {
	err := c.apply(f, false)
	if err == nil {
		return nil
	}
	refused := stanza.NotAcceptable(err.Error())
	if d := f.Field("pubsub#access_model"); d != nil && new(Config).apply(&forms.Form{Fields: []forms.Field{*d}}, false) != nil {
		return with(refused, "unsupported-access-model", "")
	}
	return refused
}

// has checks that the service has the node's access model (§8.1.3, §8.2.5).
func (s *Service) has(c *Config) error {
	if s.Shared && c.Present {
		return stanza.NotAcceptable("nobody's presence is known here")
	}
	if s.Shared && (c.Access == "presence" || c.Access == "roster") {
		return with(stanza.NotAcceptable("there are no contacts here; have the node open, authorize or whitelist"), "unsupported-access-model", "")
	}
	return nil
}

func errUnknownField(name string) error { return fmt.Errorf("there is no field %q", name) }

// form returns a configuration as a form of the given type: "form" for the owner to
// fill in, "result" for those who are told of it, who do not learn how the owner has
// sorted them. A service for all has neither contacts nor presence.
func (s *Service) form(c *Config, typ string) *forms.Form {
	f := c.form(typ)
	if !s.Shared {
		return f
	}
	f.Fields = slices.DeleteFunc(f.Fields, func(d forms.Field) bool {
		return d.Var == "pubsub#roster_groups_allowed" || d.Var == "pubsub#presence_based_delivery"
	})
	if d := f.Field("pubsub#access_model"); d != nil {
		d.Options = slices.DeleteFunc(d.Options, func(o forms.Option) bool { return o.Value == "presence" || o.Value == "roster" })
	}
	return f
}

// form is Service.form for a person's nodes.
func (c *Config) form(typ string) *forms.Form {
	f := forms.New(typ, formConfig)
	for i := range settings {
		s := &settings[i]
		if typ == "result" && s.name == "roster_groups_allowed" {
			continue
		}
		d := forms.Field{Var: "pubsub#" + s.name, Type: s.typ, Label: s.label, Values: s.get(c)}
		if typ == "form" {
			for _, o := range s.options {
				d.Options = append(d.Options, forms.Option{Label: o, Value: o})
			}
			if s.name == "roster_groups_allowed" {
				for _, g := range c.Groups {
					d.Options = append(d.Options, forms.Option{Label: g, Value: g})
				}
			}
		}
		f.Fields = append(f.Fields, d)
	}
	return f
}

// meets reports whether a node with this configuration is what the options of a
// publication ask for (XEP-0060 §7.1.5), within the service's limits.
func (c *Config) meets(want *forms.Form) error {
	with := *c
	if err := with.apply(want, true); err != nil {
		return err
	}
	for _, d := range want.Fields {
		set := settingOf(d.Var)
		if set == nil {
			continue
		}
		if strings.Join(set.get(&with), "\n") != strings.Join(set.get(c), "\n") {
			return fmt.Errorf("the node has %s %s", set.name, strings.Join(set.get(c), ", "))
		}
	}
	return nil
}

// submitted finds the form among the children of an element and checks its type
// (XEP-0068); nil without one. cancelled is set for one that takes back the request.
func submitted(st *stanza.Stanza, parent stanza.Child, formType string) (f *forms.Form, cancelled bool, err error) {
	f, err = forms.In(st, parent)
	switch {
	case err != nil || f == nil:
		return nil, false, err
	case f.Type == "cancel":
		return nil, true, nil
	case f.Type != "submit":
		return nil, false, stanza.BadRequest("a form that is filled in has the type submit")
	case f.FormType() != "" && f.FormType() != formType:
		return nil, false, stanza.BadRequest("the form's FORM_TYPE is not " + formType)
	}
	return f, false, nil
}
