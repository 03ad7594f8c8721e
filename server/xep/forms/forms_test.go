package forms

import (
	"reflect"
	"testing"
)

func TestAFormIsReadAsItWasWritten(t *testing.T) {
	f := New("form", "urn:example").Add("text-multi", "text", "A text", "one", "two & three").
		AddBool("flag", "On?", true).AddInt("n", "How many", 3).AddList("who", "Who", "all", "all=Everybody", "none")
	f.Title, f.Instructions = "A form", "Fill it in."
	f.Fields[1].Required = true
	got, err := ParseBytes(f.Bytes())
	if err != nil || !reflect.DeepEqual(got, f) {
		t.Fatalf("got %+v, %v\nwant %+v", got, err, f)
	}
	if v, given, err := got.Bool("flag"); !v || !given || err != nil {
		t.Errorf("flag is %v, %v, %v", v, given, err)
	}
	if got.FormType() != "urn:example" || got.Text("text") != "one\ntwo & three" || got.Get("none") != "" || got.Has("none") {
		t.Errorf("values are not what was written: %+v", got)
	}
}

func TestWhatIsNoFormIsRefused(t *testing.T) {
	for _, bad := range []string{"", "<x/>", "<x xmlns='jabber:x:data'/>", "<x xmlns='jabber:x:data' type='other'/>", "text",
		"<x xmlns='jabber:x:data' type='form'/><x xmlns='jabber:x:data' type='form'/>"} {
		if f, err := ParseBytes([]byte(bad)); err == nil {
			t.Errorf("%q is read as %+v", bad, f)
		}
	}
	f, err := ParseBytes([]byte("<x xmlns='jabber:x:data' type='submit'><field var='b'><value>maybe</value></field></x>"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Bool("b"); err == nil {
		t.Error("maybe is a boolean")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("<x xmlns='jabber:x:data' type='submit'><field var='a'><value>b</value><option><value>c</value></option></field></x>"))
	f.Fuzz(func(t *testing.T, b []byte) {
		form, err := ParseBytes(b)
		if err != nil {
			return
		}
		again, err := ParseBytes(form.Bytes())
		if err != nil {
			t.Fatalf("%q is written as %q: %v", b, form.Bytes(), err)
		}
		if len(again.Fields) != len(form.Fields) {
			t.Errorf("%q: %d fields become %d", b, len(form.Fields), len(again.Fields))
		}
	})
}
