// Package history reads the whole log of a landscape, for those who look back:
// from the brokers, while the landscape runs, or from a folder that was exported.
//
//	err := history.Read(ctx, source, topic, bounds, func(run history.Run) error {
//		for i := range run.Messages { ... }
//		return nil
//	})
//
// Records of one partition come in their order; partitions come as they are
// answered. Memory is bounded: a few answers are held at a time.
//
// Nothing here writes to a log, and nothing can reach a device: a [Source] only
// reads, and integration/layout shows that no package behind this one drives
// devices.
package history
