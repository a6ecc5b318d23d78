package tpm

import (
	"encoding/binary"
	"fmt"

	"github.com/google/go-tpm/tpm2"
)

// Tags of commands and answers: TPM 2.0 Part 2, 6.9.
const (
	tagNoSessions = 0x8001
	tagSessions   = 0x8002
)

// The kinds of handles that commands return: Part 2, 7.2.
const (
	kindHMACSession   = 0x02
	kindPolicySession = 0x03
	kindTransient     = 0x80
)

// shape is what Part 3 says of one command and of its answer.
type shape struct {
	handles int                   // of the command
	makes   func(e exchange) byte // the kind of the handle that the answer begins with; nil for none
	params  func(e exchange, r *reading)
}

// exchange is a command and its answer, both whole messages.
type exchange struct{ cmd, rsp []byte }

// shapes are the commands that this package sends. go-tpm takes an answer apart
// from its front and asks no more: it accepts bytes after the parameters, and
// parameters that are missing altogether where there are sessions. So every
// answer is measured first.
var shapes = map[tpm2.TPMCC]shape{
	tpm2.TPMCCGetCapability:      {params: capabilityShape},
	tpm2.TPMCCReadPublic:         {handles: 1, params: func(_ exchange, r *reading) { r.sized("outPublic"); r.sized("name"); r.sized("qualifiedName") }},
	tpm2.TPMCCCreatePrimary:      {handles: 1, makes: isTransient, params: primaryShape},
	tpm2.TPMCCLoad:               {handles: 1, makes: isTransient, params: oneBuffer("name")},
	tpm2.TPMCCContextLoad:        {makes: isTransient, params: noParameters},
	tpm2.TPMCCContextSave:        {handles: 1, params: func(_ exchange, r *reading) { r.skip(8+4+4, "context"); r.sized("contextBlob") }},
	tpm2.TPMCCStartAuthSession:   {handles: 2, makes: sessionKind, params: sessionShape},
	tpm2.TPMCCPolicySecret:       {handles: 2, params: func(_ exchange, r *reading) { r.sized("timeout"); r.ticket() }},
	tpm2.TPMCCActivateCredential: {handles: 2, params: oneBuffer("certInfo")},
	tpm2.TPMCCImport:             {handles: 1, params: oneBuffer("outPrivate")},
	tpm2.TPMCCHMAC:               {handles: 1, params: oneBuffer("outHMAC")},
	tpm2.TPMCCEvictControl:       {handles: 2, params: noParameters},
	tpm2.TPMCCFlushContext:       {params: noParameters},
	tpm2.TPMCCNVReadPublic:       {handles: 1, params: func(_ exchange, r *reading) { r.sized("nvPublic"); r.sized("nvName") }},
	tpm2.TPMCCNVRead:             {handles: 2, params: nvReadShape},
	tpm2.TPMCCCertify:            {handles: 2, params: func(_ exchange, r *reading) { r.sized("certifyInfo"); r.skip(2, "signature"); r.rest() }},
	tpm2.TPMCCReadClock:          {params: func(_ exchange, r *reading) { r.skip(8+8+4+4+1, "currentTime") }},
}

func noParameters(exchange, *reading) {}

func oneBuffer(name string) func(exchange, *reading) {
	return func(_ exchange, r *reading) { r.sized(name) }
}

func isTransient(exchange) byte { return kindTransient }

// maxNonce is the longest nonce, that of the longest hash: Part 2, 10.4.4.
const maxNonce = 64

// sessionKind reads the type of session that TPM2_StartAuthSession asks for: Part
// 3, 11.1.
func sessionKind(e exchange) byte {
	r := reading{b: e.cmd[responseHeader:]}
	r.skip(4+4, "tpmKey and bind")
	r.sized("nonceCaller")
	r.sized("encryptedSalt")
	if r.byte("sessionType") == byte(tpm2.TPMSEHMAC) {
		return kindHMACSession
	}
	return kindPolicySession
}

func sessionShape(e exchange, r *reading) {
	if got := len(r.sized("nonceTPM")); got < nonceSize || got > maxNonce {
		r.fail("nonceTPM has %d bytes instead of %d", got, nonceSize)
	}
}

func primaryShape(_ exchange, r *reading) {
	r.sized("outPublic")
	r.sized("creationData")
	r.sized("creationHash")
	r.ticket()
	r.sized("name")
}

func nvReadShape(e exchange, r *reading) {
	asked := int(binary.BigEndian.Uint16(e.cmd[len(e.cmd)-4:]))
	if got := len(r.sized("data")); got > asked {
		r.fail("data has %d bytes, %d were asked for", got, asked)
	}
}

