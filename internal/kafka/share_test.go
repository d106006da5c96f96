package kafka

import (
	"reflect"
	"slices"
	"testing"
)

func TestWhatAnotherHoldsIsGivenToNobodyYet(t *testing.T) {
	members := []Member{
		{ID: "a", Owned: []int32{0, 1, 2, 3}, Generation: 4},
		{ID: "b"},
	}
	shares := Share(members, 4)
	if len(shares["a"]) != 2 || len(shares["b"]) != 0 {
		t.Fatalf("shared out as %v", shares)
	}
	members[0].Owned, members[0].Generation, members[1].Generation = shares["a"], 5, 5
	again := Share(members, 4)
	if !slices.Equal(again["a"], shares["a"]) || len(again["b"]) != 2 {
		t.Errorf("shared out as %v, then as %v", shares, again)
	}
	slices.Reverse(members)
	if turned := Share(members, 4); !reflect.DeepEqual(turned, again) {
		t.Errorf("in another order: %v and %v", again, turned)
	}
}

func TestAMemberKeepsEndsAndBegins(t *testing.T) {
	for _, c := range []struct{ held, given, kept, ended, begun []int32 }{
		{nil, []int32{1, 2}, nil, nil, []int32{1, 2}},
		{[]int32{1, 2}, []int32{1, 2}, []int32{1, 2}, nil, nil},
		{[]int32{1, 2, 3}, []int32{2, 5}, []int32{2}, []int32{1, 3}, []int32{5}},
		{[]int32{1}, nil, nil, []int32{1}, nil},
	} {
		kept, ended, begun := Adopt(c.held, c.given)
		if !slices.Equal(kept, c.kept) || !slices.Equal(ended, c.ended) || !slices.Equal(begun, c.begun) {
			t.Errorf("holds %v, is given %v: keeps %v, ends %v, begins %v", c.held, c.given, kept, ended, begun)
		}
	}
}

func TestAHandlerIsToldOfGenerationsThatEndedUnderWay(t *testing.T) {
	kept, given := []int32{1}, []int32{1, 2}
	for _, c := range []struct {
		told, generation int32
		want             []Telling[int32]
	}{
		{0, 7, []Telling[int32]{{7, given}}},
		{7, 7, nil},
		{6, 7, []Telling[int32]{{7, given}}},
		{4, 7, []Telling[int32]{{5, kept}, {6, kept}, {7, given}}},
	} {
		if got := Tellings(c.told, c.generation, kept, given); !reflect.DeepEqual(got, c.want) {
			t.Errorf("told of %d, then %d: %v", c.told, c.generation, got)
		}
	}
}
