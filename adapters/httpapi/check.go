package httpapi

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/understudy-io/understudy/domain"
)

// check refuses at the edge what no device could do, so that it need not go
// through the log to be refused. What depends on the device's definition (its
// size, its verbs) is for the fold to say.
func check(p domain.Payload) error {
	switch c := p.(type) {
	case domain.Take:
		return checkTake(c)
	case domain.Salvo:
		if len(c.Takes) == 0 || len(c.Takes) > domain.MaxSalvo {
			return invalid("a salvo has 1 to %d takes, this one has %d", domain.MaxSalvo, len(c.Takes))
		}
		for i, t := range c.Takes {
			if err := checkTake(t); err != nil {
				return fmt.Errorf("take %d: %w", i+1, err)
			}
		}
	case domain.SetLabel:
		switch {
		case c.Port != domain.PortInput && c.Port != domain.PortOutput:
			return invalid("port is %q: give input or output", c.Port)
		case c.Number < 1:
			return invalid("number is %d: ports count from 1", c.Number)
		}
		return checkText("text", c.Text)
	case domain.SetLock:
		switch c.State {
		case domain.LockOn, domain.LockOff, domain.LockForce, domain.LockTake:
		default:
			return invalid("state is %q: give lock, unlock or force-unlock", c.State)
		}
		if c.Destination < 1 {
			return invalid("destination is %d: ports count from 1", c.Destination)
		}
		return checkText("level", c.Level)
	case domain.Invoke:
		return checkInvoke(c)
	}
	return nil
}

func checkTake(t domain.Take) error {
	if t.Destination < 1 {
		return invalid("destination is %d: ports count from 1", t.Destination)
	}
	if t.Source < 1 {
		return invalid("source is %d: ports count from 1", t.Source)
	}
	return checkText("level", t.Level)
}

func checkInvoke(c domain.Invoke) error {
	if c.Verb == "" {
		return invalid("verb is missing: name one that the device's definition declares")
	}
	if len(c.Args) > domain.MaxArgs {
		return invalid("a verb takes at most %d arguments, here are %d", domain.MaxArgs, len(c.Args))
	}
	for name, v := range c.Args {
		if err := checkText("argument "+name, v); err != nil {
			return err
		}
	}
	return checkText("verb", c.Verb)
}

func checkText(name, s string) error {
	if len(s) > domain.MaxText {
		return invalid("%s has %d bytes, at most %d are allowed", name, len(s), domain.MaxText)
	}
	return nil
}

// checkName is the rule for UIDs and device ids.
func checkName(name, s string, limit int) error {
	switch {
	case s == "":
		return invalid("%s is missing", name)
	case len(s) > limit:
		return invalid("%s has %d bytes, at most %d are allowed", name, len(s), limit)
	case !utf8.ValidString(s):
		return invalid("%s is not UTF-8", name)
	}
	return nil
}

// checkNewUID is the rule for the UID of a new command. The fold takes any text, so one
// that a direct producer made with control characters can be asked for all the same.
func checkNewUID(uid string) error {
	if strings.ContainsFunc(uid, unicode.IsControl) {
		return invalid("uid %q has control characters, such as a line break: nobody could ask for it by hand afterwards; give it without", uid)
	}
	return checkName("uid", uid, domain.MaxUID)
}

func invalid(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, domain.ErrInvalid)...)
}

func commandTypes() string {
	return strings.Join([]string{
		string(domain.TypeTake), string(domain.TypeSalvo), string(domain.TypeLabel),
		string(domain.TypeLock), string(domain.TypeInvoke),
	}, ", ")
}