// capabilityShape: Part 3, 30.2. How many entries a chip answers with is its own
// affair, as long as they are there.
func capabilityShape(e exchange, r *reading) {
	asked := binary.BigEndian.Uint32(e.cmd[responseHeader:])
	if more := r.byte("moreData"); more > 1 {
		r.fail("moreData is %#x, neither yes nor no", more)
	}
	if got := r.uint32("capability"); got != asked {
		r.fail("it is of capability %#x, %#x was asked for", got, asked)
	}
	size := map[tpm2.TPMCap]int{tpm2.TPMCapAlgs: 6, tpm2.TPMCapHandles: 4, tpm2.TPMCapCommands: 4, tpm2.TPMCapTPMProperties: 8}[tpm2.TPMCap(asked)]
	if n := r.uint32("count"); size == 0 {
		r.rest()
	} else if uint64(n)*uint64(size) != uint64(len(r.b)) {
		r.fail("its list says that it has %d entries, and has %d bytes", n, len(r.b))
	} else {
		r.rest()
	}
}

// checkShape measures an answer with success. nil stands for a command that is
// not among the shapes, too.
func checkShape(cmd, rsp []byte) error {
	cc := commandOf(cmd)
	s, known := shapes[cc]
	if !known {
		return nil
	}
	e := exchange{cmd, rsp}
	r := &reading{b: rsp[responseHeader:]}
	if want, got := binary.BigEndian.Uint16(cmd), binary.BigEndian.Uint16(rsp); got != want {
		r.fail("its tag is %#04x instead of %#04x", got, want)
	}
	if s.makes != nil {
		handle, kind := r.uint32("handle"), s.makes(e)
		if byte(handle>>24) != kind {
			r.fail("its handle is %#08x, where one of kind %#02x belongs", handle, kind)
		}
	}
	if binary.BigEndian.Uint16(cmd) == tagSessions {
		r.withSessions(len(commandSessions(cmd)))
	}
	if s.params(e, r); len(r.b) > 0 {
		r.fail("%d bytes follow after its parameters", len(r.b))
	}
	if r.why != "" {
		return unreadable(cc, "%s", r.why)
	}
	return nil
}

// commandSession is one session in the authorization area of a command: Part 1,
// 18.6.
type commandSession struct {
	handle tpm2.TPMHandle
	stays  bool // continueSession
}

// commandSessions lists the sessions of a command.
func commandSessions(cmd []byte) []commandSession {
	s, known := shapes[commandOf(cmd)]
	if !known || binary.BigEndian.Uint16(cmd) != tagSessions {
		return nil
	}
	all := reading{b: cmd[responseHeader:]}
	all.skip(4*s.handles, "handles")
	size := int(all.uint32("authorizationSize"))
	if all.why != "" || size > len(all.b) {
		return nil
	}
	var found []commandSession
	for r := (&reading{b: all.b[:size]}); len(r.b) > 0 && r.why == ""; {
		c := commandSession{handle: tpm2.TPMHandle(r.uint32("handle"))}
		r.sized("nonce")
		c.stays = r.byte("attributes")&1 != 0
		r.sized("hmac")
		found = append(found, c)
	}
	return found
}

// reading takes an answer apart from its front. The first thing that is wrong
// stays in why.
type reading struct {
	b   []byte
	why string
}

func (r *reading) fail(format string, args ...any) {
	if r.why == "" {
		r.why = fmt.Sprintf(format, args...)
	}
}

// skip takes n bytes off the front; zeros where there are fewer.
func (r *reading) skip(n int, what string) []byte {
	if len(r.b) < n {
		r.fail("it ends within %s", what)
		r.b = nil
		return make([]byte, n)
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

func (r *reading) byte(what string) byte     { return r.skip(1, what)[0] }
func (r *reading) uint32(what string) uint32 { return binary.BigEndian.Uint32(r.skip(4, what)) }
func (r *reading) rest()                     { r.b = nil }

// sized takes a structure with its size of two bytes off the front.
func (r *reading) sized(what string) []byte {
	n := int(binary.BigEndian.Uint16(r.skip(2, what)))
	if r.why == "" && n > len(r.b) {
		r.fail("%s says that it has %d bytes, and %d follow", what, n, len(r.b))
	}
	if r.why != "" {
		return nil
	}
	return r.skip(n, what)
}

// ticket takes a TPMT_TK off the front: Part 2, 10.7.
func (r *reading) ticket() {
	r.skip(2+4, "ticket")
	r.sized("ticket")
}

// withSessions takes the size of the parameters off the front and the sessions
// after them off the end: Part 1, 18.10.
func (r *reading) withSessions(n int) {
	size := r.uint32("parameterSize")
	if uint64(size) > uint64(len(r.b)) {
		r.fail("it declares %d bytes of parameters, and %d follow", size, len(r.b))
	}
	if r.why != "" {
		return
	}
	sessions := &reading{b: r.b[size:]}
	r.b = r.b[:size]
	if sessions.answers(n); sessions.why != "" {
		r.fail("%s", sessions.why)
	}
}

// answers takes the sessions of an answer off the front: one for each of the
// command, and nothing after them.
func (r *reading) answers(sessions int) {
	for range sessions {
		if nonce := len(r.sized("nonceTPM")); nonce > maxNonce {
			r.fail("nonceTPM has %d bytes", nonce)
		}
		r.byte("sessionAttributes")
		r.sized("hmac")
	}
	if r.why == "" && len(r.b) > 0 {
		r.fail("%d bytes follow after its sessions", len(r.b))
	}
}
