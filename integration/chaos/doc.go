// Command chaos plays faults on a real landscape, with real processes over real
// sockets, under traffic, and judges by outside evidence alone what came of it:
//
//	go run ./integration/chaos                          # for a minute, with a fresh seed
//	go run ./integration/chaos -minutes 60 -seed 7      # many rounds, each on a landscape of its own
//	go run ./integration/chaos -ledger chaos.jsonl      # add to a file; runs of one commit are summed
//
// The evidence is what the simulated devices received and from whom, what the
// producers were answered, what servers said of themselves on the way, and the log
// itself, read with a Kafka client and folded again. A seed gives the schedule of
// the faults and the traffic; how processes and network interleave with it, it does
// not give.
//
// A violation fails the run and keeps the folder with all evidence. SIGINT ends the
// round early and judges it; a second one ends everything at once.
package main
