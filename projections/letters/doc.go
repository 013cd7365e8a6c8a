// Package letters tells what became of dead letters: the records that nobody could
// understand, and what operators have decided about them.
//
//	l := letters.New()
//	for each record of the dead-letter topic { l.Apply(record) }
//	for _, letter := range l.All() { letter.Decision … }
//
// It is a fold: the same topic gives the same letters to everybody. New keeps at most
// Max letters, without the values of their records; Only keeps one letter, whole,
// however many there are.
package letters
