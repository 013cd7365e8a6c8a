package httpdevice

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// documents are the answers of one look at the device: each place is read once.
type documents struct {
	link   *link
	bodies map[string][]byte
}

func (l *link) readAll() ([]domain.Value, error) {
	doc := documents{link: l, bodies: make(map[string][]byte)}
	values := make([]domain.Value, 0, len(l.plan.readings))
	for _, r := range l.plan.readings {
		v, err := doc.read(r)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

func (d *documents) read(r *reading) (domain.Value, error) {
	body, ok := d.bodies[r.url]
	if !ok {
		var err error
		if body, err = d.link.get(r.url); err != nil {
			return domain.Value{}, fmt.Errorf("read %s: %w", r.url, err)
		}
		if d.bodies != nil {
			d.bodies[r.url] = body
		}
	}
	text, err := r.extract(body)
	if err != nil {
		return domain.Value{}, fmt.Errorf("read %s: %w", r.source, err)
	}
	return domain.Value{Target: r.target, Value: text}, nil
}

// extract finds the value in an answer. Without a pointer a JSON string is its
// text, and whatever is not JSON is the value as it stands.
func (r *reading) extract(body []byte) (string, error) {
	doc, err := decodeJSON(body)
	if err != nil {
		if len(r.at) > 0 {
			return "", err
		}
		return checkText(strings.TrimSpace(string(body)))
	}
	v, err := r.at.find(doc)
	if err != nil {
		return "", err
	}
	return valueText(v)
}

// get reads one place of the device.
func (l *link) get(place string) (body []byte, err error) {
	over, err := l.alone()
	if err != nil {
		return nil, err
	}
	defer over()
	r, err := http.NewRequestWithContext(l.life, http.MethodGet, l.plan.base+place, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, domain.ErrInvalid)
	}
	r.Header.Set("User-Agent", userAgent)
	answer, err := l.client().Do(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, domain.ErrTransient)
	}
	defer func() { _ = answer.Body.Close() }() // a read connection: nothing is lost with it
	body, err = io.ReadAll(io.LimitReader(answer.Body, MaxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", err, domain.ErrTransient)
	case answer.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the device answers %s: %w", answer.Status, domain.ErrNotFound)
	case len(body) > MaxAnswer:
		return nil, fmt.Errorf("%w: %w", errTooLarge, domain.ErrInvalid)
	}
	return body, nil
}

// client is the one that reads the device.
func (l *link) client() *http.Client {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reader == nil {
		l.reader = l.driver.newReader(l.dialToRead)
	}
	return l.reader
}

// putAway lets go of the client, with its connection.
func (l *link) putAway() {
	l.mu.Lock()
	c := l.reader
	l.reader = nil
	l.mu.Unlock()
	if c != nil {
		c.CloseIdleConnections()
	}
}
