// Package relay is a TCP connection that can be cut:
//
//	r, err := relay.New("127.0.0.1:17521", "127.0.0.1:17500", logger)
//	err = r.Cut(relay.Drop) // the network is gone; nobody is told
//	err = r.Heal()
//
// It stands between one server and the log, so that a drill can take the log
// away from that server alone, the way a broken network does: in silence, in one
// direction, or with a reset.
//
// What holds:
//
//   - After Cut has returned, no byte that arrives in a lost direction passes;
//     bytes already on their way to the other socket may, as on a wire.
//   - The end of a connection is lost like its bytes: in silence.
//   - A connection that a cut has touched never carries bytes again in the lost
//     direction, since the stream would have a gap; Heal resets it.
//
// Nothing is kept; a crash resets all connections.
package relay
