package muc

import (
	"strconv"
	"time"

	"natter/server/xep/archive"
	"natter/server/xep/forms"
)

// moreFeatures are those of a room that depend on how it is configured.
func (r *room) moreFeatures() []string {
	var list []string
	if r.config.Archive {
		list = append(list, archive.NS, archive.NSExtended, nsModerate, nsRetract)
	}
	if r.config.Register && !r.config.MembersOnly {
		list = append(list, nsQuery, nsRegister)
	}
	if r.config.VoiceRequests {
		list = append(list, nsRequest)
	}
	return append(append(list, mentionFeatures...), nsToken, nsHats, nsVersions, nsVCard, nsCommands)
}

// moreInfo adds the fields of extensions to what is said of the room.
func (r *room) moreInfo(f *forms.Form) {
	if r.config.SlowMode > 0 {
		f.Add("text-single", "muc#roominfo_slow_mode_duration", "Seconds between two messages", strconv.Itoa(r.config.SlowMode))
	}
	if len(r.extras.Avatar) > 0 {
		f.Add("text-multi", "muc#roominfo_avatarhash", "Hash of the picture", r.extras.Avatar...)
	}
	if len(r.extras.Hats) > 0 {
		f.Add("text-single", "hats#hash", "Hash of the hats", r.hatsHash())
	}
	r.addMentions(f, false)
	r.addActivity(f, time.Now())
}
