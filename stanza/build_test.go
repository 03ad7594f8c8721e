package stanza

import "testing"

func TestEscaping(t *testing.T) {
	const s = "a<b>&c\"d'e\tf\ng\rh\x00i\xffj\uFFFEk\U0001F600é"
	if got := string(AppendText(nil, s)); got != "a&lt;b&gt;&amp;c\"d'e\tf\ng&#13;h\uFFFDi\uFFFDj\uFFFDk\U0001F600é" {
		t.Errorf("text %q", got)
	}
	if got := string(AppendAttr(nil, []byte(s))); got != "a&lt;b&gt;&amp;c&quot;d&apos;e&#9;f&#10;g&#13;h\uFFFDi\uFFFDj\uFFFDk\U0001F600é" {
		t.Errorf("value %q", got)
	}
	const clean = "a<b>&c\"d'e\tf\ng\rh é"
	st := one(t, "<message id='"+string(AppendAttr(nil, clean))+"'><body>"+string(AppendText(nil, clean))+"</body></message>")
	if st.IDString() != clean || st.Body() != clean {
		t.Errorf("came back as %q and %q", st.IDString(), st.Body())
	}
}

func TestBuilder(t *testing.T) {
	dst := AppendOpen(nil, "query", "xmlns", "jabber:iq:roster", "ver", "")
	dst = AppendElement(dst, "group", "a<b", "n", "it's")
	dst = AppendElement(dst, "empty", "")
	dst = AppendEmpty(dst, "item", "jid", "a@b")
	dst = AppendClose(dst, "query")
	want := "<query xmlns='jabber:iq:roster'><group n='it&apos;s'>a&lt;b</group><empty/><item jid='a@b'/></query>"
	if string(dst) != want {
		t.Errorf("\n got %s\nwant %s", dst, want)
	}
}
