package provision

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"tpmdps/internal/dps"
	"tpmdps/internal/hub"
	"tpmdps/internal/text"
)

// dialHub connects to the assigned hub: name, connection, proxy, TLS.
func (t *trip) dialHub(ctx context.Context) (outcome, error) {
	if t.req.Hub == nil {
		return skip(noNetwork), nil
	}
	opts := *t.req.Hub
	opts.Host, opts.DeviceID = t.result.AssignedHub, t.result.DeviceID
	opts.Token = func(resource string, expiry time.Time) (string, error) {
		token, err := dps.SASToken(resource, "", expiry, t.hubKey.Sign)
		t.signed(token)
		return token, err
	}
	c, err := hub.Dial(ctx, opts)
	if err != nil {
		return outcome{}, t.ofAssignment(err)
	}
	t.connection = c
	facts := c.Facts
	found := detailf("%s at %s, %s", facts.Address, facts.Remote, facts.TLS.Version)
	if facts.Proxy != "" {
		found = detailf("%s through the proxy %s, %s", facts.Address, facts.Proxy, facts.TLS.Version)
	}
	return intercepted(found, facts.TLS), nil
}

// connectHub signs in with a token that the chip signed.
func (t *trip) connectHub(ctx context.Context) (outcome, error) {
	if t.connection == nil {
		return skip(noNetwork), nil
	}
	session, err := t.connection.Connect(ctx)
	if err != nil {
		return outcome{}, err
	}
	t.session = session
	return detailf("the hub accepted the token that the chip signed"), nil
}

// readTwin reads the device's twin and, where that is wanted, leaves a mark of
// the verification in it.
func (t *trip) readTwin(ctx context.Context) (outcome, error) {
	if t.session == nil {
		return skip(noNetwork), nil
	}
	twin, err := t.session.Twin(ctx)
	if err != nil {
		return outcome{}, err
	}
	t.result.Twin = &Twin{DesiredVersion: twin.DesiredVersion, Desired: twin.Desired}
	found := detailf("desired properties, version %d: %s", twin.DesiredVersion, short(twin.Desired))
	if !t.req.Report {
		return found, nil
	}
	mark := map[string]any{"tpmdps": map[string]string{"verified_at": time.Now().UTC().Format(time.RFC3339)}}
	version, err := t.session.Report(ctx, mark)
	if err != nil {
		return outcome{}, err
	}
	found.detail += fmt.Sprintf("; reported tpmdps.verified_at, version %d", version)
	return found, nil
}

// short shows what is desired on a line.
func short(desired map[string]json.RawMessage) string {
	shown, err := json.Marshal(desired)
	if err != nil {
		return "not shown"
	}
	return text.Printable(strings.TrimSpace(string(shown)), 120)
}
