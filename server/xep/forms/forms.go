// Package forms implements the server's side of XEP-0004 Data Forms, version
// 2.13.1, with XEP-0068 Field Standardization: reading what a client submits and
// writing forms and results. Its values are plain and belong to one goroutine.
package forms

import (
	"fmt"
	"strconv"
	"strings"

	"natter/stanza"
)

// NS is the namespace of data forms.
const NS = "jabber:x:data"

// Bounds on what a form may hold, beyond the size of a stanza.
const (
	maxFields = 200
	maxValues = 1000
)

// Form is a data form of one item.
type Form struct {
	Type         string // form, submit, cancel or result
	Title        string
	Instructions string
	Fields       []Field
}

// Field is one field of a form (XEP-0004 §3.2).
type Field struct {
	Var      string
	Type     string // boolean, hidden, list-single, …; "" in what clients submit
	Label    string
	Desc     string
	Required bool
	Values   []string
	Options  []Option
	Open     bool // a list that takes other values as well (XEP-0122 §3.2.2); only written
	// Extra are further elements of a field that is written, serialised, such as
	// what a value must be like (XEP-0122).
	Extra []byte
}

// Option is one of the choices of a list field.
type Option struct{ Label, Value string }

// In finds the form among the children of an element of a stanza; nil when there is
// none. The error is a bad-request.
func In(st *stanza.Stanza, parent stanza.Child) (*Form, error) {
	for c := range st.Children(parent) {
		if st.ChildIs(c, NS, "x") {
			return Parse(st, c)
		}
	}
	return nil, nil
}

// Parse reads the form that an <x/> element is. The error is a bad-request.
func Parse(st *stanza.Stanza, x stanza.Child) (*Form, error) {
	f := &Form{}
	f.Type, _ = st.ChildAttr(x, "type")
	switch f.Type {
	case "form", "submit", "cancel", "result":
	default:
		return nil, stanza.BadRequest(fmt.Sprintf("a data form has no type %q", f.Type))
	}
	values := 0
	for c := range st.Children(x) {
		if string(st.Space(c)) != NS {
			continue
		}
		switch string(st.Local(c)) {
		case "title":
			f.Title = st.Text(c)
		case "instructions":
			f.Instructions = st.Text(c)
		case "field":
			if len(f.Fields) == maxFields {
				return nil, stanza.BadRequest("the data form has too many fields")
			}
			field := Field{}
			field.Var, _ = st.ChildAttr(c, "var")
			field.Type, _ = st.ChildAttr(c, "type")
			field.Label, _ = st.ChildAttr(c, "label")
			for v := range st.Children(c) {
				switch {
				case st.ChildIs(v, NS, "value"):
					if values++; values > maxValues {
						return nil, stanza.BadRequest("the data form has too many values")
					}
					field.Values = append(field.Values, st.Text(v))
				case st.ChildIs(v, NS, "required"):
					field.Required = true
				case st.ChildIs(v, NS, "option"):
					if values++; values > maxValues {
						return nil, stanza.BadRequest("the data form has too many options")
					}
					o := Option{}
					o.Label, _ = st.ChildAttr(v, "label")
					if val, ok := st.Find(v, NS, "value"); ok {
						o.Value = st.Text(val)
					}
					field.Options = append(field.Options, o)
				}
			}
			f.Fields = append(f.Fields, field)
		}
	}
	return f, nil
}

// ParseBytes is Parse for an <x/> that stands alone.
func ParseBytes(b []byte) (*Form, error) {
	wrapped := append(append([]byte("<w xmlns='urn:natter:wrap'>"), b...), "</w>"...)
	st, err := stanza.Parse(wrapped, stanza.AfterLogin)
	if err != nil {
		return nil, err
	}
	if st.NumChildren() != 1 || !st.ChildIs(st.ChildAt(0), NS, "x") {
		return nil, stanza.BadRequest("not a data form")
	}
	return Parse(st, st.ChildAt(0))
}

// Field returns the field with this name, nil without.
func (f *Form) Field(name string) *Field {
	if f == nil {
		return nil
	}
	for i := range f.Fields {
		if f.Fields[i].Var == name {
			return &f.Fields[i]
		}
	}
	return nil
}

