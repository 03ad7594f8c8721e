package web

import (
	"reflect"
	"regexp"
	"slices"
	"testing"
)

// TestNoLanguageLacksAWord, and both fill in the same.
func TestNoLanguageLacksAWord(t *testing.T) {
	en, zh := reflect.ValueOf(*inviteEnglish), reflect.ValueOf(*inviteChinese)
	hole := regexp.MustCompile(`\{\w+\}`)
	for i := range en.NumField() {
		name := en.Type().Field(i).Name
		a, b := hole.FindAllString(en.Field(i).String(), -1), hole.FindAllString(zh.Field(i).String(), -1)
		slices.Sort(a)
		slices.Sort(b)
		if en.Field(i).String() == "" || zh.Field(i).String() == "" || !slices.Equal(slices.Compact(a), slices.Compact(b)) {
			t.Errorf("%s: %q, %q", name, en.Field(i), zh.Field(i))
		}
	}
}
