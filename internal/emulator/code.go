package emulator

// Error codes of the service. Those without public evidence are the HTTP status
// times a thousand.
const (
	codeBadRequest           = 400000
	codeEndorsementKey       = 400004
	codeTwin                 = 400004 // the hub's for a property that it refuses; its message tells it from the other
	codeCustomAllocation     = 400207
	codeNoHub                = 400208
	codeHubUnauthorized      = 400209
	codeUnauthorized         = 401002
	codeForbidden            = 403000 // for those who are known and have no right to it
	codeNotFound             = 404000
	codeEnrollmentNotFound   = 404201
	codeRegistrationNotFound = 404202
	codeGroupNotFound        = 404202
	codeMethodNotAllowed     = 405000
	codeEnrollmentExists     = 409201
	codeGroupExists          = 409202
	codePrecondition         = 412000
	codeTooLarge             = 413000
	codeMisdirected          = 421000
	codeMediaType            = 415000
	codeThrottled            = 429000
	codeInternal             = 500000
)
