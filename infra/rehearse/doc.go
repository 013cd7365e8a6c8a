// Package rehearse plays what was sent to a device once more, to something else: a
// simulator or a spare.
//
//	spare, err := rehearse.NewSpare(ctx, "127.0.0.1:9991", addressesOfTheLandscape)
//	driver := videohub.New(videohub.Options{Dial: spare.Dial})
//	report, err := rehearse.Play(ctx, driver, definition, spare, list, 1, note)
//
// A driver that dials through a Spare reaches nothing but its one endpoint, and a Spare of
// an address that a device of the landscape has cannot be made. What lies behind another
// address, a relay or a translated one, nobody can tell from here.
//
// Nothing is written to the log.
package rehearse
