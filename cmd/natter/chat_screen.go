package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/term"
)

// screen is where chat prints and reads: a terminal with a line editor, below
// which nothing is ever printed, or, when standard input is no terminal, plain
// lines in and out.
type screen struct {
	std   stdio
	view  *view
	input chan inputLine // closed at the end of the input

	// Of the terminal only:
	editor   *term.Terminal // nil in line mode
	tty      *ttyWriter
	cols     atomic.Int64 // its width
	restore  func()
	ended    bool // the terminal is as it was: lines are printed as in line mode
	prompt   string
	indent   atomic.Int64 // width of the prompt
	complete func(line string, pos int) (string, int)

	last lastPrint // what could still be amended
}

// inputLine is what the user entered.
type inputLine struct {
	text    string
	rows    int   // of the terminal that its echo takes up; 0 in line mode
	printed int64 // blocks that had been printed when it was entered
	entered int64 // lines that had been entered, with this one
}

// lastPrint remembers the block printed last, so that a tick can be added.
type lastPrint struct {
	what any // what the block shows; nil when something else came after it
	rows int
	cols int64
}

// newScreen prepares the screen. Reading begins with start.
func newScreen(std stdio, v *view) *screen {
	s := &screen{std: std, view: v, input: make(chan inputLine)}
	if isTerminal(std.in) && isTerminal(std.out) {
		s.tty = &ttyWriter{in: std.in, out: std.out}
		s.cols.Store(int64(terminalWidth(std.out)))
		v.width = func() int { return int(s.cols.Load()) }
	}
	v.colours = isTerminal(std.out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	v.symbols = speaksUTF8()
	return s
}

// speaksUTF8 says whether the locale has UTF-8. Without any locale it is taken
// for granted.
func speaksUTF8() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToLower(os.Getenv(name)); value != "" {
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return true
}

func terminalWidth(out io.Writer) int {
	if file, ok := out.(*os.File); ok {
		if w, _, err := term.GetSize(int(file.Fd())); err == nil && w > 0 {
			return w
		}
	}
	return 80
}

// start begins to read lines, which arrive on s.input. With a terminal it
// switches to the line editor; stop switches back.
func (s *screen) start(ctx context.Context) error {
	if s.tty == nil {
		go func() {
			defer close(s.input)
			for text := range linesOf(ctx, s.std.in) {
				select {
				case s.input <- inputLine{text: text}:
				case <-ctx.Done():
					return
				}
			}
		}()
		return nil
	}
	file := s.std.in.(*os.File)
	before, err := term.MakeRaw(int(file.Fd()))
	if err != nil {
		return fmt.Errorf("preparing the terminal: %w", err)
	}
	s.editor = term.NewTerminal(s.tty, s.prompt)
	s.editor.AutoCompleteCallback = func(line string, pos int, key rune) (string, int, bool) {
		if key != '\t' {
			return "", 0, false
		}
		line, pos = s.complete(line, pos)
		return line, pos, true
	}
	s.resize()
	s.editor.SetBracketedPasteMode(true)
	unwatch := watchSize(s.resize)
	s.restore = func() {
		unwatch()
		s.editor.SetBracketedPasteMode(false)
		term.Restore(int(file.Fd()), before)
	}
	go s.edit(ctx)
	return nil
}

// edit reads lines from the editor. Lines pasted together are one input.
func (s *screen) edit(ctx context.Context) {
	defer close(s.input)
	var pasted []string
	rows := 0
	for {
		text, err := s.editor.ReadLine()
		isPaste := errors.Is(err, term.ErrPasteIndicator)
		if err != nil && !isPaste {
			return
		}
		rows += (int(s.indent.Load())+cells(text))/int(max(s.cols.Load(), 1)) + 1
		if isPaste {
			pasted = append(pasted, text)
			continue
		}
		line := inputLine{text: text, rows: rows, printed: s.tty.before.Load(), entered: s.tty.entered.Load()}
		if len(pasted) > 0 {
			line.text = strings.TrimRight(strings.Join(append(pasted, text), "\n"), "\n")
		}
		pasted, rows = nil, 0
		select {
		case s.input <- line:
		case <-ctx.Done():
			return
		}
	}
}

// stop gives the terminal back as it was.
func (s *screen) stop() {
	if s.restore != nil {
		s.ended = true
		s.restore()
		fmt.Fprint(s.std.out, "\r\x1b[K")
	}
}

// resize takes over the size of the terminal.
func (s *screen) resize() {
	cols := terminalWidth(s.std.out)
	s.cols.Store(int64(cols))
	s.editor.SetSize(cols, 24)
}

// write prints below everything printed before and above the input line.
func (s *screen) write(text string) {
	if s.editor == nil || s.ended {
		io.WriteString(s.std.out, text)
		return
	}
	s.tty.printed.Add(1)
	s.tty.printing.Store(true)
	s.editor.Write([]byte(text))
	s.tty.printing.Store(false)
}

// print prints lines.
func (s *screen) print(lines []string) {
	s.last = lastPrint{}
	if len(lines) > 0 {
		s.write(strings.Join(lines, "\n") + "\n")
	}
}

// printFor prints lines that show what, which may be amended until something
// else is printed.
func (s *screen) printFor(what any, lines []string) {
	s.print(lines)
	s.last = lastPrint{what: what, rows: len(lines), cols: s.cols.Load()}
}

// amend prints anew the lines that show what, in their place. It does nothing,
// and says so, when that is not possible.
func (s *screen) amend(what any, lines []string) bool {
	if s.editor == nil || s.ended || s.last.what != what || s.last.cols != s.cols.Load() || s.last.rows > 10 {
		return false
	}
	s.write(fmt.Sprintf("\x1b[%dA\r\x1b[J%s\n", s.last.rows, strings.Join(lines, "\n")))
	s.last.rows = len(lines)
	return true
}

// unecho removes the echo of an entered line, before it is shown in its proper
// form. When something came below it in the meantime, it stays.
func (s *screen) unecho(l inputLine) {
	if s.editor != nil && l.rows > 0 && l.printed == s.tty.printed.Load() && l.entered == s.tty.entered.Load() {
		s.write(fmt.Sprintf("\x1b[%dA\r\x1b[J", l.rows))
	}
}

// setPrompt changes what stands before the input. Line mode has none.
func (s *screen) setPrompt(prompt string) {
	if prompt == s.prompt {
		return
	}
	s.prompt = prompt
	s.indent.Store(int64(cells(stripEscapes(prompt))))
	if s.editor != nil && !s.ended {
		s.editor.SetPrompt(prompt)
		s.editor.Write(nil) // repaints
	}
}

// ttyWriter is the terminal as the editor sees it. It notes when a line was
// entered, to know whether its echo is still the last thing on the screen.
type ttyWriter struct {
	in       io.Reader
	out      io.Writer
	printed  atomic.Int64 // blocks printed
	printing atomic.Bool  // a block is being printed, or is about to
	entered  atomic.Int64 // lines entered
	before   atomic.Int64 // blocks that had been printed when the last of them was
}

// Read implements io.Reader.
func (t *ttyWriter) Read(p []byte) (int, error) { return t.in.Read(p) }

// Write implements io.Writer.
func (t *ttyWriter) Write(p []byte) (int, error) {
	if !t.printing.Load() && bytes.HasSuffix(p, []byte("\r\n")) {
		t.entered.Add(1)
		t.before.Store(t.printed.Load())
	}
	return t.out.Write(p)
}

// bell asks for the user's attention, on a terminal.
func (s *screen) bell() {
	if s.editor != nil && !s.ended {
		s.tty.Write([]byte{'\a'})
	}
}
