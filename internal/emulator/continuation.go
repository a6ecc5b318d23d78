package emulator

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"tpmdps/internal/emulator/rest"
)

// partitions is into how many parts a query's results fall: as many as were
// seen in the recordings.
const partitions = 5

// place is where an enrollment stands in a query: by partition, in each by
// creation. The rest of it makes the order one where times are equal.
type place struct {
	partition uint32
	created   int64 // ticks of 100 ns since 1970
	hash      uint32
	e         *enrollment // nil in a token
}

func (p place) compare(other place) int {
	return cmp.Or(cmp.Compare(p.partition, other.partition), cmp.Compare(p.created, other.created), cmp.Compare(p.hash, other.hash))
}

func placeOf(e *enrollment) place {
	h := fnv.New32a()
	h.Write([]byte(fold(e.id())))
	return place{1 + h.Sum32()%partitions, e.created.UnixNano() / int64(tick), h.Sum32(), e}
}

// listing is the order in which queries list the enrollments, as of a version of their
// table. It is kept from page to page: to make it for each would cost a long query the square of its length.
type listing struct {
	version int
	places  []place
}

// of returns the listing's places, and makes them again where the enrollments have changed.
func (l *listing) of(enrollments *table[*enrollment]) []place {
	if l.places == nil || l.version != enrollments.version {
		*l = listing{enrollments.version, byPartition(enrollments)}
	}
	return l.places
}

// byPartition returns the enrollments in the order in which queries list them.
func byPartition(enrollments *table[*enrollment]) []place {
	list := make([]place, 0, enrollments.len())
	for e := range enrollments.all() {
		list = append(list, placeOf(e))
	}
	slices.SortFunc(list, func(a, b place) int {
		return cmp.Or(a.compare(b), strings.Compare(fold(a.e.id()), fold(b.e.id())))
	})
	return list
}

// continuationToken is the form of Cosmos DB's tokens, which the service passes
// on in base64.
type continuationToken struct {
	Token string     `json:"token"`
	Range tokenRange `json:"range"`
}

// tokenRange is the part of the key space that a partition covers.
type tokenRange struct {
	Min string `json:"min"`
	Max string `json:"max"`
}

// ridMark begins a token; after it stands the last item's resource ID.
const ridMark = "+RID:~"

// continuation is the token after the items that were listed.
func continuation(listed []place) string {
	last := listed[len(listed)-1]
	first, _ := slices.BinarySearchFunc(listed, last.partition, func(p place, partition uint32) int { return cmp.Compare(p.partition, partition) })
	return continuationOf(last, len(listed)-first)
}

// continuationOf is the token after an item, the count-th of its partition.
func continuationOf(last place, count int) string {
	rid := binary.BigEndian.AppendUint32(nil, last.partition)
	rid = binary.BigEndian.AppendUint64(rid, uint64(last.created))
	rid = binary.BigEndian.AppendUint32(rid, last.hash)
	token, _ := json.Marshal([]continuationToken{{ // plain texts
		Token: fmt.Sprintf("%s%s#RT:1#TRC:%d#ISV:2#IEO:65551#QCF:8#FPC:%s", ridMark,
			base64.StdEncoding.EncodeToString(rid), count, base64.StdEncoding.EncodeToString(rid[4:12])),
		Range: tokenRange{bound(last.partition), bound(last.partition + 1)},
	}})
	return base64.StdEncoding.EncodeToString(token)
}

// bound is where a partition begins, in the form of the recorded ones.
func bound(partition uint32) string { return fmt.Sprintf("05C1%02XCD673398", 0x99+16*partition) }

// parseContinuation reads the place that a token names. No token is the
// beginning.
func parseContinuation(header string) (place, error) {
	if header == "" {
		return place{}, nil
	}
	wrong := rest.Refuse(codeBadRequest, "The header x-ms-continuation is not a token of this service.")
	data, err := base64.StdEncoding.DecodeString(header)
	var tokens []continuationToken
	if err != nil || json.Unmarshal(data, &tokens) != nil || len(tokens) != 1 {
		return place{}, wrong
	}
	text, marked := strings.CutPrefix(tokens[0].Token, ridMark)
	text, _, _ = strings.Cut(text, "#")
	rid, err := base64.StdEncoding.DecodeString(text)
	if err != nil || !marked || len(rid) != 16 {
		return place{}, wrong
	}
	return place{
		partition: binary.BigEndian.Uint32(rid),
		created:   int64(binary.BigEndian.Uint64(rid[4:])),
		hash:      binary.BigEndian.Uint32(rid[12:]),
	}, nil
}

// tick is the service's unit of time.
const tick = 100 * time.Nanosecond
