package faults

import (
	"slices"
	"testing"
)

func TestTheSameSeedDrawsTheSameFaults(t *testing.T) {
	a, b, other := newPlan(7, Kinds(), false), newPlan(7, Kinds(), false), newPlan(8, Kinds(), false)
	differs := false
	for range 200 {
		f, _ := a.next()
		if g, _ := b.next(); f != g {
			t.Fatalf("%+v and %+v of one seed", f, g)
		}
		g, _ := other.next()
		differs = differs || f != g
	}
	if !differs {
		t.Error("another seed draws the same faults")
	}
}

func TestEveryKindComesUpAsOftenAsEveryOther(t *testing.T) {
	p, counts := newPlan(1, Kinds(), false), map[Kind]int{}
	for range 5 * len(Kinds()) {
		f, _ := p.next()
		counts[f.kind]++
		if least, most := f.kind.span(); f.lasts < least || f.lasts > most {
			t.Errorf("%s lasts %s", f.kind, f.lasts)
		}
		if f.rest <= 0 || f.jump == 0 {
			t.Errorf("a fault without a rest or a jump: %+v", f)
		}
	}
	for _, kind := range Kinds() {
		if counts[kind] != 5 {
			t.Errorf("%s came up %d times of 5", kind, counts[kind])
		}
	}
}

func TestKindsAreReadFromAList(t *testing.T) {
	kinds, err := ParseKinds("kill, cut-all")
	if err != nil || !slices.Equal(kinds, []Kind{Kill, CutAll}) {
		t.Errorf("read %v, %v", kinds, err)
	}
	if _, err := ParseKinds("kill,earthquake"); err == nil {
		t.Error("an earthquake was accepted")
	}
}
