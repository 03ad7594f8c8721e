package muc

import "testing"

// The tables of XEP-0045 §5.1.3 and §5.2.2, written out: for each one who acts, what
// becomes of each change.

func TestWhoMayChangeRoles(t *testing.T) {
	affs := []affiliation{none, member, admin, owner}
	roles := []role{visitor, participant, moderator}
	// actor is a role with an affiliation that allows it.
	for _, mine := range affs {
		for _, my := range roles {
			for _, target := range affs {
				for _, from := range roles {
					for _, to := range []role{absent, visitor, participant, moderator} {
						got := mayChangeRole(my, mine, target, from, to)
						if want := wantRole(my, mine, target, from, to); got != want {
							t.Errorf("%v %v, of a %v %v to %v: %d, want %d", my, mine, target, from, to, got, want)
						}
					}
				}
			}
		}
	}
}

// wantRole follows the text of the XEP sentence by sentence.
func wantRole(my role, mine, target affiliation, from, to role) verdict {
	moderates := my == moderator
	administers := mine == admin || mine == owner
	switch {
	case from == to && moderates:
		return allowed
	case from == to:
		return forbidden
	case to == moderator && administers: // "Admin or owner grants moderator status"
		return allowed
	case to == moderator:
		return forbidden
	case from == moderator && to != absent: // "Admin or owner revokes moderator status *"
		if !administers {
			return forbidden
		}
		if target == admin || target == owner {
			return notAllowed
		}
		return allowed
	case !moderates:
		return forbidden
	case to == absent && target > mine: // §8.2
		return notAllowed
	case to != absent && (target == admin || target == owner): // §8.4
		return notAllowed
	}
	return allowed
}

func TestWhoMayChangeAffiliations(t *testing.T) {
	y, f, n := allowed, forbidden, notAllowed
	// by the one who acts: from (outcast, none, member, admin, owner) by to.
	tables := map[affiliation][5][5]verdict{
		outcast: {{f, f, f, f, f}, {f, f, f, f, f}, {f, f, f, f, f}, {f, f, f, f, f}, {f, f, f, f, f}},
		none:    {{f, f, f, f, f}, {f, f, f, f, f}, {f, f, f, f, f}, {f, f, f, f, f}, {f, f, f, f, f}},
		member:  {{f, f, f, f, f}, {f, f, f, f, f}, {f, f, f, f, f}, {f, f, f, f, f}, {f, f, f, f, f}},
		admin:   {{y, y, y, f, f}, {y, y, y, f, f}, {y, y, y, f, f}, {n, n, n, f, f}, {n, n, n, f, f}},
		owner:   {{y, y, y, y, y}, {y, y, y, y, y}, {y, y, y, y, y}, {y, y, y, y, y}, {y, y, y, y, y}},
	}
	for who, table := range tables {
		for from := outcast; from <= owner; from++ {
			for to := outcast; to <= owner; to++ {
				if got := mayChangeAffiliation(who, from, to); got != table[from][to] {
					t.Errorf("%v makes of a %v a %v: %d, want %d", who, from, to, got, table[from][to])
				}
			}
		}
	}
}

func TestWhoMayReadLists(t *testing.T) {
	// by whether the room is non-anonymous, and who asks: which of outcast, none,
	// member, admin, owner.
	want := [2][5][5]bool{
		{{}, {}, {}, {true, true, true, false, false}, {true, true, true, true, true}},
		{{}, {}, {false, false, true, true, true}, {true, true, true, true, true}, {true, true, true, true, true}},
	}
	for i, open := range []bool{false, true} {
		for who := outcast; who <= owner; who++ {
			for list := outcast; list <= owner; list++ {
				if got := mayList(who, list, open); got != want[i][who][list] {
					t.Errorf("non-anonymous %v: a %v reads the list of %v: %v", open, who, list, got)
				}
			}
		}
	}
}

func TestRolesAfterAffiliations(t *testing.T) {
	for _, c := range []struct {
		name      string
		role      role
		from, to  affiliation
		moderated bool
		want      role
	}{
		{"an admin is a moderator", participant, none, admin, false, moderator},
		{"a member of a moderated room has voice", visitor, none, member, true, participant},
		{"a member of another one keeps it", participant, none, member, false, participant},
		{"a moderator made member stays one", moderator, none, member, false, moderator},
		{"an admin no more is no moderator", moderator, admin, none, false, participant},
		{"… nor has voice in a moderated room", moderator, admin, none, true, visitor},
		{"a member no more loses voice where that came with it", participant, member, none, true, visitor},
		{"a visitor stays one", visitor, member, none, false, visitor},
		{"an owner made admin stays moderator", moderator, owner, admin, false, moderator},
	} {
		if got := roleAfter(c.role, c.from, c.to, c.moderated); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
