package relay

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// logs hands what the TURN library says to the server's log, as details: all of it can
// be caused from outside.
type logs struct{ to *slog.Logger }

// NewLogger implements logging.LoggerFactory.
func (l logs) NewLogger(string) logging.LeveledLogger { return details(l) }

type details struct{ to *slog.Logger }

func (d details) say(text string, args ...any) {
	if d.to.Enabled(context.Background(), slog.LevelDebug) {
		d.to.Debug("relay", "says", fmt.Sprintf(text, args...))
	}
}

func (d details) Trace(string)              {}
func (d details) Tracef(string, ...any)     {}
func (d details) Debug(string)              {}
func (d details) Debugf(string, ...any)     {} // several for each packet
func (d details) Info(s string)             { d.say("%s", s) }
func (d details) Infof(s string, a ...any)  { d.say(s, a...) }
func (d details) Warn(s string)             { d.say("%s", s) }
func (d details) Warnf(s string, a ...any)  { d.say(s, a...) }
func (d details) Error(s string)            { d.say("%s", s) }
func (d details) Errorf(s string, a ...any) { d.say(s, a...) }
