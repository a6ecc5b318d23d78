package main

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"tpmdps/internal/dictionary"
	"tpmdps/internal/dps"
)

// Why the service refuses an operator whose credential is well formed.
var (
	errRole       = errors.New("the account's role does not allow it")
	errPolicy     = errors.New("the shared access policy does not allow it")
	errSASExpired = errors.New("the SAS token has expired")
	errOtherDPS   = errors.New("the credential is for another DPS")
	errIPFilter   = errors.New("the service does not take requests from this network")
	errClock      = errors.New("this machine's clock is wrong")
)

// Roles for enrollments, as Azure calls them, the smaller one first.
const (
	roleRead  = "Device Provisioning Service Data Reader"
	roleWrite = "Device Provisioning Service Data Contributor"
)

// refusal is an error whose hint depends on who was refused, and what.
type refusal struct {
	is   error // a row in the table of exits
	hint string
	err  error
}

// Error implements error.
func (r *refusal) Error() string { return fmt.Sprintf("%v: %v", r.is, r.err) }

// Unwrap returns both: the reason and the service's own words.
func (r *refusal) Unwrap() []error { return []error{r.is, r.err} }

// operator is who asks the service: a sign-in, or the holder of a key.
type operator struct {
	login    *signIn   // nil for a key
	policy   string    // of a connection string; "" for a token
	token    dps.Token // a ready SAS token, else zero
	endpoint string
	now      func() time.Time
}

// account is who it signed in as; of a key nothing is known.
func (o operator) account() account {
	if o.login == nil {
		return account{}
	}
	return o.login.last()
}

// String names the credential, never what is secret in it.
func (o operator) String() string {
	switch {
	case o.login != nil:
		return o.account().String()
	case o.policy != "":
		return "policy " + o.policy
	}
	return "SAS token"
}

// maxClockError is how far two clocks may be apart before tokens break.
const maxClockError = 5 * time.Minute

// ipFilter matches the words for a network that is not let in.
var ipFilter = regexp.MustCompile(`(?i)\bip\b|private (endpoint|link)|public (network )?access|network access|firewall`)

// explain tells apart why the service answered 401 or 403. It says "Unauthorized"
// to almost everything, so what remains is found by what can be ruled out.
func (o operator) explain(err error) error {
	var e *dps.Error
	if !errors.As(err, &e) || e.Status != http.StatusUnauthorized && e.Status != http.StatusForbidden {
		return err
	}
	switch judged(err).Meaning {
	case dictionary.Unauthorized, dictionary.Forbidden:
	default: // not the service's own, or of something else than the credential
		return err
	}
	said := e.Message + e.Body
	writing := e.Method != http.MethodGet && !strings.HasSuffix(e.Path, "/query")
	switch {
	case ipFilter.MatchString(said):
		return &refusal{errIPFilter, "", err}
	case e.Status == http.StatusUnauthorized && o.clockOff(e) != 0:
		return &refusal{errClock, fmt.Sprintf("by the service's clock it is %s: set this machine's (timedatectl), and run the command again", e.Date.UTC().Format(time.RFC3339)), err}
	case o.login != nil:
		return o.explainLogin(e, said, writing, err)
	case !o.token.Expiry.IsZero() && o.now().After(o.token.Expiry):
		return &refusal{errSASExpired, "it ended at " + o.token.Expiry.Format(time.RFC3339) + ": make another where the policy's key is, tpmdps token mint; the same command goes on from there", err}
	case o.token.Resource != "" && !o.token.Opens(strings.TrimPrefix(o.endpoint, "https://"), e.Path):
		return &refusal{errAudience, "the SAS token opens " + scopeInWords(o.token.Resource) + ", and nothing else: tpmdps token mint makes one for all enrollments", err}
	// Enrollments are read before they are written: the key was good then.
	case e.Status == http.StatusForbidden || writing:
		return &refusal{errPolicy, policyHint(o.policy), err}
	}
	return err
}

// clockOff is by how much, where it matters.
func (o operator) clockOff(e *dps.Error) time.Duration {
	if e.Date.IsZero() {
		return 0
	}
	if off := o.now().Sub(e.Date); off.Abs() > maxClockError {
		return off
	}
	return 0
}

func (o operator) explainLogin(e *dps.Error, said string, writing bool, err error) error {
	who := o.account()
	switch {
	case e.Status == http.StatusForbidden || strings.Contains(said, "not authorized for"):
		return &refusal{errRole, roleHint(who, writing, o.endpoint), err}
	case who.Audience != "" && strings.TrimSuffix(who.Audience, "/") != strings.TrimSuffix(dps.DefaultScope, "/.default"):
		return &refusal{errAudience, "it is for " + who.Audience + "; the service takes tokens for " + strings.TrimSuffix(dps.DefaultScope, "/.default"), err}
	case !who.Expiry.IsZero() && o.now().After(who.Expiry):
		return &refusal{errTokenExpired, "", err}
	case who.Tenant == "" || who.Expiry.IsZero(): // a token that only the service can read
		return &refusal{errTenant, "", err}
	}
	return &refusal{errTenant, "the token is good until " + who.Expiry.Format(time.RFC3339) + " and for the right service, so its tenant " + who.Tenant +
		" may not be that of the DPS: name that in AZURE_TENANT_ID, or az login --tenant ID", err}
}

// roleHint names the role and the command that assigns it. Only the owner of
// the DPS can run it, so it is complete enough to be passed on.
func roleHint(who account, writing bool, endpoint string) string {
	role := roleRead
	if writing {
		role = roleWrite
	}
	assignee := who.Object
	if assignee == "" {
		assignee = "OBJECT-ID"
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(endpoint, "https://"), ".")
	return fmt.Sprintf("it needs the role %q: az role assignment create --assignee-object-id %s --role %q --scope \"$(az iot dps show -n %s --query id -o tsv)\"; it takes effect after some minutes",
		role, assignee, role, strings.ToLower(name))
}

func policyHint(policy string) string {
	who := "the token's policy"
	if policy != "" {
		who = "the policy " + policy
	}
	return who + " needs EnrollmentRead and EnrollmentWrite: az iot dps policy create --dps-name NAME --policy-name enroll --rights EnrollmentRead EnrollmentWrite makes one that has them"
}
