// Package verify reads the topics of a landscape and has projections/audit judge them:
//
//	report, err := verify.Run(ctx, verify.Config{Landscape: "main", Source: log, Codec: codec})
//
// It only reads, and needs nothing but the right to read the topics; no server is asked.
// What is appended while it runs is left out: it reads up to the ends that the topics
// had at its beginning, elections first and the log last, so that the log holds all
// that the others speak of.
//
// Each partition is read by a goroutine of its own, a batch ahead of the judge. Nothing
// of the log is kept: memory is that of the judge and of two batches for each partition.
package verify
