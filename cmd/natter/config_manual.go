package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"regexp"
	"strings"
	"time"

	"natter/server"
)

// A chapter of the manual is about settings that belong together.
type chapter struct {
	title      string
	paragraphs []paragraph
}

// A paragraph is what one comment says, with the settings it is about.
type paragraph struct {
	text     string
	settings []setting
}

// manual returns what there is to set, with the comments of the fields as text
// and the values that o has as examples.
func (o *options) manual() []chapter {
	rename := make(map[string]string)
	for _, s := range o.all() {
		rename[s.name] = s.key
	}
	core := chapters(server.ConfigSource, "Config", fieldsOf(&o.Server), rename)
	own := chapters(settingsSource, "settings", fieldsOf(&o.settings), rename)
	return append(append(core[:1:1], own...), core[1:]...) // where, after what
}

// chapterTitle is a comment between fields that begins a chapter.
var chapterTitle = regexp.MustCompile(`^# (.+)\n$`)

// chapters returns what the comments of a struct of that name in Go source say of
// its fields, in chapters.
func chapters(source, name string, fields []setting, rename map[string]string) (list []chapter) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", source, parser.ParseComments)
	if err != nil {
		panic(err) // it has been compiled
	}
	index := make(map[string]setting)
	for _, s := range fields {
		index[s.name] = s
	}
	comments := file.Comments
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != name {
			return true
		}
		for _, f := range spec.Type.(*ast.StructType).Fields.List {
			for len(comments) > 0 && comments[0].Pos() < f.Pos() {
				if title := chapterTitle.FindStringSubmatch(comments[0].Text()); title != nil && comments[0].Pos() > spec.Pos() {
					list = append(list, chapter{title: title[1]})
				}
				comments = comments[1:]
			}
			c := &list[len(list)-1]
			if f.Doc != nil {
				c.paragraphs = append(c.paragraphs, paragraph{text: withKeys(f.Doc.Text(), rename)})
			}
			p := &c.paragraphs[len(c.paragraphs)-1]
			for _, ident := range f.Names {
				p.settings = append(p.settings, index[ident.Name])
			}
		}
		return false
	})
	return list
}

// withKeys puts keys in the place of the names of fields.
func withKeys(text string, rename map[string]string) string {
	return fieldName.ReplaceAllStringFunc(strings.TrimSpace(text), func(word string) string {
		if key := rename[word]; key != "" {
			return key
		}
		return word
	})
}

var fieldName = regexp.MustCompile(`\b[A-Z][A-Za-z0-9]*\b`)

// example returns the line that sets a setting to the value it has.
func (s setting) example() string { return s.key + " = " + s.value() }

// value returns the value of a setting as it is written.
func (s setting) value() string {
	switch v := s.field.Interface().(type) {
	case time.Duration:
		return fmt.Sprintf("%q", formatSpan(v))
	case []string:
		quoted := make([]string, len(v))
		for i := range v {
			quoted[i] = fmt.Sprintf("%q", v[i])
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case string:
		return fmt.Sprintf("%q", v)
	}
	if s.field.Kind() == reflect.Bool {
		return fmt.Sprint(s.field.Bool())
	}
	return formatNumber(s.field.Int())
}
