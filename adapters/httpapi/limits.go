package httpapi

import (
	"log/slog"
	"net/http"
	"time"
)

// The limits of the API.
const (
	MaxBody     = 256 << 10        // bytes of a request's body: a salvo of 288 takes has 20 KiB
	MaxHeader   = 16 << 10         // bytes of a request's header
	MaxWait     = 60 * time.Second // that a caller may wait for an outcome
	DefaultWait = 5 * time.Second  // that a caller waits if it does not say
	MaxRequests = 512              // requests under way at once; the next are told to come again

	// maxJoining is how many may ask to join at once. Nobody needs a user's token for
	// that, so they take none of the places of those who have one.
	maxJoining = 8
	joinLimit  = 2 * time.Second // for such a request's body to arrive

	readLimit   = 10 * time.Second // for a request to arrive
	answerLimit = 10 * time.Second // for all but the waiting of a request
	idleLimit   = 2 * time.Minute  // of a connection without a request
	moveLimit   = 30 * time.Second // for a switchover or takeover
	// historyLimit is for reading all that the log tells of epochs.
	historyLimit = 30 * time.Second
)

// Server is an http.Server with the limits of the API. The caller serves with
// it and shuts it down.
func Server(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readLimit,
		ReadTimeout:       readLimit,
		WriteTimeout:      readLimit + MaxWait + answerLimit,
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    MaxHeader,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}
