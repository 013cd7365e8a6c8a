// Package bench measures a broker and the servers on it, each figure beside its
// limit in the same run:
//
//	figures, err := bench.Run(ctx, bench.Options{Dir: dir, Program: program, Records: 100_000})
//
// A measurement and its limit take turns in short blocks, so that whatever else
// the machine does hits both alike; where blocks make pairs, the ratio is the
// median of the pairs' ratios. The limit is the least that the same work can
// cost on this broker: a bare append and fetch, a bulk produce or read by
// kafka-go, the MACs alone.
//
// It starts landscapes of its own: a broker (unless it is given one), servers
// with their guards as real processes, and devices in this process, so that the
// arrival of an action is read from the same clock as the append of its
// command. All of it ends with Run, or with this process, however it ends.
//
// Nothing in here decides anything for a landscape that is in use, and nothing
// is kept but what Options.Dir keeps.
package bench
