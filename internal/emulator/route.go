package emulator

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tpmdps/internal/emulator/hub"
	"tpmdps/internal/emulator/rest"
)

// Longest bodies that are read, in bytes.
const (
	maxDeviceBody  = 96 << 10 // the service's own limit
	maxServiceBody = 1 << 20
)

// webSocketPath is where a hub accepts MQTT over HTTPS.
const webSocketPath = "/$iothub/websocket"

// Kinds of requests, each with a quota of its own.
const (
	kindRegister = "register"
	kindPoll     = "poll"
	kindService  = "service"
	kindHub      = "hub"
)

// route is one operation of the two APIs. In its path, braces stand for
// any segment; other segments are compared in any case, as the service does.
type route struct {
	method, path string
	kind         string
	handle       func(*Server, *request) (rest.Reply, error)
}

// The first route that fits is used: where two fit, the fixed one stands first.
var routes = append([]route{
	{"POST", "enrollments", kindService, individuals.bulk},
	{"POST", "enrollments/query", kindService, individuals.query},
	{"PUT", "enrollments/{id}", kindService, individuals.put},
	{"GET", "enrollments/{id}", kindService, individuals.get},
	{"DELETE", "enrollments/{id}", kindService, individuals.delete},
	{"POST", "enrollments/{id}/attestationmechanism", kindService, individuals.attestationMechanism},
	{"POST", "enrollmentGroups", kindService, groups.bulk},
	{"POST", "enrollmentGroups/query", kindService, groups.query},
	{"PUT", "enrollmentGroups/{id}", kindService, groups.put},
	{"GET", "enrollmentGroups/{id}", kindService, groups.get},
	{"DELETE", "enrollmentGroups/{id}", kindService, groups.delete},
	{"POST", "enrollmentGroups/{id}/attestationmechanism", kindService, groups.attestationMechanism},
	{"GET", "registrations/{id}", kindService, (*Server).getRegistration},
	{"DELETE", "registrations/{id}", kindService, (*Server).deleteRegistration},
	{"POST", "registrations/{id}/query", kindService, (*Server).queryRegistrations},
	{"PUT", "{scope}/registrations/{id}/register", kindRegister, (*Server).register},
	{"GET", "{scope}/registrations/{id}/operations/{operation}", kindPoll, (*Server).poll},
	{"POST", "{scope}/registrations/{id}", kindPoll, (*Server).lookUp},
}, hubRoutes()...)

// hubRoutes are the operations of the hub.
func hubRoutes() (list []route) {
	for _, rt := range hub.Routes() {
		list = append(list, route{rt.Method, rt.Path, kindHub, func(s *Server, r *request) (rest.Reply, error) {
			return rt.Handle(s.hub, hub.Request{Request: r.Request, Path: r.path, Body: r.body})
		}})
	}
	return list
}

// request is a request as the handlers see it: routed, and its body read.
type request struct {
	*http.Request
	path       []string // segments, unescaped
	body       []byte
	apiVersion string
}

// ServeHTTP answers both APIs, and the hub's. The answer is made as a value and
// then written; faults act before the one and in the other.
func (s *Server) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	began := time.Now()
	s.opts.Arrived(hr)
	rep, replaced := s.faultReply(hr)
	var err error
	if !replaced {
		err = s.checkSource(hr)
	}
	switch {
	case replaced, err != nil:
	case hr.URL.Path == webSocketPath:
		s.hub.ServeWebSocket(w, hr)
		return
	default:
		rep, err = s.dispatch(w, hr)
	}
	switch {
	case err != nil && forHub(hr):
		rep = hub.Refusal(err, s.opts.Now())
	case err != nil:
		rep = rest.Refusal(err, s.opts.Now())
	}
	if werr := rep.Write(s.writer(w, hr), s.opts.Now()); werr != nil {
		err = errors.Join(err, werr)
	}
	s.opts.Log.Info("request", "method", hr.Method, "path", hr.URL.Path, "status", rep.Status,
		"duration", time.Since(began), "refusal", err)
}

// forHub reports whether a request is one for the hub, and not for DPS.
func forHub(hr *http.Request) bool {
	first, _, _ := strings.Cut(strings.TrimLeft(hr.URL.Path, "/"), "/")
	return strings.EqualFold(first, "devices")
}

