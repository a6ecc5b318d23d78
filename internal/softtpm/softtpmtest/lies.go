package softtpmtest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/google/go-tpm/tpm2"
)

// Lie is a way to make a chip's answer untrue.
type Lie struct {
	Name string
	// Change makes it of a true answer.
	Change func(answer []byte) []byte
	// HangsUp: the connection is closed after it, since the program would wait for
	// the rest.
	HangsUp bool
}

const answerHeader = 10

// Lies are the ways in which an answer can be untrue: in one whole message, and in
// its framing.
func Lies() []Lie { return slices.Concat(lengths(), contents(), framings()) }

// framed puts the size of a message into it.
func framed(message []byte) []byte {
	binary.BigEndian.PutUint32(message[2:], uint32(len(message)))
	return message
}

// success is the code of an answer with success.
func success(answer []byte) []byte {
	clear(answer[6:answerHeader])
	return answer
}

// lengths are whole messages with too little or too much in them.
func lengths() []Lie {
	cut := func(at func(n int) int) func([]byte) []byte {
		return func(answer []byte) []byte {
			return framed(success(answer[:min(max(at(len(answer)), answerHeader), len(answer))]))
		}
	}
	lies := []Lie{
		{Name: "success and nothing", Change: cut(func(int) int { return answerHeader })},
		{Name: "half of it", Change: cut(func(n int) int { return n / 2 })},
		{Name: "a byte less", Change: cut(func(n int) int { return n - 1 })},
	}
	for _, n := range []int{1, 2, 4, 6} {
		lies = append(lies, Lie{Name: fmt.Sprintf("%d bytes of content", n), Change: cut(func(int) int { return answerHeader + n })})
	}
	for _, n := range []int{1, 8, 1024} {
		lies = append(lies, Lie{Name: fmt.Sprintf("%d bytes more", n), Change: func(answer []byte) []byte {
			return framed(append(answer, make([]byte, n)...))
		}})
	}
	return lies
}

// contents are messages of the right length with something else in them.
func contents() []Lie {
	lies := []Lie{
		{Name: "zeros", Change: func(answer []byte) []byte { clear(answer[answerHeader:]); return success(answer) }},
		{Name: "ones", Change: func(answer []byte) []byte {
			copy(answer[answerHeader:], bytes.Repeat([]byte{0xff}, len(answer)))
			return success(answer)
		}},
		{Name: "the other tag", Change: func(answer []byte) []byte { answer[1] ^= 3; return answer }},
		{Name: "a code of ones", Change: func(answer []byte) []byte {
			return framed(append(answer[:6:6], 0xff, 0xff, 0xff, 0xff))
		}},
		{Name: "another command's answer", Change: func([]byte) []byte {
			list := []byte{0x80, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(tpm2.TPMCapHandles), 0, 0, 0, 1, 0x81, 0, 0, 1}
			return framed(list)
		}},
		{Name: "zeros at its end", Change: func(answer []byte) []byte {
			clear(answer[max(answerHeader, len(answer)-40):])
			return answer
		}},
	}
	// A bit anywhere, and a size that is not one.
	for _, at := range []int{answerHeader, answerHeader + 1, answerHeader + 3, answerHeader + 5, answerHeader + 7, answerHeader + 20, -1, -20, -33, -40} {
		lies = append(lies, Lie{Name: fmt.Sprintf("a bit in byte %d", at), Change: func(answer []byte) []byte {
			i := at
			if i < 0 {
				i += len(answer)
			}
			if i >= answerHeader && i < len(answer) {
				answer[i] ^= 1
			}
			return answer
		}})
	}
	for _, at := range []int{answerHeader, answerHeader + 4, answerHeader + 8} {
		lies = append(lies, Lie{Name: fmt.Sprintf("a size of 65535 at byte %d", at), Change: func(answer []byte) []byte {
			if len(answer) >= at+2 {
				answer[at], answer[at+1] = 0xff, 0xff
			}
			return answer
		}})
	}
	return lies
}

// framings are answers that are not one whole message.
func framings() []Lie {
	size := func(change func(n uint32) uint32) func([]byte) []byte {
		return func(answer []byte) []byte {
			binary.BigEndian.PutUint32(answer[2:], change(uint32(len(answer))))
			return answer
		}
	}
	return []Lie{
		{Name: "frame: one byte too many", Change: func(answer []byte) []byte { return append(answer, 0) }},
		{Name: "frame: twice", Change: func(answer []byte) []byte { return append(answer, answer...) }},
		{Name: "frame: size too small", Change: size(func(n uint32) uint32 { return n - 1 })},
		{Name: "frame: size 9", Change: size(func(uint32) uint32 { return 9 })},
		{Name: "frame: size 0", Change: size(func(uint32) uint32 { return 0 })},
		{Name: "frame: size of ones", Change: size(func(uint32) uint32 { return 1<<32 - 1 })},
		{Name: "frame: size over the limit", Change: size(func(uint32) uint32 { return 8192 })},
		{Name: "frame: size too large", Change: size(func(n uint32) uint32 { return n + 1 }), HangsUp: true},
		{Name: "frame: half of the header", Change: func(answer []byte) []byte { return answer[:5] }, HangsUp: true},
		{Name: "frame: cut after the header", Change: func(answer []byte) []byte {
			return size(func(n uint32) uint32 { return n + 1 })(answer)[:answerHeader]
		}, HangsUp: true},
		{Name: "frame: tag 0", Change: func(answer []byte) []byte { answer[0], answer[1] = 0, 0; return answer }},
		{Name: "frame: tag of a TPM 1.2", Change: func(answer []byte) []byte { answer[0], answer[1] = 0, 0xc4; return answer }},
		{Name: "frame: a page of a web server", Change: func([]byte) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") }},
		{Name: "frame: nothing", Change: func([]byte) []byte { return nil }},
	}
}
