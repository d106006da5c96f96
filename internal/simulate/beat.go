package simulate

// beatMeanwhile says that the member lives while a join waits for others, or a sync for
// the leader, as the real member does over another connection. generation is the one
// that the coordinator is in then.
func (c *consumer) beatMeanwhile(generation int32) {
	if len(c.held) == 0 {
		return
	}
	step, id, ours := c.step, c.id, c.generation
	var beat func()
	beat = func() {
		if c.step != step {
			return
		}
		sent := c.process.world.now
		c.kafka("beat answered", func() any { return c.group.heartbeat(id, generation) }, func(answer any) {
			takes := answer == groupFine || answer == groupBalancing && generation == ours
			if takes && c.member && c.id == id && c.generation == ours {
				c.process.world.seen.BeatsMeanwhile++
				c.confirmed = max(c.confirmed, sent)
			}
		})
		c.process.after(heartbeatEvery, "beat meanwhile", beat)
	}
	c.process.after(max(0, c.confirmed+heartbeatEvery-c.process.world.now), "beat meanwhile", beat)
}