// dispatch has the part that a request is for answer it.
func (s *Server) dispatch(w http.ResponseWriter, hr *http.Request) (rest.Reply, error) {
	path, err := segments(hr.URL)
	if err != nil {
		return rest.Reply{}, err
	}
	if rep, ok := s.entra.Answer(w, hr, path); ok {
		return rep, nil
	}
	return s.answer(w, hr, path)
}

// answer routes a request to the operations of the two APIs, and of the hub's.
func (s *Server) answer(w http.ResponseWriter, hr *http.Request, path []string) (rest.Reply, error) {
	rt, err := match(hr.Method, path)
	if err != nil {
		return rest.Reply{}, err
	}
	r := &request{Request: hr, path: path, apiVersion: hr.URL.Query().Get("api-version")}
	if !validAPIVersion(r.apiVersion) {
		return rest.Reply{}, rest.Refuse(codeBadRequest, "The query parameter api-version is missing or not supported.")
	}
	if r.body, err = readBody(w, hr, rt.kind); err != nil {
		return rest.Reply{}, err
	}
	t := s.chaos.next(rt.kind)
	if t != nil && !t.after {
		return rest.Reply{}, t.strike(s, hr)
	}
	rep, err := s.carryOut(rt, r)
	if t != nil {
		return rest.Reply{}, t.strike(s, hr)
	}
	return rep, err
}

// carryOut does what a request asks for, within the limit and for those who may.
func (s *Server) carryOut(rt route, r *request) (rest.Reply, error) {
	if err := s.limit.take(rt.kind, s.limit.operations(r), s.opts.Now()); err != nil {
		return rest.Reply{}, err
	}
	if rt.kind == kindHub { // the hub locks its devices by itself
		return rt.handle(s, r)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.admit(r, rt.kind); err != nil {
		return rest.Reply{}, err
	}
	return rt.handle(s, r)
}

// admit is the check before every handler: the operator's credentials, or the
// device's ID scope. Devices prove themselves in their handlers.
func (s *Server) admit(r *request, kind string) error {
	if kind == kindService {
		return s.authorize(r)
	}
	if !strings.EqualFold(r.path[0], s.opts.IDScope) {
		return rest.Refuse(codeNotFound, "There is no provisioning service with the ID scope %q.", rest.Clip(r.path[0]))
	}
	return nil
}

// validAPIVersion reports whether version is a date, maybe with "-preview" after it,
// since there is a DPS.
func validAPIVersion(version string) bool { return version >= "2017" && version < "3" }

// segments splits the path. Slashes that are escaped do not split.
func segments(u *url.URL) ([]string, error) {
	parts := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	for i, part := range parts {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return nil, rest.Refuse(codeBadRequest, "The path is not valid.")
		}
		parts[i] = plain
	}
	return parts, nil
}

func match(method string, path []string) (route, error) {
	known := false
	for _, rt := range routes {
		if !rest.Match(rt.path, path) {
			continue
		}
		if rt.method == method {
			return rt, nil
		}
		known = true
	}
	if known {
		return route{}, rest.Refuse(codeMethodNotAllowed, "The method %s is not allowed here.", rest.Clip(method))
	}
	return route{}, rest.Refuse(codeNotFound, "There is no such resource.")
}

// readBody reads the body, also where none belongs: Node polls with one.
func readBody(w http.ResponseWriter, hr *http.Request, kind string) ([]byte, error) {
	limit := int64(maxDeviceBody)
	if kind == kindService {
		limit = maxServiceBody
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, hr.Body, limit))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, rest.Refuse(codeTooLarge, "The body is longer than %d bytes.", limit)
	}
	if err != nil {
		return nil, rest.Refuse(codeBadRequest, "The body could not be read.")
	}
	if len(body) > 0 && !isJSON(hr.Header.Get("Content-Type")) {
		return nil, rest.Refuse(codeMediaType, "The body has to be application/json.")
	}
	return body, nil
}

// isJSON accepts a missing Content-Type for JSON: nothing else is ever sent.
func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return contentType == "" || err == nil && media == "application/json"
}
