package presence

import (
	"slices"
	"strings"
	"testing"

	"natter/stanza"
)

func TestPriorities(t *testing.T) {
	// §4.7.2.3.
	for _, row := range []struct {
		name, children string
		want           int8
		bad            bool
	}{
		{"none is 0", "<show>away</show>", 0, false},
		{"0", "<priority>0</priority>", 0, false},
		{"the highest", "<priority>127</priority>", 127, false},
		{"the lowest", "<priority>-128</priority>", -128, false},
		{"with a sign", "<priority>+5</priority>", 5, false},
		{"minus nothing", "<priority>-0</priority>", 0, false},
		{"with zeros before it", "<priority>-000128</priority>", -128, false},
		{"with white space around it", "<priority>\n 5\t</priority>", 5, false},
		{"with a reference", "<priority>&#49;</priority>", 1, false},
		{"beside one of another namespace", "<priority xmlns='x'>9</priority><priority>3</priority>", 3, false},
		{"too high", "<priority>128</priority>", 0, true},
		{"too low", "<priority>-129</priority>", 0, true},
		{"far too high", "<priority>18446744073709551617</priority>", 0, true},
		{"empty", "<priority/>", 0, true},
		{"a sign alone", "<priority>-</priority>", 0, true},
		{"two signs", "<priority>+-1</priority>", 0, true},
		{"9", "<priority>9</priority>", 9, false},
		{"a letter", "<priority>a</priority>", 0, true},
		{"a word", "<priority>high</priority>", 0, true},
		{"a fraction", "<priority>1.5</priority>", 0, true},
		{"white space within", "<priority>1 2</priority>", 0, true},
		{"another script's digits", "<priority>\u0661</priority>", 0, true},
		{"two of them", "<priority>1</priority><priority>1</priority>", 0, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			st, perr := stanza.ParseIn([]byte("<presence>"+row.children+"</presence>"), stanza.NSClient, stanza.AfterLogin)
			if perr != nil {
				t.Fatal(perr)
			}
			got, err := PriorityOf(st)
			if got != row.want || (err != nil) != row.bad || row.bad && err.Condition != "bad-request" {
				t.Errorf("got %d, %v", got, err)
			}
		})
	}
}

func FuzzParsePriority(f *testing.F) {
	for _, s := range []string{"0", "127", "-128", "128", " +5 ", "-", "99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParsePriority(s)
		if err != nil && n != 0 {
			t.Errorf("%q is %d and refused", s, n)
		}
		if padded, perr := ParsePriority(" " + s + "\n"); padded != n || (perr == nil) != (err == nil) {
			t.Errorf("white space makes %q %d", s, padded)
		}
		if err == nil && strings.Trim(s, " \t\r\n+-0123456789") != "" {
			t.Errorf("%q is taken for %d", s, n)
		}
	})
}

func TestWhoGetsAMessageToTheBareJID(t *testing.T) {
	// §8.5.2.1.1.
	on := func(p int8) Resource { return Resource{Available: true, Priority: p} }
	off := func(p int8) Resource { return Resource{Priority: p} }
	for _, row := range []struct {
		name        string
		resources   []Resource
		most, every []int
	}{
		{"nobody is there", nil, nil, nil},
		{"nobody is available", []Resource{off(5)}, nil, nil},
		{"all are negative", []Resource{on(-1), on(-128)}, nil, nil},
		{"one is not negative", []Resource{on(-1), on(0)}, []int{1}, []int{1}},
		{"one is higher", []Resource{on(1), on(5), on(0)}, []int{1}, []int{0, 1, 2}},
		{"two are as high", []Resource{on(5), on(1), on(5), on(-3)}, []int{0, 2}, []int{0, 1, 2}},
		{"all are 0", []Resource{on(0), off(9), on(0)}, []int{0, 2}, []int{0, 2}},
		{"the highest is not available", []Resource{off(127), on(3)}, []int{1}, []int{1}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := MostAvailable([]int{7}, row.resources); !slices.Equal(got, append([]int{7}, row.most...)) {
				t.Errorf("most available: %v", got)
			}
			if got := NonNegative([]int{7}, row.resources); !slices.Equal(got, append([]int{7}, row.every...)) {
				t.Errorf("not negative: %v", got)
			}
		})
	}
}
