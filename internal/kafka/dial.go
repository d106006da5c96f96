package kafka

import (
	"net"
	"time"
)

// dialer opens connections to brokers that leave nothing behind: what a request that
// was given up has left in this system's buffers is thrown away with the connection.
// The system would otherwise go on sending it for minutes after the connection was
// closed, or the process killed, and the broker append records that somebody has
// appended again by then. What the broker's system holds already is not called back.
type dialer struct {
	net.Dialer
	// patience is how long what was sent may stay without an acknowledgement.
	patience time.Duration
}

// Dial implements sarama's proxy.Dialer.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	conn, err := d.Dialer.Dial(network, address)
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		err = tcp.SetLinger(0)
		if err == nil {
			err = setUserTimeout(tcp, d.patience)
		}
		if err != nil {
			_ = conn.Close()
			return nil, err
		}
	}
	return conn, nil
}
