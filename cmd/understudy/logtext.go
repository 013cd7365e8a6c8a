package main

import (
	"log/slog"

	"github.com/understudy-io/understudy/domain"
)

// inLogs are the options of every log that people read: an error without the names of
// the classes that it wraps, as everywhere else.
func inLogs(level slog.Leveler) *slog.HandlerOptions {
	return &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if err, is := a.Value.Any().(error); is {
			a.Value = slog.StringValue(domain.Plain(err))
		}
		return a
	}}
}
