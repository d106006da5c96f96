package rules

import "testing"

func TestAWarmTenureGoesOnOnlyWhereTheJournalHoldsAllThatItKnows(t *testing.T) {
	for name, c := range map[string]struct {
		from, end int64
		fresh     bool
	}{
		"nothing new":                {from: 1000, end: 1000},
		"more has come":              {from: 1000, end: 1100},
		"less was committed":         {from: 0, end: 1000},
		"somebody else went further": {from: 1001, end: 1100, fresh: true},
		"records are gone":           {from: 0, end: 900, fresh: true},
		"the newest record is gone":  {from: 999, end: 999, fresh: true},
		"all records are gone":       {from: 0, end: 0, fresh: true},
	} {
		t.Run(name, func(t *testing.T) {
			var s Shard
			s.Own(1, 0, 0)
			s.Advance(1000)
			s.Assigned(2, true)
			if fresh := s.Own(2, c.from, c.end); fresh != c.fresh {
				t.Errorf("fresh = %t", fresh)
			}
			if position := map[bool]int64{false: 1000, true: c.from}[c.fresh]; s.Position() != position {
				t.Errorf("position = %d, want %d", s.Position(), position)
			}
		})
	}
}
