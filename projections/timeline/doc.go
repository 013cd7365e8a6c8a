// Package timeline tells what happens in a landscape, a line for each event that
// an operator wants to know of:
//
//	t := timeline.New(time.Local)
//	if line, ok := t.Line(record); ok {
//		fmt.Println(line)
//	}
//
// Feed it the records of the control and the log topic, each partition in order;
// partitions may be mixed. It starts anywhere: what it did not see is left out of
// a line, never guessed.
//
// It is a pure fold with bounded memory: it remembers the last MaxCommands
// commands, so that an outcome can say what had been asked. A restart forgets
// them.
package timeline
