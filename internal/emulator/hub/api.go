package hub

import (
	"net/http"
	"strings"

	"tpmdps/internal/emulator/rest"
	"tpmdps/internal/emulator/sas"
)

// Route is one operation of a hub's HTTPS API. In its path, braces stand for any
// segment (see [rest.Match]).
type Route struct {
	Method, Path string
	Handle       func(*Server, Request) (rest.Reply, error) // what is not a [rest.Error] is an internal one
}

// Request is a request whose path fitted a [Route].
type Request struct {
	*http.Request
	Path []string // segments, unescaped
	Body []byte   // all of it; that of the embedded request has been read
}

// Routes are the operations of the HTTPS API. Devices prove themselves in their
// handlers.
func Routes() []Route {
	return []Route{
		{"GET", "devices/{id}/messages/devicebound", (*Server).deviceBound},
		{"GET", "devices/{id}/modules", (*Server).listModules},
		{"GET", "devices/{id}/modules/{module}", (*Server).getModule},
		{"PUT", "devices/{id}/modules/{module}", (*Server).putModule},
		{"DELETE", "devices/{id}/modules/{module}", (*Server).deleteModule},
	}
}

// token is the token of a request, "" if it has none.
func (r Request) token() string {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, sas.Scheme) {
		return ""
	}
	return text
}

// deviceBound answers a device that asks for messages to it: there never are any.
func (h *Server) deviceBound(r Request) (rest.Reply, error) {
	err := h.asDevice(r, func(*Device) (bool, error) { return false, nil })
	return rest.Reply{Status: http.StatusNoContent}, err
}
