package stanza

import "testing"

// TestTheZeroChildHasNothing: what Find returns where there is none may be asked
// like any other.
func TestTheZeroChildHasNothing(t *testing.T) {
	for _, raw := range []string{"<iq xmlns='jabber:client' id='a'><q xmlns='x'/></iq>", "<a/>", "<message xmlns='jabber:client'><body>hi</body></message>"} {
		st, err := Parse([]byte(raw), AfterLogin)
		if err != nil {
			t.Fatal(err)
		}
		var c Child
		if v, ok := st.ChildAttr(c, "id"); ok || v != "" {
			t.Errorf("%s: an attribute %q", raw, v)
		}
		if s := st.Text(c); s != "" {
			t.Errorf("%s: a text %q", raw, s)
		}
		for range st.Children(c) {
			t.Errorf("%s: a child", raw)
		}
		if _, ok := st.Find(c, "x", "q"); ok || st.ChildIs(c, "", "") || string(st.Local(c)) != "" {
			t.Errorf("%s: it is something", raw)
		}
		if b := st.Detach(nil, c); len(b) != 0 {
			t.Errorf("%s: it detaches to %q", raw, b)
		}
		if b := st.Bytes(c); len(b) != 0 || len(st.InnerBytes(c)) != 0 {
			t.Errorf("%s: bytes %q", raw, b)
		}
	}
}
