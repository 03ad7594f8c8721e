package muc

// affiliation is a long-lived association of a bare JID with a room (XEP-0045
// §5.2), in ascending order of what it permits.
type affiliation uint8

const (
	outcast affiliation = iota
	none
	member
	admin
	owner
)

var affiliationNames = [...]string{"outcast", "none", "member", "admin", "owner"}

func (a affiliation) String() string { return affiliationNames[a] }

func parseAffiliation(s string) (affiliation, bool) {
	for i, name := range affiliationNames {
		if s == name {
			return affiliation(i), true
		}
	}
	return none, false
}

// role is a temporary position of an occupant (XEP-0045 §5.1), in ascending order.
type role uint8

const (
	absent role = iota // "none": not in the room
	visitor
	participant
	moderator
)

var roleNames = [...]string{"none", "visitor", "participant", "moderator"}

func (r role) String() string { return roleNames[r] }

func parseRole(s string) (role, bool) {
	for i, name := range roleNames {
		if s == name {
			return role(i), true
		}
	}
	return absent, false
}

// defaultRole is the role of somebody who enters (XEP-0045 §5.1.2), by whether the
// room is moderated and affiliation.
var defaultRole = [2][owner + 1]role{
	{outcast: absent, none: participant, member: participant, admin: moderator, owner: moderator},
	{outcast: absent, none: visitor, member: participant, admin: moderator, owner: moderator},
}

// The least role, or affiliation, for what an occupant does (XEP-0045 §5.1.1,
// §5.2.1). What a room's configuration has a say in is decided where it is done.
const (
	mayKick      = moderator
	mayVoice     = moderator
	mayModerate  = moderator // retract the messages of others (XEP-0425)
	mayInvite    = admin     // to a members-only room, unless members may
	mayListRoles = moderator
	mayConfigure = owner
)

// verdict is what the tables say.
type verdict uint8

const (
	allowed    verdict = iota
	forbidden          // the sender is not one who does such things
	notAllowed         // … but the one it is done to is above that
)

// mayChangeRole decides whether an occupant with role r and affiliation a may
// change the role of one with affiliation target from its role to another
// (XEP-0045 §5.1.3, §8.2, §8.4, §9.6, §9.7).
func mayChangeRole(r role, a affiliation, target affiliation, from, to role) verdict {
	switch {
	case from == to:
		if r < moderator {
			return forbidden
		}
		return allowed
	case to == moderator: // §9.6
		if a < admin {
			return forbidden
		}
		return allowed
	case from == moderator && to != absent: // §9.7
		switch {
		case a < admin:
			return forbidden
		case target >= admin: // it is a moderator by its affiliation
			return notAllowed
		}
		return allowed
	case r < moderator:
		return forbidden
	case to == absent: // §8.2
		if target > a {
			return notAllowed
		}
		return allowed
	case target >= admin: // §8.4
		return notAllowed
	}
	return allowed
}

// mayChangeAffiliation decides whether somebody of affiliation a may change that
// of another from one to another (XEP-0045 §5.2.2, §9, §10).
func mayChangeAffiliation(a, from, to affiliation) verdict {
	switch {
	case a == owner:
		return allowed
	case a < admin:
		return forbidden
	case to >= admin: // owners make admins and owners (§10.3, §10.6)
		return forbidden
	case from >= admin: // §9.1
		return notAllowed
	}
	return allowed
}

// mayList decides whether somebody may read the list of an affiliation (XEP-0045
// §9.2, §9.5, §10.5, §10.8), by their own affiliation and whether the room is
// non-anonymous, where all but the outcasts are known anyhow.
func mayList(a affiliation, list affiliation, nonAnonymous bool) bool {
	switch {
	case a >= admin && (list <= member || a == owner):
		return true
	case list == outcast || list == none:
		return false
	}
	return nonAnonymous && a >= member
}
