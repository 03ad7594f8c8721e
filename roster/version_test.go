package roster

import (
	"strconv"
	"strings"
	"testing"
)

func TestEveryModificationHasAVersionOfItsOwn(t *testing.T) {
	// §2.6.3.
	r := romeos(t)
	seen := map[string]bool{r.Version(): true}
	fresh := func(name, v string) {
		if seen[v] || v != r.Version() {
			t.Errorf("%s: version %s, the roster's is %s", name, v, r.Version())
		}
		seen[v] = true
	}
	fresh("adding", set(t, r, "j@example.com", "").Version)
	fresh("renaming", set(t, r, "j@example.com", "J").Version)
	fresh("asking", sent(t, r, "j@example.com", Subscribe).Push.Version)
	fresh("being approved", received(t, r, "j@example.com", Subscribed).Push.Version)
	out, _ := r.Remove(jid(t, "j@example.com"))
	fresh("removing", out.Push.Version)
	fresh("adding again", set(t, r, "j@example.com", "").Version)
}

func TestWhatClientsDoNotSeeIsNoModification(t *testing.T) {
	// §2.6.3, the definition.
	r := romeos(t)
	set(t, r, "j@example.com", "")
	version := r.Version()
	received(t, r, "j@example.com", Subscribe)
	received(t, r, "zoe@example.com", Subscribe)
	sent(t, r, "j@example.com", Unsubscribed)
	sent(t, r, "j@example.com", Unsubscribe)
	received(t, r, "j@example.com", Subscribed)
	if r.Version() != version {
		t.Errorf("version %s became %s", version, r.Version())
	}
}

func TestSinceTellsWhatAClientHasMissed(t *testing.T) {
	r := romeos(t)
	for _, j := range []string{"bill@example.org", "juliet@example.org", "nurse@example.org", "tybalt@example.org"} {
		set(t, r, j, "")
	}
	ver14 := r.Version()
	r.Remove(jid(t, "tybalt@example.org"))
	sent(t, r, "bill@example.org", Subscribe)
	set(t, r, "juliet@example.org", "Juliet")
	received(t, r, "bill@example.org", Subscribed)
	set(t, r, "nurse@example.org", "Nurse", "Servants")
	missed, ok := r.Since(ver14)
	if !ok {
		t.Fatal("the whole roster")
	}
	var got []string
	for i, p := range missed {
		line := p.Item.JID.String() + " " + p.Item.State.Subscription().String()
		if p.Removed {
			line = p.Item.JID.String() + " removed"
		}
		got = append(got, line)
		if i > 0 && missed[i-1].Version == p.Version {
			t.Errorf("version %s twice", p.Version)
		}
	}
	// Each once, as it is at last, in the order of its last change.
	want := "tybalt@example.org removed, juliet@example.org none, bill@example.org to, nurse@example.org none"
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
	if missed[len(missed)-1].Version != r.Version() {
		t.Errorf("the last one has version %s of %s", missed[len(missed)-1].Version, r.Version())
	}
	if missed, ok := r.Since(r.Version()); !ok || len(missed) != 0 {
		t.Errorf("nothing was missed, but got %v, %v", missed, ok)
	}
}

func TestTheWholeRosterAnswersWhatIsNoVersionOfIt(t *testing.T) {
	r := romeos(t)
	for i := range 40 {
		set(t, r, "c"+strconv.Itoa(i)+"@example.com", "")
	}
	for _, row := range []struct{ name, ver string }{
		{"§2.6.2 a client without a list", ""},
		{"another server's version", "ver14"},
		{"a hash", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
		{"another roster of the same address", "e2-1"},
		{"a version yet to come", "e1-zz"},
		{"a number that is none", "e1-!"},
		{"no number", "e1-"},
		{"a number written in another way", "e1-01"},
		{"a number with a sign", "e1-+1"},
		{"in capitals", "e1-A"},
		{"a number past all counting", "e1-" + strings.Repeat("z", 40)},
	} {
		t.Run(row.name, func(t *testing.T) {
			if missed, ok := r.Since(row.ver); ok || missed != nil {
				t.Errorf("%q is answered with %d changes", row.ver, len(missed))
			}
		})
	}
	if missed, ok := r.Since("e1-a"); !ok || len(missed) != 30 {
		t.Errorf("a true version: %d, %v", len(missed), ok)
	}
}

func TestTheShorterAnswerIsGiven(t *testing.T) {
	for _, row := range []struct {
		name          string
		left, removed int
		ok            bool
	}{
		{"few changes are pushed however short the list is", 0, 8, true},
		{"more changes than the list has items are not", 8, 9, false},
		{"as many changes as the list has items are", 9, 9, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := romeos(t)
			for i := range row.left + row.removed {
				set(t, r, "c"+strconv.Itoa(i)+"@example.com", "")
			}
			version := r.Version()
			for i := range row.removed {
				r.Remove(jid(t, "c"+strconv.Itoa(i)+"@example.com"))
			}
			if missed, ok := r.Since(version); ok != row.ok || ok && len(missed) != row.removed {
				t.Errorf("%d pushes, %v", len(missed), ok)
			}
		})
	}
}

func TestAnEpochIsMadeFitForAnAttribute(t *testing.T) {
	for _, row := range [][2]string{
		{"e1", "e1-0"}, {"", "-0"}, {"a-b'c<d>é", "abcd-0"}, {strings.Repeat("x", 50), strings.Repeat("x", 32) + "-0"},
	} {
		r := New(jid(t, "romeo@example.net"), row[0], DefaultLimits)
		if r.Version() != row[1] {
			t.Errorf("%q makes %s", row[0], r.Version())
		}
		if missed, ok := r.Since(r.Version()); !ok || missed != nil {
			t.Errorf("%q: its own version is not known", row[0])
		}
	}
}