// Has reports whether the form has a field with this name.
func (f *Form) Has(name string) bool { return f.Field(name) != nil }

// Get returns the first value of a field, "" without one.
func (f *Form) Get(name string) string {
	if field := f.Field(name); field != nil && len(field.Values) > 0 {
		return field.Values[0]
	}
	return ""
}

// List returns the values of a field.
func (f *Form) List(name string) []string {
	if field := f.Field(name); field != nil {
		return field.Values
	}
	return nil
}

// Text returns a field's values as lines of one text.
func (f *Form) Text(name string) string { return strings.Join(f.List(name), "\n") }

// Bool returns a field's value as XEP-0004 §3.3 spells booleans; given is false
// without a value, and the error is a bad-request for one that is none.
func (f *Form) Bool(name string) (value, given bool, err error) {
	switch v := f.Get(name); v {
	case "":
		return false, false, nil
	case "1", "true":
		return true, true, nil
	case "0", "false":
		return false, true, nil
	default:
		return false, false, stanza.BadRequest(fmt.Sprintf("%s is true or false, not %q", name, v))
	}
}

// FormType returns the value of the field FORM_TYPE (XEP-0068).
func (f *Form) FormType() string { return f.Get("FORM_TYPE") }

// New returns a form with a FORM_TYPE, "" for none.
func New(typ, formType string) *Form {
	f := &Form{Type: typ}
	if formType != "" {
		f.Fields = append(f.Fields, Field{Var: "FORM_TYPE", Type: "hidden", Values: []string{formType}})
	}
	return f
}

// Add appends a field and returns the form.
func (f *Form) Add(typ, name, label string, values ...string) *Form {
	f.Fields = append(f.Fields, Field{Var: name, Type: typ, Label: label, Values: values})
	return f
}

// AddBool appends a boolean field and returns the form.
func (f *Form) AddBool(name, label string, value bool) *Form {
	v := "0"
	if value {
		v = "1"
	}
	return f.Add("boolean", name, label, v)
}

// AddInt appends a text field with a number and returns the form.
func (f *Form) AddInt(name, label string, value int) *Form {
	return f.Add("text-single", name, label, strconv.Itoa(value))
}

// AddList appends a field of type list-single with its options, whose labels are
// their values where they are not given as VALUE=LABEL, and returns the form.
func (f *Form) AddList(name, label, value string, options ...string) *Form {
	field := Field{Var: name, Type: "list-single", Label: label, Values: []string{value}}
	for _, o := range options {
		v, l, ok := strings.Cut(o, "=")
		if !ok {
			l = v
		}
		field.Options = append(field.Options, Option{Label: l, Value: v})
	}
	f.Fields = append(f.Fields, field)
	return f
}

// AppendTo appends the form as an <x/> that stands alone.
func (f *Form) AppendTo(b []byte) []byte {
	b = stanza.AppendOpen(b, "x", "xmlns", NS, "type", f.Type)
	if f.Title != "" {
		b = stanza.AppendElement(b, "title", f.Title)
	}
	if f.Instructions != "" {
		b = stanza.AppendElement(b, "instructions", f.Instructions)
	}
	for i := range f.Fields {
		b = f.Fields[i].appendTo(b)
	}
	return stanza.AppendClose(b, "x")
}

// Bytes returns the form as an <x/> that stands alone.
func (f *Form) Bytes() []byte { return f.AppendTo(nil) }

func (d *Field) appendTo(b []byte) []byte {
	b = stanza.AppendOpen(b, "field", "var", d.Var, "type", d.Type, "label", d.Label)
	if d.Desc != "" {
		b = stanza.AppendElement(b, "desc", d.Desc)
	}
	if d.Required {
		b = stanza.AppendEmpty(b, "required")
	}
	b = append(b, d.Extra...)
	if d.Open {
		b = append(b, "<validate xmlns='http://jabber.org/protocol/xdata-validate' datatype='xs:string'><open/></validate>"...)
	}
	for _, v := range d.Values {
		b = stanza.AppendElement(b, "value", v)
	}
	for _, o := range d.Options {
		b = stanza.AppendOpen(b, "option", "label", o.Label)
		b = stanza.AppendElement(b, "value", o.Value)
		b = stanza.AppendClose(b, "option")
	}
	return stanza.AppendClose(b, "field")
}
