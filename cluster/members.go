package cluster

import (
	"context"
	"sync"
	"time"
)

// statusPatience is how long a member may take to say how it fares.
const statusPatience = time.Second

// Member is a living node of the cluster, for the operators.
type Member struct {
	ID   string
	Name string
	// Addr is where other nodes reach its actors, URL where clients reach it, which
	// may be empty.
	Addr, URL string
	// Generation is the consumer group's in which it owns its shards.
	Generation int32
	// Since is when it took its ID, by its clock.
	Since time.Time
	// Reachable says that it answered; Sessions and Lag, the number of records of
	// its shards that it has not applied yet, are 0 if it did not.
	Reachable     bool
	Sessions, Lag int64
}

// Members returns the living nodes by ascending id. It asks each how it fares and
// waits for a second at most.
func (n *Node) Members(ctx context.Context) []Member {
	inc := n.present.Load()
	if inc == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	announced := inc.view.Load().Members()
	members := make([]Member, len(announced))
	var asking sync.WaitGroup
	for i, a := range announced {
		members[i] = Member{
			ID: a.ID, Name: a.Name, Addr: a.Addr, URL: a.URL, Generation: a.Generation, Since: time.UnixMilli(a.Since),
		}
		asking.Go(func() {
			status, err := inc.traffic.statusOf(ctx, a.ID)
			if err != nil {
				return
			}
			members[i].Reachable, members[i].Sessions = true, status.Sessions
			for _, lag := range status.Lag {
				members[i].Lag += lag
			}
		})
	}
	asking.Wait()
	return members
}
