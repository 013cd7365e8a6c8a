package domain

// LetterVerdict is what an operator decides about a dead letter.
type LetterVerdict string

// The verdicts.
const (
	Requeued  LetterVerdict = "requeued"  // its record goes back into the log, as a command
	Discarded LetterVerdict = "discarded" // nothing more comes of it
)

// LetterDecided is an operator's decision about a dead letter, in the dead-letter topic
// behind it. The first one of a letter counts. It is written through a server, which
// vouches for the user with its MAC.
type LetterDecided struct {
	Letter int64         `msgpack:"letter" json:"letter"` // offset of the dead letter
	As     LetterVerdict `msgpack:"as" json:"as"`
	Reason string        `msgpack:"reason" json:"reason"`
}

func (LetterDecided) Type() Type { return TypeLetterDecided }
