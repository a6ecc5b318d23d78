package operator

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

// Roles for enrollments, as Azure calls them, the smaller one first.
const (
	roleRead  = "Device Provisioning Service Data Reader"
	roleWrite = "Device Provisioning Service Data Contributor"
)

// maxClockError is how far two clocks may be apart before tokens break.
const maxClockError = 5 * time.Minute

// ipFilter matches the words for a network that the service does not let in.
var ipFilter = regexp.MustCompile(`(?i)\bip\b|private (endpoint|link)|public (network )?access|network access|firewall`)

// Explain finds out why the service answered 401 or 403, and wraps the error in that
// [Reason]. The service says "Unauthorized" to almost everything, so the reason is
// what is left when the others are ruled out. Other errors are returned as they are.
func (op *Operator) Explain(err error) error {
	var e *dps.Error
	if !errors.As(err, &e) || e.Status != http.StatusUnauthorized && e.Status != http.StatusForbidden {
		return err
	}
	switch dictionary.Judge(e.Details()).Meaning {
	case dictionary.Unauthorized, dictionary.Forbidden:
	default: // not the service's own, or about something other than the credential
		return err
	}
	message := e.Message + e.Body
	writing := e.Method != http.MethodGet && !strings.HasSuffix(e.Path, "/query")
	switch {
	case ipFilter.MatchString(message):
		return &refusal{networkDenied, "", err}
	case e.Status == http.StatusUnauthorized && op.clockOff(e) != 0:
		return &refusal{wrongClock, fmt.Sprintf("by the service's clock it is %s: set this machine's (timedatectl), and run the command again", e.Date.UTC().Format(time.RFC3339)), err}
	case op.login != nil:
		return op.explainLogin(e, message, writing, err)
	case !op.token.Expiry.IsZero() && op.now().After(op.token.Expiry):
		return &refusal{tokenExpired, "it ended at " + op.token.Expiry.Format(time.RFC3339) + ": make another where the policy's key is, tpmdps token mint; the same command then continues from there", err}
	case op.token.Resource != "" && !op.token.Opens(strings.TrimPrefix(op.endpoint, "https://"), e.Path):
		return &refusal{otherAudience, "the SAS token opens " + Scope(op.token.Resource) + " and nothing else: tpmdps token mint makes one for all enrollments", err}
	// Enrollments are read before they are written: the key was good then.
	case e.Status == http.StatusForbidden || writing:
		return &refusal{policyMissing, policyHint(op.policy), err}
	}
	return err
}

// clockOff is by how much, where it matters.
func (op *Operator) clockOff(e *dps.Error) time.Duration {
	if e.Date.IsZero() {
		return 0
	}
	if off := op.now().Sub(e.Date); off.Abs() > maxClockError {
		return off
	}
	return 0
}

// explainLogin is [Operator.Explain] for an account.
func (op *Operator) explainLogin(e *dps.Error, message string, writing bool, err error) error {
	who := op.account()
	switch {
	case e.Status == http.StatusForbidden || strings.Contains(message, "not authorized for"):
		return &refusal{roleMissing, roleHint(who, writing, op.endpoint), err}
	case who.Audience != "" && strings.TrimSuffix(who.Audience, "/") != strings.TrimSuffix(dps.DefaultScope, "/.default"):
		return &refusal{otherAudience, "it is for " + who.Audience + "; the service accepts tokens for " + strings.TrimSuffix(dps.DefaultScope, "/.default"), err}
	case !who.Expiry.IsZero() && op.now().After(who.Expiry):
		return &refusal{loginExpired, "", err}
	case who.Tenant == "" || who.Expiry.IsZero(): // a token that only the service can read
		return &refusal{wrongTenant, "", err}
	}
	return &refusal{wrongTenant, "the token is valid until " + who.Expiry.Format(time.RFC3339) + " and for the right service, so its tenant " + who.Tenant +
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

// policyHint names the rights and the command that makes a policy with them.
func policyHint(policy string) string {
	who := "the token's policy"
	if policy != "" {
		who = "the policy " + policy
	}
	return who + " needs EnrollmentRead and EnrollmentWrite: az iot dps policy create --dps-name NAME --policy-name enroll --rights EnrollmentRead EnrollmentWrite makes one that has them"
}
