package link

// Waiting returns how many bytes wait for credit.
func (s *Sender) Waiting() int { return s.queued }
