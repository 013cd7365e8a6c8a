// Package letters tells what became of dead letters: the records that nobody could
// understand, and what operators have decided about them.
//
//	l := letters.New(-1)
//	for each record of the dead-letter topic { l.Apply(record) }
//	for _, letter := range l.All() { letter.Decision … }
//
// It is a fold: the same topic gives the same letters to everybody. It keeps at most
// Max letters, and of one alone the value of its record.
package letters
