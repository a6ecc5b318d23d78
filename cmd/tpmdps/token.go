package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/atomicfile"
	"tpmdps/internal/commandline"
	"tpmdps/internal/dps"
	"tpmdps/internal/identity"
	"tpmdps/internal/input"
	"tpmdps/internal/operator"
	"tpmdps/internal/text"
	"tpmdps/internal/verdict"
)

// How long a token may live: long enough for a shift in the smallest case, and
// never so long that it is as good as the key.
const (
	tokenLife    = 8 * time.Hour
	minTokenLife = time.Minute
	maxTokenLife = 7 * 24 * time.Hour
)

func tokenCommand() command {
	return command{
		name:        "token",
		usage:       "make a narrow, short-lived credential, or look at one",
		description: "A SAS token opens what it was made for, until it ends. It can go where the key of\na policy should not.",
		subcommands: []command{tokenMintCommand(), tokenShowCommand()},
	}
}

func tokenMintCommand() command {
	return command{
		name:     "mint",
		argument: commandline.Command{FileFlag: "connection-string-file"},
		usage:    "make a SAS token for the enrollments of a DPS, or for one of them",
		description: "Makes a token with the key of a shared access policy, without asking the service. It\n" +
			"opens the enrollments alone, whatever else the policy allows; the policy itself needs\n" +
			"EnrollmentRead and EnrollmentWrite and nothing more.",
		flags: append([]cli.Flag{
			&cli.StringFlag{Name: "registration-id", Usage: "open this one enrollment, `ID`, only"},
			&cli.DurationFlag{Name: "ttl", Value: tokenLife, Usage: "end after `TIME`, from 1m to 168h"},
			&cli.StringFlag{Name: "out", Usage: "write the token to a new `FILE` instead of printing it, - for stdout"},
		}, append(keyFlags(), secretFlags()...)...),
		examples: []string{
			"tpmdps token mint --connection-string-file dps.secret --out shift.token",
			"tpmdps enroll --sas-token-file shift.token --dps plant",
		},
		exits: []int{15, 20, 30},
		run:   mintToken,
	}
}

func mintToken(s *session, f flags) error {
	life, id, out := f.duration("ttl"), f.text("registration-id"), f.text("out")
	keyOpts, err := readKeyOptions(f)
	if err != nil {
		return err
	}
	if life < minTokenLife || life > maxTokenLife {
		return fmt.Errorf("%w: --ttl %s: give a time from %s to %s", commandline.ErrUsage, life, text.Duration(minTokenLife), text.Duration(maxTokenLife))
	}
	if id != "" {
		if err := identity.CheckRegistrationID(id); err != nil {
			return err
		}
	}
	key, err := s.secrets.operatorKey(keyOpts)
	if err != nil {
		return err
	}
	cs, err := operator.PolicyKey(key, s.learn)
	if err != nil {
		return err
	}
	text, err := cs.Token(dps.EnrollmentsResource(cs.HostName, id), time.Now().Add(life))
	if err != nil {
		return err
	}
	token, err := dps.ParseToken(text)
	if err != nil {
		return err
	}
	r := tokenResult{Resource: token.Resource, Policy: token.KeyName, ExpiresAt: token.Expiry, RemainingSeconds: int64(life.Seconds())}
	if out == "" || out == "-" {
		r.Token = text
		return s.printSecret(r)
	}
	if err := s.secrets.policy.CheckPath(out); err != nil {
		return err
	}
	if err := atomicfile.Create(out, []byte(text+"\n"), 0o600); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %w", verdict.ErrOverwrite, err)
	} else if err != nil {
		return err
	}
	s.did("the token is in %s", out)
	r.File = out
	return s.print(r)
}

func tokenShowCommand() command {
	return command{
		name:  "show",
		usage: "show what a SAS token opens, and for how long",
		description: "Reads the token in FILE, - for stdin, and shows what it is for, its policy, and\n" +
			"when it ends. Its signature is neither shown nor checked: only the service can.",
		argument: commandline.Command{Argument: "FILE"},
		flags:    secretFlags(),
		exits:    []int{20},
		run:      showToken,
	}
}

func showToken(s *session, _ flags) error {
	var given []byte
	var err error
	if s.arg == "-" {
		given, err = s.secrets.standardInput()
	} else {
		given, err = s.secrets.file(s.arg)
	}
	if err != nil {
		return err
	}
	token, err := dps.ParseToken(string(given))
	if err != nil {
		return fmt.Errorf("%w %s: %w", input.ErrUnreadable, text.Printable(s.arg, 200), err)
	}
	left := time.Until(token.Expiry)
	return s.print(tokenResult{
		Resource: token.Resource, Policy: token.KeyName, ExpiresAt: token.Expiry,
		RemainingSeconds: int64(left.Seconds()), Expired: left <= 0,
	})
}

// tokenResult is what a token is for. Only mint has the token itself in it,
// and only where no file took it.
type tokenResult struct {
	Resource         string    `json:"resource"`
	Policy           string    `json:"policy"`
	ExpiresAt        time.Time `json:"expires_at"`
	RemainingSeconds int64     `json:"remaining_seconds"`
	Expired          bool      `json:"expired"`
	File             string    `json:"file"`
	Token            string    `json:"token,omitempty"`
}

func (r tokenResult) lines() []any { return []any{r} }

func (r tokenResult) fields() [][]string {
	if r.Token != "" {
		return [][]string{{r.Token}}
	}
	return [][]string{{r.Resource, r.Policy, r.ExpiresAt.Format(time.RFC3339), fmt.Sprint(r.RemainingSeconds), r.File}}
}

// show prints a new token bare, so that it can go on through a pipe.
func (r tokenResult) show(w io.Writer) error {
	if r.Token != "" {
		_, err := fmt.Fprintln(w, r.Token)
		return err
	}
	left := time.Duration(r.RemainingSeconds) * time.Second
	ends := r.ExpiresAt.Format(time.RFC3339)
	if left > 0 {
		ends += ", in " + text.Duration(left)
	} else {
		ends += ", expired " + text.Duration(-left) + " ago"
	}
	rows := [][]string{{"opens", operator.Scope(r.Resource)}, {"resource", r.Resource}, {"policy", r.Policy}, {"ends", ends}}
	if r.File != "" {
		rows = append(rows, []string{"written to", r.File})
	}
	return table(w, nil, rows)
}
