package cluster

import (
	"encoding/json"
	"errors"

	"bongsu/cluster/view"
)

// The first byte of a message from member to member says what it is.
const (
	messageAnnouncement = 'a' // a view.Announcement
	messageVerdict      = 'd' // a verdict, in JSON
	messageLeave        = 'l' // the id of the member that leaves
)

// maxID bounds an id in a message.
const maxID = 64

// verdict is what a node is told that is alive although the teller dropped it.
type verdict struct {
	ID   string `json:"id"`   // whom it tells
	From string `json:"from"` // who tells
	// Members is how many members there are in the teller's view, Lowest the lowest
	// of their ids.
	Members int    `json:"members"`
	Lowest  string `json:"lowest"`
}

func (v verdict) encode() []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return nil // cannot be: texts and a number
	}
	return append([]byte{messageVerdict}, b...)
}

// message is one that a member sent: one of the fields is set.
type message struct {
	announcement *view.Announcement
	verdict      *verdict
	leave        string
}

// decodeMessage reads a message. Whoever sent it holds the secret, and may still
// be of another version, or broken.
func decodeMessage(b []byte) (message, error) {
	if len(b) < 2 || len(b) > 1+view.MaxEncoded {
		return message{}, errors.New("a message of no known length")
	}
	switch body := b[1:]; b[0] {
	case messageAnnouncement:
		a, err := view.Decode(body)
		return message{announcement: &a}, err
	case messageVerdict:
		var v verdict
		if err := json.Unmarshal(body, &v); err != nil {
			return message{}, err
		}
		if v.ID == "" || v.From == "" || v.ID == v.From || v.Members < 1 || v.Lowest == "" || len(v.From) > maxID {
			return message{}, errors.New("a verdict that is none")
		}
		return message{verdict: &v}, nil
	case messageLeave:
		if len(body) > maxID {
			return message{}, errors.New("an id that is none")
		}
		return message{leave: string(body)}, nil
	}
	return message{}, errors.New("a message of no known kind")
}
